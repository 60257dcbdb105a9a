# SPDX-License-Identifier: MIT
"""The examples, which the documents quote, do what they say."""
import json
import re

from capricorn import BUILD, ROOT, Server


def test_hello_greets_by_the_name_in_the_path(serve):
    reply = serve("hello").get("/hello/S%C3%A3o%20Paulo")
    assert (reply.status, reply.body.decode()) == (200, "hello, São Paulo")


def test_timing_adds_its_header_around_another_plugin(serve):
    reply = serve("timing", "hello").get("/hello/ada")
    assert reply.body == b"hello, ada"
    assert re.fullmatch(r"app;dur=\d+\.\d{3}", reply.get("server-timing"))


def test_all_of_them_are_served_from_one_directory(serve):
    names = sorted(path.parent.name for path in (ROOT / "examples").glob("*/*.c*"))
    built = [name for name in names if (BUILD / "examples" / f"{name}.so").exists()]
    assert {"hello", "hello_web", "timing"} <= set(built)
    server = serve(*built)
    replies = {"hello": "/hello/ada", "hello_web": "/greet/ada", "cpp_throw": "/throw/ada"}
    assert set(names) - {"timing"} == set(replies), "an example that nobody asks"
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
