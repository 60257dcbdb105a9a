# SPDX-License-Identifier: MIT
"""Outbound requests over TLS, as a plugin sees them: whom the client believes, and what it says of
the others."""

import concurrent.futures
import shutil
import time

import pytest

from capricorn import Server, seconds, wait_until
from fetching import fetch
from script import EPROTO, ETIMEDOUT, EUNREACH
from tls_upstream import Certificates, SilentUpstream, TlsUpstream
from upstream import answer, unused_port

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl command")


def respond(_upstream, path, _connection, head):
    if path == "/close":
        return answer("200 OK", "bye", extra="Connection: close\r\n")
    if path == "/large":
        return answer("200 OK", b"x" * 3_000_000)
    if path == "/echo":
        return answer("200 OK", head)
    return answer("200 OK", "secret")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(certificates):
    with Server(["fetch"], environment={"SSL_CERT_FILE": certificates.path("ca")}) as started:
        yield started


@pytest.fixture
def upstream(certificates):
    with TlsUpstream(respond, certificates.context("server")) as started:
        yield started


def test_a_server_is_asked_by_name_and_by_address(server, upstream):
    for host in ("localhost", "127.0.0.1"):
        fetched = fetch(server, f"https://{host}:{upstream.port}/echo")
        assert fetched.status == 200, fetched.detail
        assert f"Host: {host}:{upstream.port}".encode() in fetched.body


def test_a_connection_is_used_again(server, upstream):
    for _ in range(5):
        assert fetch(server, upstream.url + "/").body == b"secret"
    assert upstream.connections == 1


def test_a_body_of_many_records_comes_whole(server, upstream):
    assert fetch(server, upstream.url + "/large").body == b"x" * 3_000_000


def test_a_session_is_resumed(server, upstream):
    for _ in range(3):
        assert fetch(server, upstream.url + "/close").body == b"bye"
    wait_until(lambda: len(upstream.resumed) == 3, "three connections")
    assert upstream.resumed == [False, True, True]


@pytest.mark.parametrize("name, sentence", [
    ("expired", "its certificate (expired) has expired on 2020-02-01 00:00:00 UTC"),
    ("wrong_name", "its certificate is for elsewhere.test, not for localhost"),
    ("self_signed", "its certificate (self_signed) is self-signed"),
    ("unknown", 'its certificate is signed by "other_ca", which this system does not know'),
])
def test_who_cannot_be_trusted_is_not_asked(server, certificates, name, sentence):
    before = server.descriptors()
    with TlsUpstream(respond, certificates.context(name)) as upstream:
        fetched = fetch(server, upstream.url + "/")
        assert fetched.error == EUNREACH
        assert f"https://localhost:{upstream.port}: " in fetched.detail
        assert sentence in fetched.detail
        assert upstream.heads == []
    wait_until(lambda: server.descriptors() <= before, "the connection to be closed")


def test_a_server_that_wants_a_certificate_is_told_of(server, certificates):
    with TlsUpstream(respond, certificates.context("server", wants_client=True)) as upstream:
        fetched = fetch(server, upstream.url + "/")
        assert fetched.error in (EUNREACH, EPROTO)
        assert "client certificate" in fetched.detail


def test_plain_http_is_no_tls(server):
    with SilentUpstream(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as upstream:
        fetched = fetch(server, f"https://localhost:{upstream.port}/")
        assert fetched.error == EPROTO
        assert "it does not speak TLS: it answers in plain HTTP" in fetched.detail


def test_nobody_there(server):
    fetched = fetch(server, f"https://127.0.0.1:{unused_port()}/")
    assert fetched.error == EUNREACH
    assert fetched.detail.endswith(": connection refused")


def test_the_handshake_is_within_the_connect_timeout(server):
    with SilentUpstream() as upstream:
        begun = time.monotonic()
        fetched = fetch(server, f"https://127.0.0.1:{upstream.port}/", connect=150)
        assert fetched.error == ETIMEDOUT
        assert fetched.detail.endswith("no TLS connection within 150 ms")
        assert time.monotonic() - begun < seconds(3)
        wait_until(lambda: upstream.ended == 1, "the connection to be closed")


def test_a_client_that_leaves_ends_the_handshake(server):
    with SilentUpstream() as upstream:
        with server.connect() as client:
            client.send(f"POST /fetch HTTP/1.1\r\nHost: h\r\nX-Url: https://127.0.0.1:"
                        f"{upstream.port}/\r\nContent-Length: 0\r\n\r\n".encode())
            wait_until(lambda: upstream.accepted == 1, "the connection")
            time.sleep(0.05)
        wait_until(lambda: upstream.ended == 1, "the connection to be closed", timeout=4)


def test_ca_certificates_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "none.pem").write_text("no certificate")
    environment = {"SSL_CERT_FILE": str(tmp_path / "none.pem")}
    with Server(["fetch"], environment=environment) as server, SilentUpstream() as upstream:
        for _ in range(2):
            fetched = fetch(server, f"https://127.0.0.1:{upstream.port}/")
            assert fetched.error == EUNREACH
            assert "SSL_CERT_FILE names" in fetched.detail
            assert "none.pem: there is none in it as PEM" in fetched.detail


def test_many_first_requests_at_once_wait_for_the_same_ca_certificates(certificates, upstream):
    environment = {"SSL_CERT_FILE": certificates.path("ca")}
    with Server(["fetch"], environment=environment) as server, \
            concurrent.futures.ThreadPoolExecutor(16) as threads:
        asked = [threads.submit(fetch, server, upstream.url + "/") for _ in range(16)]
        assert [each.result().body for each in asked] == [b"secret"] * 16
