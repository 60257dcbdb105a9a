# SPDX-License-Identifier: MIT
"""The reference story: GET /weather?city=London, which awaits an upstream."""

import json
import shutil
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from capricorn import Server, seconds, wait_until
from conftest import module_server
from tls_upstream import Certificates, TlsUpstream
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


# ---- the provider open-meteo, on a stand-in that says what the real one does ----

LONDON = {"id": 2643743, "name": "London", "latitude": 51.50853, "longitude": -0.12574,
          "elevation": 25.0, "feature_code": "PPLC", "country_code": "GB",
          "timezone": "Europe/London", "population": 8961989, "country": "United Kingdom",
          "admin1": "England"}
# Where some other places are, of which the forecast says something else.
LATITUDES = {"Hot": 1.5, "Late": 2.5, "Void": 3.5}


def wrong(reason):
    return answer("400 Bad Request", json.dumps({"reason": reason, "error": True}))


def geocode(query):
    """GET /v1/search: "results" is there only if something was found."""
    [name] = query["name"]
    if query["count"] != ["1"]:
        return wrong("Parameter count is not what it should be.")
    if name in ("Atlantis", "", "L"):
        return answer("200 OK", '{"generationtime_ms":0.6}')
    if name == "Wrong":
        return wrong("Parameter name is not what it should be.")
    if name == "Half":
        return answer("200 OK", '{"results":[{"id":1')
    if name == "Nowhere":
        return answer("200 OK", '{"results":[{"id":1,"name":"Nowhere"}],"generationtime_ms":0.6}')
    place = {**LONDON, "name": name, "latitude": LATITUDES.get(name, LONDON["latitude"])}
    return answer("200 OK", json.dumps({"results": [place], "generationtime_ms": 0.9}))


def forecast(upstream, query):
    """GET /v1/forecast: what "current" asks for, at the nearest point of its grid."""
    latitude, longitude = float(query["latitude"][0]), float(query["longitude"][0])
    if query["current"] != ["temperature_2m"] or longitude != LONDON["longitude"]:
        return wrong("A parameter is not what it should be.")
    if latitude == LATITUDES["Hot"]:
        return wrong("Latitude must be in range of -90 to 90.")
    if latitude == LATITUDES["Late"]:
        upstream.released.wait(seconds(30))
        return None
    temperature = None if latitude == LATITUDES["Void"] else 11.4
    return answer("200 OK", json.dumps({
        "latitude": 51.5, "longitude": -0.120000124, "generationtime_ms": 0.03,
        "utc_offset_seconds": 0, "timezone": "GMT", "timezone_abbreviation": "GMT",
        "elevation": 23.0,
        "current_units": {"time": "iso8601", "interval": "seconds", "temperature_2m": "°C"},
        "current": {"time": "2026-11-22T15:00", "interval": 900, "temperature_2m": temperature}}))


def open_meteo(upstream, path, connection, head):
    url = urlsplit(path)
    query = parse_qs(url.query, keep_blank_values=True)
    if url.path == "/v1/search":
        return geocode(query)
    if url.path == "/v1/forecast":
        return forecast(upstream, query)
    return answer("404 Not Found", '{"error":true,"reason":"Not Found"}')


def provided_by(geocoding, forecast):
    return {"weather": json.dumps({"provider": "open-meteo", "geocoding": geocoding,
                                   "forecast": forecast, "timeout_ms": 700})}


@pytest.fixture(scope="module")
def provided():
    with Upstream(open_meteo) as upstream:
        with Server(["weather"], configs=provided_by(upstream.url, upstream.url)) as server:
            server.upstream = upstream
            yield server


@pytest.mark.parametrize("city", ["London", "São Paulo", "a&count=9", "x#y?z"])
def test_open_meteo_is_asked_for_the_place_and_for_its_temperature(provided, city):
    before = len(provided.upstream.heads)
    assert weather(provided, city).json() == {"city": city, "temp_c": 11.4}
    assert [head.split(" ")[1] for head in provided.upstream.heads[before:]] == [
        f"/v1/search?name={quote(city, safe='')}&count=1",
        "/v1/forecast?latitude=51.50853&longitude=-0.12574&current=temperature_2m"]


def test_a_city_that_open_meteo_does_not_know_is_a_404(provided):
    for city in ("Atlantis", "L", ""):
        response = weather(provided, city)
        assert response.status == 404
        assert response.json() == {"detail": f'There is no city "{city}"'}


@pytest.mark.parametrize("city", ["Wrong", "Half", "Nowhere", "Hot", "Void"])
def test_what_open_meteo_says_is_wrong_or_malformed_is_a_502(provided, city):
    response = weather(provided, city)
    assert response.status == 502 and response.json()["detail"].startswith("The upstream"), city


def test_a_slow_forecast_is_a_504(provided):
    assert weather(provided, "Late").status == 504


def test_an_open_meteo_that_is_down_or_elsewhere_is_a_502():
    down = f"http://127.0.0.1:{unused_port()}"
    with Upstream(open_meteo) as upstream:
        for geocoding, forecast in ((down, upstream.url), (upstream.url, down),
                                    (upstream.url + "/wrong", upstream.url)):
            with Server(["weather"], configs=provided_by(geocoding, forecast)) as server:
                assert weather(server, "London").status == 502


@pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl command")
def test_open_meteo_is_asked_over_https(tmp_path):
    certificates = Certificates(tmp_path)
    with TlsUpstream(open_meteo, certificates.context("server")) as upstream:
        configs = provided_by(upstream.url, upstream.url)
        with Server(["weather"], configs=configs,
                    environment={"SSL_CERT_FILE": certificates.path("ca")}) as server:
            assert weather(server, "London").json() == {"city": "London", "temp_c": 11.4}
            assert weather(server, "Atlantis").status == 404
        assert upstream.connections == 1
        with Server(["weather"], configs=configs,
                    environment={"SSL_CERT_FILE": certificates.path("other_ca")}) as server:
            assert weather(server, "London").status == 502
            server.wait_for_log("its certificate is signed by")


@pytest.mark.parametrize("config, said", [
    ({"provider": "openmeteo"}, '"provider" must be "upstream" or "open-meteo"'),
])
def test_a_provider_that_cannot_be_asked_ends_the_start_with_the_reason(config, said):
    server = Server(["weather"], configs={"weather": json.dumps(config)}, start=False).launch()
    try:
        assert server.wait() == 3
        server.wait_for_log(said)
    finally:
        server.kill()


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
