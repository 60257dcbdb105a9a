# SPDX-License-Identifier: MIT
"""The contract, section 1: the HTTP scope."""

import pytest

from conftest import module_server

server = module_server("scope", "tasks")


def test_1_the_scope_says_type_version_method_scheme(server):
    scope = server.request("GET", "/scope").json()
    assert (scope["type"], scope["http_version"], scope["method"], scope["scheme"]) == \
        (1, "1.1", "GET", "http")
    assert scope["tls"] == 0 and scope["subprotocols"] == 0


def test_1_http_1_0_is_said(server):
    with server.connect() as connection:
        assert connection.exchange("GET", "/scope", version="1.0").json()["http_version"] == "1.0"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_1_the_method_is_as_received(server, method):
    assert server.request(method, "/scope").json()["method"] == method


def test_1_head_reaches_a_get_route(server):
    response = server.request("HEAD", "/scope/one/x")
    assert response.status == 200 and response.body == b""


def test_1_path_is_decoded_and_raw_path_is_untouched(server):
    scope = server.get("/scope/one/S%C3%A3o%20Paulo?city=S%C3%A3o&x=%20+").json()
    assert scope["path"].encode("latin-1").decode() == "/scope/one/São Paulo"
    assert scope["raw_path"] == "/scope/one/S%C3%A3o%20Paulo"
    assert scope["query_string"] == "city=S%C3%A3o&x=%20+"
    assert scope["path_params"][0][1].encode("latin-1").decode() == "São Paulo"


def test_1_an_encoded_slash_stays_in_its_segment(server):
    scope = server.get("/scope/one/a%2Fb").json()
    assert scope["path_params"] == [["name", "a/b"]]
    assert scope["endpoint"] == "one"
    assert scope["raw_path"] == "/scope/one/a%2Fb"


def test_1_the_rest_of_a_path_is_one_parameter(server):
    assert server.get("/scope/rest/a/b%20c/d").json()["path_params"] == [["rest", "a/b c/d"]]


def test_1_parameters_come_in_the_order_of_the_pattern(server):
    scope = server.get("/scope/two/42/x").json()
    assert scope["path_params"] == [["id", "42"], ["name", "x"]]
    assert server.get("/scope/two/forty/x").status == 404


@pytest.mark.parametrize("path", ["/scope/one/%FF", "/scope/one/%C3", "/scope/one/%C0%80",
                                  "/scope/one/%ED%A0%80", "/scope/one/%00", "/scope%00",
                                  "/nothing/%FF"])
def test_1_a_path_that_is_no_text_is_a_400_before_any_app_runs(server, path):
    assert server.get(path).status == 400


def test_1_an_empty_query_is_empty(server):
    assert server.get("/scope?").json()["query_string"] == ""
    assert server.get("/scope").json()["query_string"] == ""
    assert server.get("/scope?a?b").json()["query_string"] == "a?b"


def test_1_header_names_are_lowercased_and_order_and_duplicates_are_kept(server):
    headers = [("Host", "h"), ("X-Two", "1"), ("x-one", "b"), ("X-TWO", "2"), ("Cookie", "a=b"),
               ("Cookie", "c=d"), ("X-Empty", "")]
    scope = server.get("/scope", headers).json()
    assert scope["headers"] == [[name.lower(), value] for name, value in headers]


def test_1_header_values_are_trimmed_and_bytes_are_kept(server):
    with server.connect() as connection:
        connection.send(b"GET /scope HTTP/1.1\r\nHost: h\r\n"
                        b"X-A:  \t a b\t \r\nX-B: \xe9\xff\r\n\r\n")
        scope = connection.read_response().json()
    assert scope["headers"][1:] == [["x-a", "a b"], ["x-b", "\xe9\xff"]]


def test_1_many_and_long_headers_arrive_whole(server):
    headers = [("Host", "h")] + [(f"X-{i}", "v" * 250) for i in range(80)]
    assert server.get("/scope", headers).status == 200
    scope = server.get("/scope", [("Host", "h"), ("X-Long", "v" * 7000)]).json()
    assert scope["headers"][1] == ["x-long", "v" * 7000]


def test_1_client_and_server_addresses_are_said(server):
    with server.connect() as connection:
        scope = connection.exchange("GET", "/scope").json()
        assert (scope["client_host"], scope["client_port"]) == ("127.0.0.1", connection.port)
        assert (scope["server_host"], scope["server_port"]) == ("127.0.0.1", server.port)
        assert scope["server_url"] == f"http://127.0.0.1:{server.port}"


def test_1_on_a_unix_socket_the_server_is_its_path(serve):
    server = serve("scope", uds=True)
    scope = server.get("/scope").json()
    assert (scope["server_host"], scope["server_port"]) == (server.socket_path, 0)
    assert scope["client_port"] == 0
    assert scope["server_url"] == "http+unix://" + server.socket_path.replace("/", "%2F")


def test_1_the_scope_names_app_endpoint_and_route(server):
    scope = server.get("/scope/two/7/x").json()
    assert (scope["app"], scope["endpoint"]) == ("scope", "two")
    assert scope["route"] == "/scope/two/{id:int}/{name}"
    assert scope["root_path"] == "" and scope["route_config"] == "" and scope["locals"] == []
    assert scope["host_app"] == "scope" and scope["plugin_dir"] == str(server.plugin_dir)


def test_1_every_string_of_the_scope_is_followed_by_a_nul(server):
    assert server.get("/scope/two/7/x?a=b", [("X", "y")]).json()["nul"] == 1
    assert server.get("/scope").json()["nul"] == 1


def test_1_deadline_and_draining_are_asked_of_the_host(server):
    scope = server.get("/scope").json()
    assert scope["deadline"] == str(2**64 - 1)
    assert scope["draining"] == 0
