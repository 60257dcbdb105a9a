# SPDX-License-Identifier: MIT
"""Options that change what the server says, or how it runs, seen from outside."""

import os
import pty
import socket
import subprocess

import pytest

from capricorn import BINARY, own_environment, seconds


def head(server, target="/hello"):
    """The header lines of an answer, lower-case names, in their order."""
    response = server.get(target)
    return [(name.lower(), value) for name, value in response.headers]


def names(server):
    return [name for name, _ in head(server)]


# ---- responses ----


def test_server_and_date_are_said_unless_told_otherwise(serve):
    assert {"server", "date"} <= set(names(serve("tasks")))
    bare = serve("tasks", arguments=["--no-server-header", "--no-date-header"])
    assert not {"server", "date"} & set(names(bare))
    assert not {"server", "date"} & {name for name, _ in head(bare, "/nowhere")}


def test_headers_are_added_to_every_response(serve):
    server = serve("tasks", arguments=["--header", "X-One: 1", "--header", "x-two:a, b"])
    for target in ("/hello", "/nowhere"):
        fields = head(server, target)
        assert fields.count(("x-one", "1")) == 1 and fields.count(("x-two", "a, b")) == 1
    with server.connect() as connection:
        connection.send(b"GARBAGE\r\n\r\n")
        assert b"\r\nx-one: 1\r\n" in connection.read_to_end()


def test_an_own_server_header_stands_in_place_of_ours(serve):
    server = serve("tasks", environment={"CAPRICORN_HEADER": "Server: mine\nDate: today"})
    fields = head(server)
    assert [value for name, value in fields if name == "server"] == ["mine"]
    assert [value for name, value in fields if name == "date"] == ["today"]


# ---- below a path that a proxy has taken off ----


def test_applications_are_told_what_a_proxy_took_off_their_path(serve):
    server = serve("scope", arguments=["--root-path", "/api/v1"])
    scope = server.get("/scope?a=b").json()
    assert scope["path"] == "/api/v1/scope" and scope["root_path"] == "/api/v1"
    assert scope["raw_path"] == "/scope" and scope["route"] == "/scope"
    assert server.get("/api/v1/scope").status == 404, "the proxy has taken it off"


def test_redirections_lead_below_the_root_path(serve):
    server = serve("tasks", arguments=["--root-path", "/api"])
    assert server.get("/hello/?a=b").get("location") == "/api/hello?a=b"
    assert server.get("/hello/").get("location") == "/api/hello"
    assert serve("tasks").get("/hello/").get("location") == "/hello"


# ---- where to listen ----


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_platforms_port_is_listened_on(tmp_path):
    port = free_port()
    process = subprocess.Popen([BINARY, "run", "--plugin-dir", tmp_path], stderr=subprocess.PIPE,
                               text=True, env={**own_environment(), "PORT": str(port)})
    try:
        line = next(line for line in process.stderr if "running on" in line or "ERROR" in line)
        assert f"http://127.0.0.1:{port} " in line
    finally:
        process.terminate()
        process.communicate(timeout=seconds(20))
    assert process.returncode == 0


# ---- colours ----


def log_on_a_terminal(*arguments, environment=None):
    """What a run that ends at once writes when both its logs go to a terminal."""
    try:
        master, terminal = pty.openpty()
    except OSError:
        pytest.skip("this system has no terminals")
    process = subprocess.Popen([BINARY, "run", "--port", "0", *arguments, "/nowhere.so"],
                               stdout=terminal, stderr=terminal,
                               env={**own_environment(), **(environment or {})})
    os.close(terminal)
    text = b""
    try:
        while True:
            text += os.read(master, 4096)
    except OSError:  # the other side is closed
        pass
    os.close(master)
    assert process.wait(timeout=seconds(20)) == 3
    return text


@pytest.mark.parametrize("arguments, environment, colored", [
    ((), {"NO_COLOR": "1"}, False), ((), {"NO_COLOR": ""}, True), (("--use-colors",), {"NO_COLOR": "1"}, True),
    (("--no-use-colors",), {}, False), (("--use-colors", "--log-format=json"), {}, False),
])
def test_a_terminal_gets_colours_as_the_options_say(arguments, environment, colored):
    assert (b"\x1b[" in log_on_a_terminal(*arguments, environment=environment)) == colored


def test_a_terminal_gets_colours_and_a_file_does_not():
    environment = own_environment()
    environment.pop("NO_COLOR", None)
    assert b"\x1b[32mINFO" in log_on_a_terminal()
    for arguments, colored in (((), False), (("--use-colors",), True)):
        result = subprocess.run([BINARY, "run", "--port", "0", *arguments, "/nowhere.so"],
                                capture_output=True, env=environment, timeout=seconds(20))
        assert (b"\x1b[" in result.stderr) == colored
