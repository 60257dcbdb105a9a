# SPDX-License-Identifier: MIT
"""capricorn routes: the route table, for people and as JSON."""

import json
import shutil
import subprocess

import pytest

from capricorn import BINARY, BUILD, SANITIZER, plugin, seconds


def routes(*arguments, **options):
    result = subprocess.run([str(BINARY), "routes", *map(str, arguments)], capture_output=True,
                            text=True, timeout=seconds(30), **options)
    assert not SANITIZER.search(result.stderr), result.stderr
    return result


def test_the_table_has_a_line_for_each_route_in_aligned_columns():
    result = routes(BUILD / "plugins/weather.so", BUILD / "plugins/weather_api.so")
    assert result.returncode == 0 and result.stderr == ""
    titles, *lines = result.stdout.splitlines()
    assert titles.split() == ["PATH", "METHODS", "APP", "PLUGIN", "GENERATION"]
    assert [line.split() for line in lines] == [
        ["/weather", "GET", "weather:get_weather", f"{BUILD}/plugins/weather.so", "1"],
        ["/weather/{city}", "GET", "weather_api:get_city_weather",
         f"{BUILD}/plugins/weather_api.so", "1"]]
    for title in ("METHODS", "APP", "PLUGIN", "GENERATION"):
        at = titles.index(title)
        assert all(line[at - 1] == " " and line[at] != " " for line in lines), result.stdout
    assert not any(line.endswith(" ") for line in [titles, *lines])


def test_a_column_is_there_once_some_route_has_something_in_it():
    result = routes(plugin("around"), plugin("scope"))
    titles, *lines = result.stdout.splitlines()
    assert titles.split()[-1] == "MIDDLEWARE" and "HOST" not in titles
    at = titles.index("MIDDLEWARE")
    wrapped = {line.split()[0]: line[at:] for line in lines}
    assert wrapped["/scope"] == "around:mark"
    assert wrapped["/scope/two/{id:int}/{name}"] == "around:mark, around:twice"
    assert [line.split()[1] for line in lines if line.startswith("/scope ")] == ["any"]


def test_as_json_it_is_an_array_of_objects():
    result = routes("--json", plugin("around"), plugin("scope"))
    assert result.returncode == 0
    table = {route["path"]: route for route in json.loads(result.stdout)}
    assert table["/scope/two/{id:int}/{name}"] == {
        "path": "/scope/two/{id:int}/{name}", "methods": ["GET", "POST"], "host": None,
        "app": "scope:two", "plugin": str(plugin("scope")), "generation": 1,
        "middleware": ["around:mark", "around:twice"], "timeout_ms": 0}
    assert table["/scope"]["methods"] == []


def test_without_plugins_there_is_no_route(tmp_path):
    assert routes("--plugin-dir", tmp_path).stdout == "There is no route.\n"
    assert json.loads(routes("--json", "--plugin-dir", tmp_path).stdout) == []


def test_a_folder_name_with_a_quote_is_json_all_the_same(tmp_path):
    folder = tmp_path / 'a"b\\ä'
    folder.mkdir()
    shutil.copy(plugin("scope"), folder / "scope.so")
    result = routes("--json", folder / "scope.so")
    assert json.loads(result.stdout)[0]["plugin"] == str(folder / "scope.so")


def test_of_a_routes_file_it_lists_what_the_file_says(tmp_path):
    file = tmp_path / "routes.json"
    file.write_text(json.dumps({
        "apps": {"here": {"plugin": str(plugin("scope"))}},
        "routes": [{"path": "/a/{x}", "app": "here:show", "methods": ["GET"], "timeout": "2s",
                    "host": "api.example.com"},
                   {"path": "/b", "app": "here:show", "timeout": "250ms"}]}))
    result = routes(file)
    assert result.returncode == 0 and result.stderr == ""
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["PATH", "METHODS", "HOST", "APP", "PLUGIN", "GENERATION", "TIMEOUT"],
        ["/a/{x}", "GET", "api.example.com", "here:show", str(plugin("scope")), "1", "2s"],
        ["/b", "any", "here:show", str(plugin("scope")), "1", "250ms"]]
    first, second = json.loads(routes("--json", "--routes", file).stdout)
    assert first["host"] == "api.example.com" and first["timeout_ms"] == 2000
    assert second["host"] is None and second["timeout_ms"] == 250


def test_a_mistake_in_the_routes_file_is_exit_status_1_and_has_its_place(tmp_path):
    file = tmp_path / "routes.json"
    file.write_text('{"routes": [{"path": "/a", "app": "nowhere"}]}')
    result = routes(file)
    assert result.returncode == 1 and "routes.json:1:" in result.stderr and result.stdout == ""


def test_no_start_up_is_run():
    result = routes("--log-level", "info", plugin("lifespan"))
    assert result.returncode == 0 and "/state" in result.stdout
    assert "startup" not in result.stderr


@pytest.mark.parametrize("arguments", [("nowhere.so",), ("--plugin-dir", "/nowhere/at/all")])
def test_what_does_not_load_is_exit_status_1(arguments, tmp_path):
    result = routes(*arguments, cwd=tmp_path)
    assert result.returncode == 1 and "nowhere" in result.stderr and result.stdout == ""


def test_wrong_usage_is_exit_status_2():
    assert routes("--port", "1").returncode == 2
    assert "Exit status: 0" in routes("--help").stdout
