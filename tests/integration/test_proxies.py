# SPDX-License-Identifier: MIT
"""Behind proxies: X-Forwarded-* and Forwarded, and whose word on the client is taken."""

import subprocess

import pytest

from capricorn import BINARY, Server
from conftest import module_server

server = module_server("scope")

X_FORWARDED = [("Host", "inner"), ("X-Forwarded-For", "203.0.113.9"),
               ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "shop.example"),
               ("X-Forwarded-Port", "8443")]
FORWARDED = [("Host", "inner"),
             ("Forwarded", 'for="203.0.113.9:47011";proto=https;host="shop.example:8443"')]
SEEN = ("203.0.113.9", "https", "shop.example:8443")


def origin(server, headers):
    """What an application sees: the client, the scheme, and Host."""
    scope = server.get("/scope", headers).json()
    assert scope["nul"] == 1, "a string is not followed by a NUL"
    host = [value for name, value in scope["headers"] if name == "host"]
    assert len(host) == 1
    return scope["client_host"], scope["scheme"], host[0]


@pytest.mark.parametrize("headers", [X_FORWARDED, FORWARDED, X_FORWARDED + FORWARDED[1:]])
def test_the_local_proxy_is_believed_by_default(server, headers):
    assert origin(server, headers) == SEEN


def test_only_a_trusted_gateway_may_ask_for_https_over_a_plain_connection(server):
    def ask(running, headers=()):
        with running.connect() as connection:
            return connection.exchange("GET", "https://shop.example/scope", headers)

    scope = ask(server).json()
    assert (scope["scheme"], scope["path"]) == ("https", "/scope")
    assert ["host", "shop.example"] in scope["headers"]
    assert ask(server, [("X-Forwarded-Proto", "http")]).json()["scheme"] == "http"
    for arguments in (["--no-proxy-headers"], ["--forwarded-allow-ips", "192.0.2.1"]):
        with Server(["scope"], arguments=arguments) as strict:
            refused = ask(strict)
            assert refused.status == 421 and "not secured" in refused.json()["detail"]
            assert refused.keeps_alive


def test_the_headers_stay_as_they_came(server):
    scope = server.get("/scope", X_FORWARDED).json()
    assert scope["headers"][1:] == [[name.lower(), value] for name, value in X_FORWARDED[1:]]


def test_the_port_of_the_client_is_the_forwarded_one_or_0(server):
    assert server.get("/scope", FORWARDED).json()["client_port"] == 47011
    assert server.get("/scope", X_FORWARDED).json()["client_port"] == 0


def test_the_server_address_stays_the_connections(server):
    scope = server.get("/scope", X_FORWARDED).json()
    assert (scope["server_host"], scope["server_port"]) == ("127.0.0.1", server.port)


def test_each_request_of_a_connection_has_its_own_client(server):
    with server.connect() as connection:
        for client in ("203.0.113.1", None, "2001:db8::2", "203.0.113.3"):
            headers = [("X-Forwarded-For", client)] if client else []
            scope = connection.exchange("GET", "/scope", headers).json()
            assert scope["client_host"] == (client or "127.0.0.1")
            assert scope["client_port"] == (0 if client else connection.port)


def test_a_host_is_added_where_http_1_0_has_none(server):
    with server.connect() as connection:
        scope = connection.exchange("GET", "/scope", X_FORWARDED[1:], version="1.0").json()
    assert scope["headers"][0] == ["host", "shop.example:8443"]


def test_contradicting_kinds_are_refused_and_the_connection_is_kept(server):
    with server.connect() as connection:
        response = connection.exchange("GET", "/scope", X_FORWARDED + [("Forwarded", "for=10.0.0.1")])
        assert response.status == 400 and "contradict" in response.json()["detail"]
        assert connection.exchange("GET", "/scope").status == 200
    server.wait_for_log(r"127\.0\.0\.1:\d+: its request was refused: Forwarded and X-Forwarded-\*")


def test_what_the_client_wrote_before_the_proxy_does_not_count(serve):
    server = serve("scope", arguments=["--forwarded-allow-ips", "127.0.0.1,10.0.0.0/8"])
    chain = [("X-Forwarded-For", "127.0.0.1, 10.9.9.9"),
             ("X-Forwarded-For", "203.0.113.9, 10.0.0.2")]
    assert origin(server, chain)[0] == "203.0.113.9"
    assert origin(server, [("Forwarded", 'for=127.0.0.1, for=", for=203.0.113.9, for=10.0.0.2')])[0] \
        == "203.0.113.9"


def test_the_access_log_has_the_forwarded_client(server):
    server.get("/scope?log=1", X_FORWARDED)
    server.wait_for_access(r' 203\.0\.113\.9:0 - "GET /scope\?log=1 HTTP/1\.1" 200 OK')
    server.get("/scope?log=2", [("X-Forwarded-For", "2001:db8::9")])
    server.wait_for_access(r' \[2001:db8::9\]:0 - "GET /scope\?log=2 ')
    with server.connect() as connection:
        connection.exchange("GET", "/scope?log=3")
        server.wait_for_access(rf' 127\.0\.0\.1:{connection.port} - "GET /scope\?log=3 ')


@pytest.mark.parametrize("arguments", [["--no-proxy-headers"],
                                       ["--forwarded-allow-ips", "127.0.0.2,10.0.0.0/8,unix:"]])
def test_an_untrusted_peer_says_nothing(serve, arguments):
    server = serve("scope", arguments=arguments)
    assert origin(server, X_FORWARDED) == ("127.0.0.1", "http", "inner")
    assert origin(server, FORWARDED) == ("127.0.0.1", "http", "inner")
    contradiction = X_FORWARDED + [("Forwarded", "for=10.0.0.1")]
    assert origin(server, contradiction) == ("127.0.0.1", "http", "inner")


@pytest.mark.parametrize("trusted, believed", [("127.0.0.1", False), ("unix:", True), ("*", True)])
def test_on_a_unix_socket_peers_are_trusted_by_name(serve, trusted, believed):
    server = serve("scope", uds=True, arguments=["--forwarded-allow-ips", trusted])
    client, scheme, host = origin(server, X_FORWARDED)
    assert scheme == ("https" if believed else "http")
    assert host == ("shop.example:8443" if believed else "inner")
    assert (client == "203.0.113.9") == believed
    server.wait_for_access(rf' {"203.0.113.9:0" if believed else "unix"} - "GET /scope ')


def test_the_list_comes_from_the_environment_too(serve):
    server = serve("scope", environment={"CAPRICORN_FORWARDED_ALLOW_IPS": "10.0.0.1"})
    assert origin(server, X_FORWARDED)[0] == "127.0.0.1"


def test_a_list_that_is_none_is_a_usage_error():
    run = subprocess.run([BINARY, "run", "--forwarded-allow-ips", "127.0.0.1, proxy.example"],
                         capture_output=True, text=True, timeout=20)
    assert run.returncode == 2
    assert '--forwarded-allow-ips: found "proxy.example": neither an address' in run.stderr
