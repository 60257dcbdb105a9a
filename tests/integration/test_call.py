# SPDX-License-Identifier: MIT
"""capricorn call: one request in process, its response on standard output."""

import json
import shutil
import subprocess

import pytest

from capricorn import BINARY, BUILD, SANITIZER, plugin, seconds
from script import RECEIVE, Script


def call(*arguments, stdin="", cwd=None):
    result = subprocess.run([str(BINARY), "call", *map(str, arguments)], capture_output=True,
                            input=stdin.encode(), timeout=seconds(30), cwd=cwd)
    result.stdout, result.stderr = result.stdout.decode(), result.stderr.decode()
    assert not SANITIZER.search(result.stderr), result.stderr
    return result


def test_the_weather_is_told_without_a_socket():
    result = call("GET /weather?city=London", "--plugin-dir", BUILD / "plugins")
    assert result.returncode == 0 and result.stderr == ""
    assert json.loads(result.stdout)["city"] == "London"


def test_the_method_may_be_left_out_and_named_files_are_enough():
    result = call("/weather/London", plugin("weather_api"))
    assert result.returncode == 0 and "temp_c" in result.stdout


def test_the_routes_file_says_what_is_there(tmp_path):
    file = tmp_path / "routes.json"
    file.write_text(json.dumps({
        "apps": {"weather": {"plugin": str(plugin("weather"))},
                 "weather_api": {"plugin": str(plugin("weather_api"))}},
        "routes": [{"path": "/how/warm", "app": "weather:get_weather"},
                   {"path": "/weather/{city}", "app": "weather_api"}]}))
    for arguments in ((file,), ("--routes", file)):
        result = call("/how/warm?city=London", *arguments)
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)["city"] == "London"
    assert call("/weather?city=London", file).returncode == 1
    file.write_text('{"routes": 1}')
    wrong = call("/", file)
    assert wrong.returncode == 1 and "routes.json:1:" in wrong.stderr


def test_a_status_of_400_and_above_is_exit_status_1():
    assert call("/mirror?status=399", plugin("mirror")).returncode == 0
    result = call("/mirror?status=400", plugin("mirror"))
    assert result.returncode == 1 and "GET /mirror?status=400" in result.stdout
    assert call("PUT /weather/x", plugin("weather_api")).returncode == 1


def test_status_and_headers_are_printed_when_asked_for():
    result = call("-i", "GET /weather/nowhere", plugin("weather_api"))
    head, body = result.stdout.split("\n\n", 1)
    assert head.splitlines()[0] == "HTTP/1.1 404 Not Found"
    assert "content-type: application/json" in head.splitlines()
    assert "detail" in json.loads(body)


def test_headers_and_a_body_reach_the_application(tmp_path):
    said = call("POST /x?a=%20b", "-H", "X-One: 1", "-HX-Two:2", "-d", "hello",
                plugin("mirror")).stdout
    assert said.splitlines()[:6] == ["POST /x?a=%20b HTTP/1.1", "path=/x", "x-one: 1", "x-two: 2",
                                     "host: localhost", "content-length: 5"]
    assert said.endswith("\n\nhello\n")
    (tmp_path / "body").write_bytes(b"from a file\0")
    assert "from a file\0" in call("POST /x", "-d", f"@{tmp_path}/body", plugin("mirror")).stdout
    assert "from a pipe" in call("POST /x", "-d", "@-", plugin("mirror"),
                                 stdin="from a pipe").stdout
    assert "host: a.example\n" in call("/x", "-H", "Host: a.example", plugin("mirror")).stdout


def test_start_up_comes_before_and_shut_down_after():
    result = call("/state", "--log-level", "info", plugin("lifespan"))
    assert result.stdout == "made at start-up" and result.returncode == 0
    steps = [line.rsplit(" ", 2)[-2:] for line in result.stderr.splitlines()]
    assert steps.index(["startup", "done"]) < steps.index(["shutdown", "done"])
    assert "destroyed" in result.stderr


@pytest.mark.parametrize("startup, why", [("fail", "the kettle is cold"),
                                          ("error", "the kettle is broken")])
def test_a_start_up_that_fails_is_said_and_nothing_is_called(startup, why, tmp_path):
    shutil.copy(plugin("lifespan"), tmp_path / "lifespan.so")
    (tmp_path / "lifespan.json").write_text(f'{{"startup": "{startup}"}}')
    result = call("/state", tmp_path / "lifespan.so")
    assert result.returncode == 1 and result.stdout == "" and why in result.stderr


def test_a_call_that_waits_for_nothing_ends_and_says_so():
    result = call(f"GET {Script(RECEIVE, RECEIVE).target}", plugin("script"))
    assert result.returncode == 1 and "waits for nothing" in result.stderr


def test_a_response_cut_short_is_a_failure():
    result = call("/x?cut=1", plugin("mirror"))
    assert result.returncode == 1 and "cut short" in result.stderr
    assert result.stdout == "GET /"


def test_a_plugin_that_does_not_load_is_a_failure(tmp_path):
    result = call("/", tmp_path / "none.so")
    assert result.returncode == 1 and "none.so" in result.stderr and result.stdout == ""


@pytest.mark.parametrize("arguments, why", [
    ((), "the request is missing"),
    (("GET nowhere",), "METHOD /PATH"), (("G(T /x",), "METHOD /PATH"),
    (("GET /a b",), "%20"), (("GET", "/x"), "in one argument"), (("/ä",), "percent-encoded"), (("/x#y",), "METHOD /PATH"),
    (("/", "-H", "no colon"), "-H"), (("/", "-H", "a b: c"), "-H"), (("/", "-H"), "missing"),
    (("/", "-H", "Connection: close"), "there is none"),
    (("/", "-d", "@/nowhere/at/all"), "/nowhere/at/all"), (("/", "-x"), "-x"),
    (("/", *[x for i in range(65) for x in ("-H", f"a{i}: b")]), "more than 64"),
])
def test_wrong_usage_is_told_and_is_exit_status_2(arguments, why):
    result = call(*arguments)
    assert result.returncode == 2 and why in result.stderr and result.stdout == ""


def test_as_many_headers_as_are_allowed_are_sent():
    result = call("/x", *[x for i in range(64) for x in ("-H", f"a{i}: b")], plugin("mirror"))
    assert result.returncode == 0 and "a63: b\n" in result.stdout


def test_help_says_the_exit_statuses():
    result = call("--help")
    assert result.returncode == 0 and "Exit status: 0" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 100
