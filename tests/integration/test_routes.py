# SPDX-License-Identifier: MIT
"""What a routes file means, from the command line to the wire."""

import json
import re
import shutil
import subprocess

import pytest

from capricorn import BINARY, ROOT, Server, own_environment, plugin, seconds
from script import ECANCELED, ETIMEDOUT, READ, REPORT, Script, body, sleep, start


class Routed(Server):
    """A server with a routes file: an object that is written as JSON, or text."""

    def __init__(self, routes, plugins=(), **options):
        self.routes = routes
        super().__init__(plugins, start=False, **options)
        path = self.directory / "routes.json"
        path.write_text(routes if isinstance(routes, str) else json.dumps(routes))
        path.chmod(0o644)
        self.command.append(str(path))
        self.start()


def write(folder, routes, *plugins):
    """A routes file with a plugin directory beside it."""
    (folder / "plugins").mkdir(mode=0o755)
    for name in plugins:
        target = folder / "plugins" / f"{name}.so"
        target.write_bytes(plugin(name).read_bytes())
        target.chmod(0o755)
    path = folder / "routes.json"
    path.write_text(routes if isinstance(routes, str) else json.dumps(routes))
    return path


def run(*arguments, cwd):
    return subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True, text=True,
                          timeout=seconds(30), cwd=cwd, env=own_environment())


@pytest.fixture(scope="module")
def server():
    routes = {
        "apps": {"one": {"plugin": "scope"}, "two": {"plugin": "scope"}},
        "routes": [
            {"path": "/one/{name}", "app": "one:show", "methods": ["GET"], "config": {"k": [1]}},
            {"path": "/hosts", "app": "one:show", "host": "api.example.com"},
            {"path": "/hosts", "app": "two:show", "host": "*.example.com"},
            {"path": "/marked", "app": "one:show", "middleware": ["around:mark"]},
            {"mount": "/all", "app": "two:show"},
            {"mount": "/two", "app": "two"},
            {"path": "/slow", "app": "script", "timeout": "200ms"},
            {"path": "/small", "app": "script", "limit_body": 1024},
            {"path": "/large", "app": "script", "limit_body": "64KiB"},
            {"path": "/any", "app": "script", "limit_body": 0},
            {"path": "/usual", "app": "script"},
        ],
    }
    with Routed(routes, ["scope", "around", "script", "tasks"],
                arguments=["--limit-body", "2KiB"]) as running:
        yield running


def scope(server, target, **options):
    response = server.get(target, **options)
    assert response.status == 200, response
    return response.json()


def test_a_route_leads_to_its_app_with_what_it_says(server):
    told = scope(server, "/one/a%2Fb")
    assert told["app"] == "one" and told["endpoint"] == "show"
    assert told["route"] == "/one/{name}" and told["path_params"] == [["name", "a/b"]]
    assert json.loads(told["route_config"]) == {"k": [1]} and told["root_path"] == ""
    refused = server.request("POST", "/one/x")
    assert refused.status == 405 and refused.get("allow") == "GET, HEAD, OPTIONS"


def test_default_routes_do_not_count(server):
    assert server.get("/scope").status == 404


def test_a_host_has_its_own_routes(server):
    def app(host):
        with server.connect() as connection:
            connection.send(f"GET /hosts HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            response = connection.read_response()
            return response.json()["app"] if response.status == 200 else response.status

    assert app("api.example.com") == app("API.example.com.:8000") == "one"
    assert app("www.example.com") == app("a.b.example.com") == "two"
    assert app("example.com") == app("other.test") == 404


def test_middleware_stands_around_its_route_alone(server):
    assert server.get("/marked").get("x-marked") == "yes"
    assert "x-marked" not in dict(server.get("/one/x").headers)


def test_a_mounted_endpoint_gets_all_below_its_prefix(server):
    for target, params in (("/all", []), ("/all/", [["path", ""]]), ("/all/x/y", [["path", "x/y"]])):
        told = scope(server, target)
        assert told["app"] == "two" and told["root_path"] == "/all"
        assert told["path"] == target and told["path_params"] == params
        assert told["route"] == "/all/{path:path}"


def test_a_mounted_app_is_served_at_its_own_routes_below_its_prefix(server):
    told = scope(server, "/two/scope/one/ada")
    assert told["root_path"] == "/two" and told["path"] == "/two/scope/one/ada"
    assert told["route"] == "/two/scope/one/{name}" and told["path_params"] == [["name", "ada"]]
    assert server.get("/two/nothing").status == 404


def test_a_plugin_file_is_loaded_once_and_only_if_it_is_named(server):
    loaded = [line.split()[2] for line in server.log() if "Loaded" in line]
    assert sorted(loaded) == ["around", "scope", "script"]
    assert any("Routing by " in line and "(15 routes)" in line for line in server.log())


def test_only_plugins_for_default_routes_alone_have_the_configuration_beside_them(tmp_path):
    routes = {"default_routes": True, "routes": [{"path": "/mine", "app": "weather"}]}
    path = write(tmp_path, routes, "weather", "weather_api")
    (tmp_path / "plugins" / "weather.json").write_text("not looked at")
    assert run("check", path, cwd=tmp_path).returncode == 0
    (tmp_path / "plugins" / "weather_api.json").write_text("no JSON")
    result = run("check", path, cwd=tmp_path)
    assert result.returncode == 1 and "weather_api.json:1:1: " in result.stderr


def test_two_files_of_one_plugin_cannot_both_have_default_routes(tmp_path):
    path = write(tmp_path, {"default_routes": True}, "hello")
    shutil.copy(plugin("hello"), tmp_path / "plugins" / "again.so")
    result = run("check", path, cwd=tmp_path)
    assert result.returncode == 1
    assert "routes.json:1:1: there are two apps named hello, of " in result.stderr


# ---- time ----


def slow(script):
    return script.target.replace("/script", "/slow", 1)


def test_a_call_over_the_routes_time_is_answered_504(server):
    script = Script(sleep(10000), sleep(10000))
    response = server.get(slow(script))
    assert response.status == 504 and response.json() == {"detail": "Gateway Timeout"}
    assert response.keeps_alive
    assert script.results(server) == [("sleep", ETIMEDOUT), ("sleep", ECANCELED)]
    server.wait_for_log("plugin script, endpoint .* did not end within 200 ms, the timeout of route "
                        "/slow")


def test_a_response_that_has_begun_is_cut_at_the_routes_time(server):
    script = Script(start(200), body("begun", more=True), sleep(10000))
    with server.connect() as connection:
        connection.send_request("GET", slow(script))
        connection.read_head()
        assert connection.read_chunk() == b"begun"
        assert connection.is_closed()


def test_a_call_within_the_routes_time_is_answered(server):
    assert server.get(slow(Script(start(200), body("ok")))).body == b"ok"


# ---- bodies ----


@pytest.mark.parametrize("path, most", [("/small", 1024), ("/usual", 2048), ("/large", 65536)])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["declared", "chunked"])
def test_a_body_of_the_routes_limit_passes_and_one_byte_more_is_a_413(server, path, most, is_chunked):
    target = Script(READ, REPORT).target.replace("/script", path, 1)
    for size, status in ((most, 200), (most + 1, 413)):
        data, headers = b"x" * size, []
        if is_chunked:
            headers = [("Transfer-Encoding", "chunked")]
            data = b"".join(b"%x\r\n%s\r\n" % (len(data[i:i + 500]), data[i:i + 500])
                            for i in range(0, size, 500)) + b"0\r\n\r\n"
        with server.connect() as connection:
            response = connection.exchange("POST", target, headers, data)
            assert response.status == status, size
            assert response.keeps_alive == (status == 200)


def test_a_declared_length_over_the_routes_limit_is_refused_before_100_continue(server):
    script = Script(READ, REPORT)
    with server.connect() as connection:
        connection.send_request("POST", script.target.replace("/script", "/small", 1),
                                [("Content-Length", "1025"), ("Expect", "100-continue")])
        response = connection.read_response()
        assert response.status == 413 and connection.is_closed()
    server.get("/one/x")
    assert not [line for line in server.log() if script.id in line]


def test_a_route_without_a_limit_takes_more_than_the_server(server):
    target = Script(READ, REPORT).target.replace("/script", "/any", 1)
    assert server.request("POST", target, [], b"x" * 300000).status == 200


def test_the_next_request_on_the_connection_has_its_own_limit(server):
    large = Script(READ, REPORT).target.replace("/script", "/large", 1)
    usual = Script(READ, REPORT).target.replace("/script", "/usual", 1)
    with server.connect() as connection:
        assert connection.exchange("POST", large, [], b"x" * 60000).status == 200
        assert connection.exchange("POST", usual, [], b"x" * 2048).status == 200
        assert connection.exchange("POST", usual, [], b"x" * 2049).status == 413


# ---- the command line ----


def test_default_routes_are_served_beside_the_files_where_it_says_so():
    routes = {"default_routes": True, "routes": [{"path": "/mine", "app": "scope:show"}]}
    with Routed(routes, ["scope", "streams"]) as server:
        assert scope(server, "/mine")["route"] == "/mine"
        assert scope(server, "/scope")["route"] == "/scope"
        assert server.get("/down").status == 200
        assert len([line for line in server.log() if "Loaded" in line]) == 2


def test_a_flag_beats_the_file_and_the_file_beats_the_default(tmp_path):
    path = write(tmp_path, {"server": {"limit_body": 10, "limit_headers": 3},
                            "routes": [{"path": "/it", "app": "streams:up"}]}, "streams")
    with Server(arguments=["--routes", str(path), "--limit-body", "20"],
                plugin_dir=tmp_path / "plugins") as server:
        assert server.request("POST", "/it", [], b"x" * 20).status == 200
        assert server.request("POST", "/it", [], b"x" * 21).status == 413
        assert server.request("POST", "/it", [("A", "1"), ("B", "2"), ("C", "3")]).status == 431


def test_the_routes_file_may_be_named_in_the_environment(tmp_path):
    path = write(tmp_path, {"routes": [{"path": "/it", "app": "streams:down"}]}, "streams")
    with Server(environment={"CAPRICORN_ROUTES": str(path)},
                plugin_dir=tmp_path / "plugins") as server:
        assert server.get("/it").status == 200 and server.get("/down").status == 404


def test_a_plugin_may_be_one_of_the_files_that_are_named(tmp_path):
    path = write(tmp_path, {"routes": [{"path": "/it", "app": "streams:down"}]})
    result = run("run", "--check", path, plugin("streams"), "--plugin-dir", "plugins", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{path}: OK, 1 route\n"


WRONG = """{
  "apps": { "w": { "plugin": "scpoe" }, "v": { "plugin": "weather", "config": { "x": 1 } } },
  "middleware": [ "scope:show" ],
  "routes": [
    { "path": "/a", "app": "scope" },
    { "path": "/b", "app": "scope:shwo" },
    { "path": "/c/{x}", "app": "scope:one" },
    { "path": "/c/{y}", "app": "scope:show", "methods": ["GET"] },
    { "path": "/d", "app": "w" },
    { "path": "/e", "app": "around:mark" }
  ]
}
"""

TOLD = """\
routes.json:2:30: plugin "scpoe" not found in plugins (did you mean "scope"?)
routes.json:2:79: v (plugins/weather.so) could not be created: its create failed with CSGI_EFAIL: \
config: unknown key "x"
routes.json:3:19: endpoint "show" of app "scope" is no middleware: it answers itself, and belongs \
in a route's "app"
routes.json:5:28: app "scope" has several endpoints, expected the name of one: "scope:show", \
"scope:one", "scope:two", "scope:rest"
routes.json:6:28: app "scope" has no endpoint "shwo" (did you mean "show"?)
routes.json:8:15: route "/c/{y}" collides with route "/c/{x}": both match the same paths with GET; \
change a path or the methods of one (the other is on line 7)
routes.json:10:28: endpoint "mark" of app "around" is a middleware: no route can lead to it, it \
belongs in "middleware"
"""


def first_parts(text):
    """The lines without what a plugin's own reason goes on to say."""
    return [line.split("; known are")[0] for line in text.splitlines()]


def test_every_mistake_is_told_at_once_by_check_and_by_run(tmp_path):
    write(tmp_path, WRONG, "scope", "around", "weather")
    result = run("check", "routes.json", cwd=tmp_path)
    assert result.returncode == 1 and result.stdout == ""
    assert first_parts(result.stderr) == TOLD.splitlines()
    result = run("run", "--port", "0", "routes.json", cwd=tmp_path)
    assert result.returncode == 3
    errors = [line[10:] for line in result.stderr.splitlines() if line.startswith("ERROR:")]
    assert first_parts("\n".join(errors)) == TOLD.splitlines() + [
        "Application startup failed. Exiting."]


CRASHES = """
#include <csgi/csgi.h>
static csgi_status create(const csgi_host *host, csgi_str config, void **instance)
{
    __builtin_trap();
}
static const csgi_plugin plugin = { CSGI_PLUGIN_HEAD, .endpoint_size = sizeof(csgi_endpoint),
    .name = CSGI_STR("crashes"), .version = CSGI_STR("1"), .create = create };
CSGI_PLUGIN(plugin);
"""


def test_a_plugin_that_crashes_is_a_message_of_check(tmp_path):
    write(tmp_path, {"routes": [{"path": "/", "app": "crashes"}]})
    target = tmp_path / "plugins" / "crashes.so"
    subprocess.run(["gcc", "-fPIC", "-shared", "-fvisibility=hidden", f"-I{ROOT}/sdk/include",
                    "-o", str(target), "-x", "c", "-"], input=CRASHES, text=True, check=True)
    target.chmod(0o755)
    result = run("check", "routes.json", cwd=tmp_path)
    assert result.returncode == 1
    assert "routes.json: crashed in create of crashes (" in result.stderr


def test_check_of_a_good_file_says_so_and_names_apps_that_are_not_used(tmp_path):
    write(tmp_path, '{ "apps": { "idle": { "plugin": "scope" } },\n'
                    '  "routes": [{ "path": "/", "app": "scope:show" }] }', "scope")
    result = run("check", "routes.json", cwd=tmp_path)
    assert result.returncode == 0 and result.stdout == "routes.json: OK, 1 route\n"
    assert 'routes.json:1:13: no route leads to app "idle"' in result.stderr


def test_a_route_without_a_parameter_that_its_endpoint_has_is_warned_of(tmp_path):
    write(tmp_path, {"plugins": {"dir": str(BINARY.parent / "plugins")},
                     "apps": {"w": {"plugin": "weather_api"}},
                     "routes": [{"path": "/in/{place}", "app": "w"},
                                {"path": "/of/{city:str}", "app": "w"},
                                {"mount": "/below", "app": "w"}]})
    result = run("check", "routes.json", cwd=tmp_path)
    assert result.returncode == 0 and result.stdout == "routes.json: OK, 3 routes\n"
    assert result.stderr.count("WARNING") == 1
    assert ('route "/in/{place}" has no parameter "city", which the path of endpoint '
            '"get_city_weather" of app "w" has: "/weather/{city}"') in result.stderr


def test_a_parameter_as_other_frameworks_write_it_gets_a_hint(tmp_path):
    write(tmp_path, {"routes": [{"path": "/in/:place", "app": "flask"}]})
    target = tmp_path / "plugins" / "flask.so"
    text = CRASHES.replace("__builtin_trap();", "return CSGI_ENOTSUP;") \
        .replace(', .create = create', ', .endpoints = endpoints, .endpoint_count = 1') \
        .replace('"crashes"', '"flask"') \
        .replace("static csgi_status create", "__attribute__((unused)) static csgi_status create") \
        .replace("static const csgi_plugin", """static csgi_status show(void *self,
    const csgi_scope *scope, csgi_receive *receive, csgi_send *send) { return CSGI_EFAIL; }
static const csgi_endpoint endpoints[] = { { .name = CSGI_STR("show"),
    .path = CSGI_STR("/items/<int:id>"), .accepts = CSGI_HTTP, .call = show } };
static const csgi_plugin""")
    subprocess.run(["gcc", "-fPIC", "-shared", "-fvisibility=hidden", f"-I{ROOT}/sdk/include",
                    "-o", str(target), "-x", "c", "-"], input=text, text=True, check=True)
    target.chmod(0o755)
    result = run("check", "routes.json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert re.search(r'routes.json:1:\d+: route "/in/:place": ":place" is taken as it is: '
                     r'a parameter is written "{place}"', result.stderr), result.stderr
    assert ('plugin flask, endpoint show, route "/items/<int:id>": "<int:id>" is taken as it is: '
            'a parameter is written "{id}"') in result.stderr
    assert "taken as it is" in run("check", str(target), cwd=tmp_path).stderr


def test_run_check_serves_nothing(tmp_path):
    write(tmp_path, {"routes": [{"path": "/", "app": "nothing"}]}, "scope")
    result = run("run", "--check", "routes.json", cwd=tmp_path)
    assert result.returncode == 3 and 'plugin "nothing" not found in plugins' in result.stderr
    result = run("run", "--check", cwd=tmp_path)
    assert result.returncode == 0 and result.stdout == "plugins: OK, 4 routes\n"
    result = run("run", "--check", "--limit-body", "x", cwd=tmp_path)
    assert result.returncode == 2


def test_two_routes_files_are_a_usage_error(tmp_path):
    write(tmp_path, {"routes": []})
    result = run("run", "a.json", "b.json", cwd=tmp_path)
    assert result.returncode == 2 and "expected one routes file" in result.stderr
    result = run("run", "a.json", "--routes", "b.json", cwd=tmp_path)
    assert result.returncode == 2 and "expected one routes file" in result.stderr
