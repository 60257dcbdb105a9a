# SPDX-License-Identifier: MIT
"""The reference story: GET /weather?city=London, which awaits an upstream."""

import json
from urllib.parse import quote

import pytest

from capricorn import Server, seconds, wait_until
from conftest import module_server
from upstream import Upstream, answer, unused_port

server = module_server("weather", "weather_api")


def city_of(path):
    return path.rsplit("/", 1)[1]


def respond(upstream, path, connection, head):
    """What the scripted upstream says of a "city"."""
    city = city_of(path)
    good = answer("200 OK", '{"temp_c": 21.5}')
    if city == "Slow":
        upstream.released.wait(seconds(30))
        return None
    if city == "Close":
        return None
    if city == "Cut":
        connection.sendall(good[:-5])
        return None
    if city == "Chunked":
        return (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"8\r\n{\"temp_c\r\n8\r\n\": 21.5}\r\n0\r\n\r\n")
    return {
        "Html": answer("200 OK", "<p>21.5</p>", "text/html"),
        "Empty": answer("200 OK", ""),
        "Array": answer("200 OK", "[21.5]"),
        "Missing": answer("200 OK", '{"temperature": 21.5}'),
        "Text": answer("200 OK", '{"temp_c": "warm"}'),
        "Null": answer("200 OK", '{"temp_c": null}'),
        "Half": answer("200 OK", '{"temp_c": 21.5'),
        "Garbage": b"this is no HTTP at all\r\n\r\n",
        "Broken": answer("500 Internal Server Error", '{"detail": "oh"}'),
        "Busy": answer("503 Service Unavailable", '{"detail": "later"}'),
        "Unknown": answer("404 Not Found", '{"detail": "no such city"}'),
    }.get(city, good)


@pytest.fixture(scope="module")
def scripted():
    """An upstream of our own, and a server whose weather plugin asks it."""
    with Upstream(respond) as upstream:
        config = json.dumps({"upstream": upstream.url, "timeout_ms": 700})
        with Server(["weather"], configs={"weather": config}) as server:
            server.upstream = upstream
            yield server


def weather(server, city):
    return server.get(f"/weather?city={quote(city)}")


# ---- with the bundled upstream ----


def test_london_has_a_temperature(server):
    response = server.get("/weather?city=London")
    assert response.status == 200
    assert response.get("content-type") == "application/json"
    reply = response.json()
    assert list(reply) == ["city", "temp_c"] and reply["city"] == "London"
    assert isinstance(reply["temp_c"], (int, float)) and -20 < reply["temp_c"] < 40


@pytest.mark.parametrize("city", ["london", "LONDON", "lOnDoN"])
def test_the_city_is_found_in_any_case_and_echoed_as_asked(server, city):
    reply = weather(server, city).json()
    assert reply["city"] == city
    assert reply["temp_c"] == weather(server, "London").json()["temp_c"]


def test_a_city_may_be_percent_encoded(server):
    assert server.get("/weather?city=%4C%6Fndon").json()["city"] == "London"
    assert server.get("/weather?city=New%20York").json()["city"] == "New York"
    assert server.get("/weather?city=New+York").json()["city"] == "New York"


@pytest.mark.parametrize("city", ["São Paulo", "são paulo"])
def test_a_city_may_have_letters_beyond_ascii(server, city):
    response = weather(server, city)
    assert response.status == 200 and response.json()["city"] == city


def test_an_unknown_city_is_a_404_passed_through(server):
    response = weather(server, "Atlantis")
    assert response.status == 404 and "detail" in response.json()


@pytest.mark.parametrize("city", ["a/b", "../London", "London?x=y", "London#", "%2F", 'a"b', "😀"])
def test_a_strange_city_is_only_unknown(server, city):
    assert weather(server, city).status == 404


def test_a_missing_city_is_fastapis_422(server):
    response = server.get("/weather")
    assert response.status == 422
    assert response.get("content-type") == "application/json"
    assert response.json() == {"detail": [{"type": "missing", "loc": ["query", "city"],
                                           "msg": "Field required", "input": None}]}
    assert server.get("/weather?town=London").json() == response.json()


def test_another_method_is_a_405_with_allow(server):
    response = server.request("POST", "/weather?city=London")
    assert response.status == 405
    assert "GET" in response.get("allow")


def test_an_unknown_route_is_a_404(server):
    assert server.get("/wether").status == 404


def test_head_is_answered_without_a_body(server):
    assert server.request("HEAD", "/weather?city=London").status == 200


def test_the_upstream_itself_is_served(server):
    reply = server.get("/weather/London").json()
    assert reply["temp_c"] == weather(server, "London").json()["temp_c"]
    assert server.get("/weather/Atlantis").status == 404


def test_many_requests_on_one_connection(server):
    with server.connect() as connection:
        for _ in range(100):
            assert connection.exchange("GET", "/weather?city=Paris").status == 200


def test_many_connections_at_once(server):
    connections = [server.connect() for _ in range(100)]
    for connection in connections:
        connection.send_request("GET", "/weather?city=London")
    for connection in connections:
        assert connection.read_response().status == 200
        connection.close()


def test_over_a_unix_socket_the_default_upstream_still_works(serve):
    server = serve("weather", "weather_api", uds=True)
    assert weather(server, "London").status == 200


def test_an_app_of_this_server_can_be_the_upstream(serve):
    server = serve("weather", "weather_api",
                   configs={"weather": '{"upstream": "app:weather_api"}'})
    assert weather(server, "London").json()["city"] == "London"
    assert weather(server, "São Paulo").status == 200
    assert weather(server, "Atlantis").status == 404
    server.wait_for_access("Atlantis")
    assert not [line for line in server.access_log() if '"GET /weather/' in line], \
        "an in-process call is no request of a client"


def test_an_app_that_is_not_there_is_a_502(serve):
    server = serve("weather", configs={"weather": '{"upstream": "app:nobody"}'})
    assert weather(server, "London").status == 502


# ---- with an upstream that misbehaves ----


def test_a_good_answer_is_passed_on(scripted):
    assert weather(scripted, "London").json() == {"city": "London", "temp_c": 21.5}
    assert weather(scripted, "Chunked").json() == {"city": "Chunked", "temp_c": 21.5}


def test_the_upstream_is_asked_for_the_encoded_city(scripted):
    weather(scripted, "São Paulo/x")
    head = scripted.upstream.heads[-1]
    assert head.split(" ")[1] in ("/weather/S%C3%A3o%20Paulo%2Fx",)
    assert f"host: 127.0.0.1:{scripted.upstream.port}" in head.lower()


def test_connections_to_the_upstream_are_reused(scripted):
    weather(scripted, "London")
    before = scripted.upstream.connections
    for _ in range(20):
        assert weather(scripted, "London").status == 200
    assert scripted.upstream.connections == before


@pytest.mark.parametrize("city", ["Html", "Empty", "Array", "Missing", "Text", "Null", "Half",
                                  "Garbage", "Cut", "Close"])
def test_what_is_not_the_json_expected_is_a_502(scripted, city):
    since = scripted.mark()
    response = weather(scripted, city)
    assert response.status == 502, response.body
    assert isinstance(response.json()["detail"], str)
    assert not [line for line in scripted.log()[since:] if "sanitizer" in line.lower()]


def test_an_upstream_that_fails_is_a_502(scripted):
    assert weather(scripted, "Broken").status == 502


def test_a_404_is_passed_through(scripted):
    assert weather(scripted, "Unknown").status == 404


def test_a_slow_upstream_is_a_504(scripted):
    response = weather(scripted, "Slow")
    assert response.status == 504 and "detail" in response.json()


def test_others_are_served_while_one_waits(scripted):
    with scripted.connect() as slow:
        slow.send_request("GET", "/weather?city=Slow")
        for _ in range(5):
            assert weather(scripted, "London").status == 200
        assert slow.read_response().status == 504


def test_an_upstream_that_is_down_is_a_502(serve):
    server = serve("weather",
                   configs={"weather": f'{{"upstream": "http://127.0.0.1:{unused_port()}"}}'})
    response = weather(server, "London")
    assert response.status == 502 and "detail" in response.json()


def test_a_name_that_does_not_resolve_is_a_502(serve):
    server = serve("weather", configs={"weather": '{"upstream": "http://nobody.invalid"}'})
    assert weather(server, "London").status == 502


def test_an_upstream_that_comes_back_is_found_again(serve):
    with Upstream(respond) as upstream:
        server = serve("weather", configs={"weather": json.dumps({"upstream": upstream.url})})
        assert weather(server, "London").status == 200
        for connection in list(upstream.open):
            connection.shutdown(2)
        for _ in range(3):
            assert weather(server, "London").status == 200, "a stale connection is replaced"


def test_when_the_client_goes_away_the_upstream_request_is_cancelled(serve):
    with Upstream(respond) as upstream:
        config = json.dumps({"upstream": upstream.url, "timeout_ms": 60000})
        server = serve("weather", configs={"weather": config})
        with server.connect() as connection:
            connection.send_request("GET", "/weather?city=Slow")
            wait_until(lambda: upstream.heads, "the upstream was asked")
        upstream.open[0].settimeout(seconds(15))
        # the disconnect has a grace of 3 s; then the connection to the upstream is closed
        assert wait_until(lambda: upstream.open[0].fileno() == -1 or is_at_end(upstream.open[0]),
                          "the upstream's connection is closed", 15)


def is_at_end(connection):
    import socket
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


# ---- configuration ----


@pytest.mark.parametrize("config, named", [
    ('{"upstrem": "http://127.0.0.1:1"}', "upstrem"),
    ('{"upstream": 5}', "upstream"),
    ('{"timeout_ms": "soon"}', "timeout_ms"),
    ('{"upstream": ', "weather"),
    ("[]", "weather"),
])
def test_a_wrong_configuration_stops_the_start_and_is_named(config, named):
    server = Server(["weather"], configs={"weather": config}, start=False).launch()
    try:
        assert server.wait() == 3
        server.wait_for_log(f"ERROR:.*{named}")
    finally:
        server.kill()
