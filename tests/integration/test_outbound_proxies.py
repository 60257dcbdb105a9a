# SPDX-License-Identifier: MIT
"""Outbound requests through proxies."""

import shutil
import time

import pytest

from capricorn import Server, seconds, wait_until
from fetching import fetch
from proxy import Proxy
from script import EINVAL, EPROTO, ETIMEDOUT, EUNREACH
from tls_upstream import Certificates, TlsUpstream
from upstream import Upstream, answer, unused_port

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"),
                                   reason="there is no openssl command")


def respond(_upstream, _path, _connection, _head):
    return answer("200 OK", "behind the proxy")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def upstream():
    with Upstream(respond) as started:
        yield started


@pytest.fixture
def tls_upstream(certificates):
    with TlsUpstream(respond, certificates.context("server")) as started:
        yield started


def behind(environment, certificates=None):
    if certificates:
        environment = {**environment, "SSL_CERT_FILE": certificates.path("ca")}
    return Server(["fetch"], environment=environment)


def test_a_proxy_is_told_the_whole_url(upstream):
    with Proxy() as proxy, behind({"http_proxy": proxy.url}) as server:
        for _ in range(3):
            fetched = fetch(server, f"http://far.test:{upstream.port}?a=b")
            assert fetched.body == b"behind the proxy"
        assert proxy.connections == 1
        assert proxy.heads[0].startswith(
            f"GET http://far.test:{upstream.port}/?a=b HTTP/1.1\r\nHost: far.test:{upstream.port}\r\n")


def test_no_proxy_is_reached_straight(upstream):
    with Proxy() as proxy:
        environment = {"HTTP_PROXY": proxy.url, "NO_PROXY": "127.0.0.0/8, x.test"}
        with behind(environment) as server:
            assert fetch(server, upstream.url).body == b"behind the proxy"
            assert proxy.connections == 0
            assert fetch(server, f"http://localhost:{upstream.port}/").status == 200
            assert proxy.connections == 1


def test_user_and_password_are_sent_and_left_out_of_messages(upstream):
    with Proxy(authorization="Basic dTpzZWNyZXQ=") as proxy:
        url = proxy.url.replace("://", "://u:secret@")
        with behind({"http_proxy": url}) as server:
            assert fetch(server, upstream.url).body == b"behind the proxy"
        with behind({"http_proxy": proxy.url}) as server:
            assert fetch(server, upstream.url).status == 407
    with behind({"http_proxy": url}) as server:
        fetched = fetch(server, upstream.url)
        assert fetched.error == EUNREACH
        assert f"{upstream.url}: the proxy {proxy.url}: " in fetched.detail
        assert "connection refused" in fetched.detail and "secret" not in fetched.detail


@needs_openssl
def test_https_goes_through_a_tunnel(certificates, tls_upstream):
    with Proxy(authorization="Basic dTpw") as proxy:
        url = proxy.url.replace("://", "://u:p@")
        with behind({"https_proxy": url}, certificates) as server:
            for _ in range(3):
                assert fetch(server, tls_upstream.url).body == b"behind the proxy"
        assert tls_upstream.connections == proxy.connections == 1
        assert proxy.heads[0].startswith(f"CONNECT localhost:{tls_upstream.port} HTTP/1.1\r\n"
                                         f"Host: localhost:{tls_upstream.port}\r\n")
        assert "Proxy-" not in tls_upstream.heads[0]


@needs_openssl
def test_the_certificate_behind_a_tunnel_is_judged(certificates):
    with TlsUpstream(respond, certificates.context("wrong_name")) as upstream, Proxy() as proxy, \
            behind({"https_proxy": proxy.url}, certificates) as server:
        fetched = fetch(server, upstream.url)
        assert fetched.error == EUNREACH
        assert f"{upstream.url}: its certificate is for elsewhere.test" in fetched.detail


@pytest.mark.parametrize("tunnel, error, said", [
    (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", EUNREACH,
     "it refused the tunnel: 407 Proxy Authentication Required (are its user and password right?)"),
    (b"HTTP/1.1 503 \r\nContent-Length: 0\r\n\r\n", EUNREACH, "it refused the tunnel: 503"),
    (Proxy.ESTABLISHED + b"x", EPROTO, "it sent something ahead of the tunnel's other end"),
    (b"SSH-2.0-OpenSSH_9\r\n", EPROTO, "its answer is not HTTP/1.1"),
    (b"HTTP/1.1 20", EPROTO, "it closed the connection instead of opening a tunnel"),
    (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 2000, EPROTO, "its answer is larger than 8 KiB"),
])
def test_what_a_proxy_says_to_connect_is_told(tunnel, error, said):
    port = unused_port()
    with Proxy(tunnel) as proxy, behind({"all_proxy": proxy.url}) as server:
        before = server.descriptors()
        fetched = fetch(server, f"https://localhost:{port}/")
        assert fetched.error == error
        assert f"https://localhost:{port}: the proxy {proxy.url}: " in fetched.detail
        assert said in fetched.detail
        wait_until(lambda: server.descriptors() <= before + 2, "the connection to be closed")


def test_a_proxy_that_does_not_answer_connect_is_given_up():
    with Proxy(None) as proxy, behind({"https_proxy": proxy.url}) as server:
        begun = time.monotonic()
        fetched = fetch(server, "https://far.test/", connect=150)
        assert fetched.error == ETIMEDOUT
        assert fetched.detail.endswith("no answer to CONNECT within 150 ms")
        assert time.monotonic() - begun < seconds(3)
        wait_until(lambda: proxy.ended == 1, "the connection to be closed")


def test_a_client_that_leaves_ends_the_wait_for_a_tunnel():
    with Proxy(None) as proxy, behind({"https_proxy": proxy.url}) as server:
        with server.connect() as client:
            client.send(b"POST /fetch HTTP/1.1\r\nHost: h\r\nX-Url: https://far.test/\r\n"
                        b"Content-Length: 0\r\n\r\n")
            wait_until(lambda: proxy.heads, "CONNECT")
        wait_until(lambda: proxy.ended == 1, "the connection to be closed", timeout=4)


@needs_openssl
def test_a_proxy_may_be_asked_over_tls(certificates, upstream):
    with Proxy(context=certificates.context("server")) as proxy, \
            behind({"all_proxy": proxy.url}, certificates) as server:
        assert fetch(server, upstream.url).body == b"behind the proxy"
        assert proxy.heads[0].startswith(f"GET {upstream.url}/ HTTP/1.1\r\n")
        fetched = fetch(server, "https://far.test/")
        assert fetched.error == EINVAL and "is itself https" in fetched.detail
    with Proxy(context=certificates.context("wrong_name")) as proxy, \
            behind({"all_proxy": proxy.url}, certificates) as server:
        fetched = fetch(server, upstream.url)
        assert f"the proxy {proxy.url}: its certificate is for elsewhere.test" in fetched.detail


def test_a_proxy_that_cannot_be_fails_what_it_is_for(upstream):
    with behind({"http_proxy": "socks5://localhost:1"}) as server:
        fetched = fetch(server, upstream.url)
        assert fetched.error == EINVAL
        assert "SOCKS proxies are not supported" in fetched.detail


def test_the_server_asks_itself_without_a_proxy():
    environment = {"all_proxy": f"http://127.0.0.1:{unused_port()}"}
    with Server(["weather", "weather_api"], environment=environment) as server:
        assert server.get("/weather?city=London").status == 200
