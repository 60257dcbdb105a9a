# SPDX-License-Identifier: MIT
"""The PROXY protocol: every connection begins with a header that says whose it is."""

import signal
import socket
import struct
import time

import pytest

from capricorn import wait_until
from conftest import module_server

server = module_server("scope", arguments=["--proxy-protocol"])

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LINE = b"PROXY TCP4 203.0.113.9 10.0.0.1 1234 443\r\n"
REQUEST = b"GET /scope HTTP/1.1\r\nHost: h\r\n\r\n"


def binary(family, addresses, command=0x21, more=b""):
    return SIGNATURE + struct.pack("!BBH", command, family, len(addresses + more)) + addresses + more


def ends(family, peer, local, peer_port, local_port):
    return (socket.inet_pton(family, peer) + socket.inet_pton(family, local)
            + struct.pack("!HH", peer_port, local_port))


IPV4 = ends(socket.AF_INET, "203.0.113.9", "10.0.0.1", 1234, 443)
IPV6 = ends(socket.AF_INET6, "2001:db8::9", "::1", 1234, 443)
TLV = b"\x04\x00\x03abc" + b"\x20\x00\x05\x01\x00\x00\x00\x00"


def ask(server, *pieces):
    """The scope that comes of these pieces, sent one by one."""
    with server.connect() as connection:
        for piece in pieces:
            connection.send(piece)
        return connection.read_response().json()


def client(scope):
    return scope["client_host"], scope["client_port"]


@pytest.mark.parametrize("header, expected", [
    (LINE, ("203.0.113.9", 1234)),
    (b"PROXY TCP6 2001:db8::9 ::1 1234 443\r\n", ("2001:db8::9", 1234)),
    (binary(0x11, IPV4), ("203.0.113.9", 1234)),
    (binary(0x21, IPV6), ("2001:db8::9", 1234)),
    (binary(0x11, IPV4, more=TLV), ("203.0.113.9", 1234)),
])
def test_the_header_names_client_and_server(server, header, expected):
    scope = ask(server, header + REQUEST)
    assert client(scope) == expected
    assert (scope["server_host"], scope["server_port"]) == \
        ("10.0.0.1" if expected[0] == "203.0.113.9" else "::1", 443)
    assert scope["nul"] == 1


@pytest.mark.parametrize("header", [
    b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN 1 2 3\r\n", binary(0x00, b""), binary(0x11, IPV4, 0x20),
])
def test_unknown_and_local_keep_the_connections_own_ends(server, header):
    with server.connect() as connection:
        connection.send(header + REQUEST)
        scope = connection.read_response().json()
        assert client(scope) == ("127.0.0.1", connection.port)
        assert (scope["server_host"], scope["server_port"]) == ("127.0.0.1", server.port)


@pytest.mark.parametrize("header", [LINE, binary(0x11, IPV4, more=TLV)])
def test_header_and_request_may_be_split_anywhere(server, header):
    whole = header + REQUEST
    for at in range(1, len(whole)):
        assert client(ask(server, whole[:at], whole[at:])) == ("203.0.113.9", 1234), at


@pytest.mark.parametrize("header", [LINE, binary(0x21, IPV6, more=TLV)])
def test_header_and_request_may_come_in_single_bytes(server, header):
    scope = ask(server, *(bytes([byte]) for byte in header + REQUEST))
    assert scope["client_port"] == 1234


def test_all_requests_of_the_connection_are_its_clients(server):
    with server.connect() as connection:
        connection.send(LINE + REQUEST * 3)
        for _ in range(3):
            assert client(connection.read_response().json()) == ("203.0.113.9", 1234)


def test_a_large_body_may_follow_at_once(server):
    with server.connect() as connection:
        body = b"x" * 300000
        connection.send(LINE + b"POST /scope HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n" + body)
        assert client(connection.read_response().json()) == ("203.0.113.9", 1234)


def test_the_access_log_has_the_client_of_the_header(server):
    ask(server, LINE + REQUEST.replace(b"/scope", b"/scope?log=1"))
    server.wait_for_access(r' 203\.0\.113\.9:1234 - "GET /scope\?log=1 HTTP/1\.1" 200 OK')


@pytest.mark.parametrize("start", [
    REQUEST, b"\r\n" + REQUEST, b"PROXY TCP4 203.0.113.9 10.0.0.1 1234\r\n" + REQUEST,
    b"PROXY UNKNOWN" + b" " * 93 + b"\r\n" + REQUEST, b"PROXY UNKNOWN\n" + REQUEST,
    binary(0x11, IPV4[:-1]) + REQUEST, binary(0x13, IPV4) + REQUEST, binary(0x11, IPV4, 0x11) + REQUEST,
    binary(0x11, IPV4, more=b"x" * 8181) + REQUEST,
])
def test_a_connection_that_begins_otherwise_is_closed_without_a_word(server, start):
    with server.connect() as connection:
        connection.send(start)
        assert connection.is_closed()


def test_headers_at_their_longest_are_read(server):
    line = b"PROXY UNKNOWN" + b" " * 92 + b"\r\n"
    assert len(line) == 107
    assert ask(server, line + REQUEST)["client_host"] == "127.0.0.1"
    scope = ask(server, binary(0x11, IPV4, more=b"x" * 8180) + REQUEST)
    assert client(scope) == ("203.0.113.9", 1234)


def test_a_second_header_is_no_request(server):
    with server.connect() as connection:
        connection.send(LINE + LINE)
        assert connection.read_response().status >= 400
        assert connection.is_closed()


def test_the_named_client_is_asked_for_trust_not_the_proxy(serve):
    forwarded = REQUEST.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n")
    server = serve("scope", arguments=["--proxy-protocol", "--forwarded-allow-ips",
                                       "127.0.0.1,10.0.0.0/8"])
    assert ask(server, LINE + forwarded)["client_host"] == "203.0.113.9"
    inner = LINE.replace(b"203.0.113.9", b"10.1.2.3")
    assert ask(server, inner + forwarded)["client_host"] == "198.51.100.7"
    assert ask(server, b"PROXY UNKNOWN\r\n" + forwarded)["client_host"] == "198.51.100.7"


def test_only_trusted_proxies_may_connect(serve):
    server = serve("scope", arguments=["--proxy-protocol", "--forwarded-allow-ips", "127.0.0.2"])
    with server.connect() as connection:
        assert connection.is_closed()
    server.wait_for_log(r"127\.0\.0\.1:\d+: its connection was closed: with --proxy-protocol only")


def test_proxies_on_a_unix_socket(serve):
    server = serve("scope", uds=True,
                   arguments=["--proxy-protocol", "--forwarded-allow-ips", "unix:"])
    assert client(ask(server, LINE + REQUEST)) == ("203.0.113.9", 1234)
    server.wait_for_access(r' 203\.0\.113\.9:1234 - "GET /scope ')


def test_without_the_option_a_header_is_a_malformed_request(serve):
    server = serve("scope")
    with server.connect() as connection:
        connection.send(LINE + REQUEST)
        assert connection.read_response().status >= 400
        assert connection.is_closed()


def test_a_complaint_is_logged_once_a_second_at_most(server):
    since = server.mark()
    for _ in range(20):
        with server.connect() as connection:
            connection.send(REQUEST)
            assert connection.is_closed()
    lines = [line for line in server.log()[since:] if "does not begin with a PROXY header" in line]
    assert len(lines) <= 10


@pytest.mark.parametrize("sent", [b"", LINE[:10], binary(0x11, IPV4)[:20]])
def test_a_connection_whose_header_is_awaited_does_not_hold_up_stopping(serve, sent):
    server = serve("scope", arguments=["--proxy-protocol"])
    with server.connect() as connection:
        connection.send(sent)
        assert client(ask(server, LINE + REQUEST)) == ("203.0.113.9", 1234)
        server.stop(number=signal.SIGTERM)
        assert connection.is_closed()


def test_a_header_has_the_time_of_a_requests_head(serve):
    server = serve("scope", arguments=["--proxy-protocol", "--timeout-headers", "300ms"])
    for sent in (b"", LINE[:10], SIGNATURE):
        with server.connect() as connection:
            connection.send(sent)
            began = time.monotonic()
            assert connection.is_closed()
            assert time.monotonic() - began > 0.25
    with server.connect() as connection:
        connection.send(LINE[:10])
        time.sleep(0.1)
        connection.send(LINE[10:] + REQUEST)
        assert client(connection.read_response().json()) == ("203.0.113.9", 1234)


def test_a_client_that_goes_within_the_header_leaves_nothing(server):
    before = server.descriptors()
    for sent in (b"", LINE[:10], SIGNATURE):
        with server.connect() as connection:
            connection.send(sent)
            connection.socket.shutdown(socket.SHUT_WR)
            assert connection.is_closed()
        with server.connect() as connection:
            connection.send(sent)
            connection.reset()
    wait_until(lambda: server.descriptors() <= before, "the connections are closed")
