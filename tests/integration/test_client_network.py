# SPDX-License-Identifier: MIT
"""An app's client with a network of its own: trust, certificates, proxies and limits."""

import concurrent.futures
import json
import shutil
from urllib.parse import quote

import pytest

from capricorn import Server, wait_until
from proxy import Proxy
from tls_upstream import Certificates, TlsUpstream
from upstream import Upstream, answer

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"),
                                   reason="there is no openssl command")
INSECURE, NO_ENVIRONMENT = 1 << 9, 1 << 10


def respond(_upstream, _path, _connection, _head):
    return answer("200 OK", "hello")


@pytest.fixture(name="certificates", scope="module")
def make_certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


def running(environment=None, **config):
    return Server(["networks"], configs={"networks": json.dumps(config)}, environment=environment)


def ask(server, url):
    return server.request("GET", f"/ask?url={quote(url, safe='')}", [("Host", "h")])


def assert_asked(server, url):
    response = ask(server, url)
    assert response.status == 200, response.body
    assert json.loads(response.body) == {"status": 200, "body": "hello"}


def assert_refused(server, url, sentence):
    assert ask(server, url).status == 502
    server.wait_for_log(sentence)


@needs_openssl
def test_a_ca_of_its_own_is_trusted_in_the_place_of_the_systems(certificates):
    with TlsUpstream(respond, certificates.context("server")) as upstream, \
            TlsUpstream(respond, certificates.context("unknown")) as other:
        with running(ca_file=certificates.path("ca")) as server:
            assert_asked(server, upstream.url)
            assert_refused(server, other.url, 'is signed by "other_ca"')
        with running({"SSL_CERT_FILE": certificates.path("ca")},
                     ca_file=certificates.path("other_ca")) as server:
            assert_asked(server, other.url)
            assert_refused(server, upstream.url, 'is signed by "ca"')


@needs_openssl
def test_a_certificate_is_shown_to_who_asks_for_one(certificates):
    with TlsUpstream(respond, certificates.context("server", wants_client=True)) as upstream:
        files = {"cert_file": certificates.path("client"),
                 "key_file": certificates.path("client", "key")}
        with running(ca_file=certificates.path("ca"), **files) as server:
            assert_asked(server, upstream.url)
        with running(ca_file=certificates.path("ca")) as server:
            assert_refused(server, upstream.url, "certificate")


@needs_openssl
def test_an_insecure_client_believes_anybody_and_the_log_warns(certificates):
    with TlsUpstream(respond, certificates.context("self_signed")) as upstream:
        with running(flags=INSECURE) as server:
            server.wait_for_log("plugin networks: a client of it believes whoever answers")
            assert_asked(server, upstream.url)
        with running() as server:
            assert_refused(server, upstream.url, "is self-signed")


def test_a_proxy_of_its_own_beats_the_environments():
    with Upstream(respond) as upstream, Proxy() as own, Proxy() as other:
        environment = {"http_proxy": other.url, "no_proxy": "*"}
        with running(environment, proxy=own.url) as server:
            assert_asked(server, upstream.url)
        assert (own.connections, other.connections) == (1, 0)


def test_the_environment_can_be_left_out():
    with Upstream(respond) as upstream, Proxy() as proxy:
        with running({"http_proxy": proxy.url}, flags=NO_ENVIRONMENT) as server:
            assert_asked(server, upstream.url)
        assert proxy.connections == 0
        with running({"http_proxy": proxy.url}) as server:
            assert_asked(server, upstream.url)
        assert proxy.connections == 1


def respond_when_released(upstream, path, _connection, _head):
    upstream.released.wait(10)
    return answer("200 OK", "hello")


def test_who_needs_one_connection_more_than_there_may_be_waits():
    with Upstream(respond_when_released) as upstream, running(per_origin=2) as server, \
            concurrent.futures.ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(ask, server, upstream.url) for _ in range(3)]
        wait_until(lambda: len(upstream.heads) == 2, "two requests")
        upstream.released.set()
        assert [each.result().status for each in asked] == [200] * 3
        assert upstream.connections == 2


def test_who_waits_too_long_for_a_connection_is_told():
    with Upstream(respond_when_released) as upstream, \
            running(per_origin=1, pool_timeout_ms=50) as server, \
            concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, server, upstream.url)
        wait_until(lambda: len(upstream.heads) == 1, "the first request")
        assert ask(server, upstream.url).status == 504
        server.wait_for_log("no free connection within 50 ms")
        upstream.released.set()
        assert first.result().status == 200


@pytest.mark.parametrize("config, sentence", [
    ({"ca_file": "/nowhere/ca.pem"}, "client_new: ca_file: CA file /nowhere/ca.pem: "),
    ({"cert_file": "/nowhere/c.pem"}, "client_new: cert_file: certificate file /nowhere/c.pem: "),
    ({"key_file": "/nowhere/k.pem"}, "client_new: key_file: it needs the certificate's cert_file"),
    ({"proxy": "socks5://u:hidden@h"}, "client_new: proxy: it cannot be used: SOCKS proxies"),
    ({"flags": INSECURE, "ca_file": "/nowhere"}, "client_new: ca_file: with CSGI_CLIENT_INSECURE"),
])
def test_a_wrong_option_fails_the_start(config, sentence):
    server = Server(["networks"], configs={"networks": json.dumps(config)}, start=False).launch()
    try:
        assert server.wait() != 0
        server.wait_for_log(sentence)
        assert not [line for line in server.log() if "hidden" in line]
    finally:
        server.kill()


@needs_openssl
def test_a_key_that_is_not_the_certificates_fails_the_start(certificates):
    test_a_wrong_option_fails_the_start({"cert_file": certificates.path("client"),
                                         "key_file": certificates.path("server", "key")},
                                        "client_new: key_file: key file ")
