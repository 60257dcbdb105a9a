# SPDX-License-Identifier: MIT
"""The examples, which the documents quote, do what they say."""
import json
import json
import re
import time
from urllib.parse import unquote

from capricorn import BUILD, ROOT, Server, seconds, wait_until
from upstream import Upstream, answer


def test_hello_greets_by_the_name_in_the_path(serve):
    reply = serve("hello").get("/hello/S%C3%A3o%20Paulo")
    assert (reply.status, reply.body.decode()) == (200, "hello, São Paulo")


def test_timing_adds_its_header_around_another_plugin(serve):
    reply = serve("timing", "hello").get("/hello/ada")
    assert reply.body == b"hello, ada"
    assert re.fullmatch(r"app;dur=\d+\.\d{3}", reply.get("server-timing"))


def test_all_of_them_are_served_from_one_directory(serve):
    names = sorted({path.parent.name for path in (ROOT / "examples").glob("*/*.c*")})
    built = [name for name in names if (BUILD / "examples" / f"{name}.so").exists()]
    assert {"hello", "hello_web", "timing"} <= set(built)
    server = serve(*built)  # postgres and redis connect when they are asked: see their tests
    replies = {"hello": "/hello/ada", "hello_web": "/greet/ada", "cpp_throw": "/throw/ada"}
    asked_below = {"timing", "background", "blocking", "cache", "periodic", "fan_out", "postgres",
                   "redis"}
    assert set(names) - asked_below == set(replies), "an example that nobody asks"
    for name in set(built) & set(replies):
        reply = server.get(replies[name])
        assert reply.status == 200 and b"ada" in reply.body, name
        assert reply.get("server-timing")


def test_the_routes_file_serves_its_plugins_where_it_says(tmp_path):
    text = (ROOT / "examples" / "routes" / "routes.json").read_text()
    file = tmp_path / "routes.json"
    file.write_text(text.replace("../../build/", f"{BUILD}/"))
    with Server(plugin_dir=BUILD / "plugins", arguments=[str(file)]) as server:
        reply = server.get("/weather?city=London")
        assert (reply.status, reply.json()["city"]) == (200, "London")
        assert reply.get("server-timing")
        assert server.get("/greet/ada").body == b"hello, ada"
        assert server.get("/cities/weather/London").status == 200
        assert server.get("/hello/ada").status == 404
        assert server.request("POST", "/weather").get("allow") == "GET, HEAD, OPTIONS"


def test_the_raw_examples_stand_a_route_without_their_parameter(tmp_path):
    built = [name for name in ("hello", "cpp_throw") if (BUILD / "examples" / f"{name}.so").exists()]
    file = tmp_path / "routes.json"
    routes = [{"path": f"/{name}", "app": str(name)} for name in built]
    apps = {name: {"plugin": str(BUILD / "examples" / f"{name}.so")} for name in built}
    file.write_text(json.dumps({"apps": apps, "routes": routes}))
    with Server(plugin_dir=BUILD / "plugins", arguments=[str(file)]) as server:
        for name in built:
            assert server.get(f"/{name}").status == 200


# ---- blocking: a handler that blocks ----


def test_a_handler_that_blocks_writes_and_is_counted(serve):
    server = serve("blocking")
    connections = [server.connect() for _ in range(10)]
    for i, connection in enumerate(connections):
        connection.send_request("POST", f"/guests/ada{i}")
    replies = [connection.read_response() for connection in connections]
    assert [reply.status for reply in replies] == [201] * 10
    assert sorted(reply.json()["number"] for reply in replies) == list(range(1, 11))
    assert server.get("/guests").json() == {"guests": 10}
    lines = (server.directory / "guests.txt").read_text().splitlines()
    assert sorted(lines) == [f"ada{i}" for i in range(10)]
    for connection in connections:
        connection.close()


def test_what_blocks_may_fail(serve):
    server = serve("blocking", configs={"blocking": '{"file": "/nowhere/guests.txt"}'})
    reply = server.request("POST", "/guests/ada")
    assert (reply.status, reply.json()) == (503, {"detail": "the guest book cannot be written to"})
    server.wait_for_log("cannot write to the guest book: No such file or directory")


# ---- background: work after the reply ----


def test_background_work_comes_after_the_reply(serve):
    server = serve("background")
    began = time.monotonic()
    reply = server.request("POST", "/signup/ada")
    assert (reply.status, reply.json()) == (202, {"accepted": "ada"})
    assert time.monotonic() - began < seconds(0.19), "the reply does not wait for the mail"
    server.wait_for_log("welcome, ada")
    assert wait_until(lambda: server.get("/sent").json()["sent"] == 1, "it was counted")


def test_a_call_that_fails_does_no_background_work(serve):
    server = serve("background")
    assert server.request("POST", "/signup/" + "a" * 64).status == 400
    assert server.request("POST", "/signup/" + "a" * 63).status == 202
    server.wait_for_log("welcome, a{63}$")
    assert server.get("/sent").json() == {"sent": 1}


def test_shutdown_waits_for_background_work(serve):
    server = serve("background")
    assert server.request("POST", "/signup/ada").status == 202
    server.stop()
    lines = server.log()
    welcome = next(at for at, line in enumerate(lines) if "welcome, ada" in line)
    assert "Application shutdown complete" in "\n".join(lines[welcome:])


def test_shutdown_cancels_background_work_at_the_graceful_limit(serve):
    server = serve("background", arguments=["--timeout-graceful-shutdown", "0.05"])
    assert server.request("POST", "/signup/ada").status == 202
    server.stop()
    log = "\n".join(server.log())
    assert ("plugin background, job send_mail has not ended within --timeout-graceful-shutdown: "
            "it is cancelled") in log
    assert "welcome, ada" not in log


# ---- periodic: a job of the app ----


def test_a_periodic_job_comes_again_and_again_until_the_server_stops(serve):
    server = serve("periodic", configs={"periodic": '{"every_ms": 20}'})
    wait_until(lambda: server.get("/rounds").json()["rounds"] >= 3, "it came three times")
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < seconds(5), "it is cancelled at once"
    assert "has not ended" not in "\n".join(server.log())


# ---- fan_out: three cities at once ----


def city_of(path):
    return unquote(path.rpartition("=")[2])


def test_fan_out_asks_three_cities_at_once(serve):
    temperatures = {"London": 11.5, "Paris": 14, "Rome": 21.5}

    def respond(upstream, path, connection, head):
        time.sleep(0.3)
        return answer("200 OK", json.dumps({"temp_c": temperatures[city_of(path)]}))

    with Upstream(respond) as upstream:
        server = serve("fan_out", configs={"fan_out": json.dumps({"upstream": upstream.url})})
        began = time.monotonic()
        assert server.get("/warmest").json() == {"city": "Rome", "temp_c": 21.5}
        assert time.monotonic() - began < seconds(0.85), "they are asked at once"
        assert len(upstream.heads) == 3


def test_the_first_city_that_fails_cancels_the_others(serve):
    def respond(upstream, path, connection, head):
        if city_of(path) == "Paris":
            return answer("500 Internal Server Error", "{}")
        upstream.released.wait(10)
        return None

    with Upstream(respond) as upstream:
        server = serve("fan_out", configs={"fan_out": json.dumps({"upstream": upstream.url})})
        began = time.monotonic()
        reply = server.get("/warmest")
        assert (reply.status, reply.json()["detail"]) == (502, "The upstream answered 500")
        assert time.monotonic() - began < seconds(3)
