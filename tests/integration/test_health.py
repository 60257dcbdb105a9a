# SPDX-License-Identifier: MIT
"""/healthz and /readyz, which the server answers itself, and capricorn health, which asks them."""

import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from capricorn import BINARY, SANITIZER, Server, seconds


def health(*arguments, environment=None):
    result = subprocess.run([str(BINARY), "health", *map(str, arguments)], capture_output=True,
                            text=True, timeout=seconds(30),
                            env={**os.environ, **(environment or {})})
    assert not SANITIZER.search(result.stderr), result.stderr
    assert result.stdout == "" and (result.returncode == 0) == (result.stderr == "")
    return result


# ---- what the server answers ----


def test_they_are_answered_and_leave_no_line_in_the_access_log(serve):
    server = serve("tasks")
    for path in ("/healthz", "/readyz"):
        reply = server.get(path)
        assert reply.status == 200 and reply.text == '{"status":"ok"}'
    assert server.get("/hello").status == 200
    server.wait_for_access("/hello")
    assert not [line for line in server.access_log() if "z HTTP" in line]


def test_they_take_no_place_of_a_request(serve):
    server = serve("tasks", arguments=["--limit-concurrency", "1"])
    with server.connect() as busy:
        busy.send_request("GET", "/sleep?ms=60000")
        while server.get("/hello").status != 503:
            time.sleep(0.01)
        assert server.get("/healthz").status == 200 and server.get("/readyz").status == 200
        busy.close()
    server.stop()


def test_without_the_option_there_is_no_such_path(serve):
    server = serve("tasks", arguments=["--no-health"])
    assert server.get("/healthz").status == 404 and server.get("/readyz").status == 404
    server.wait_for_access("/readyz")
    why = health("--port", server.port)
    assert why.returncode == 1 and "404" in why.stderr and "--no-health" in why.stderr


def test_readyz_fails_during_the_drain_delay_and_requests_are_served(serve):
    server = serve("tasks", arguments=["--drain-delay", "60s"])
    assert health("--port", server.port, "--ready").returncode == 0
    server.send_signal(signal.SIGTERM)
    server.wait_for_log("Shutting down")
    assert server.get("/readyz").status == 503
    assert server.get("/healthz").status == 200 and server.get("/hello").status == 200
    assert health("--port", server.port).returncode == 0
    unready = health("--port", server.port, "--ready")
    assert unready.returncode == 1 and "/readyz: it answered 503" in unready.stderr
    server.send_signal(signal.SIGINT)  # the second signal cuts the delay short
    assert server.wait() == 0


# ---- the command ----


def test_it_finds_the_server_by_the_same_environment(serve):
    server = serve("tasks")
    assert health(environment={"CAPRICORN_PORT": str(server.port)}).returncode == 0
    for where in (f"0.0.0.0:{server.port}", f"127.0.0.1:{server.port},unix:/nowhere"):
        assert health(environment={"CAPRICORN_BIND": where}).returncode == 0
    assert health("--bind", "127.0.0.1:0", "--bind", f"127.0.0.1:{server.port}").returncode == 0


def test_it_takes_where_to_ask_from_the_routes_file(serve, tmp_path):
    server = serve("tasks")
    file = tmp_path / "routes.json"
    file.write_text(f'{{"server": {{"port": {server.port}}}, "routes": []}}')
    assert health(file).returncode == 0
    assert health("--routes", file, "--ready").returncode == 0
    assert health(environment={"CAPRICORN_ROUTES": str(file)}).returncode == 0
    assert health(file, "--port", "1").returncode == 1  # a flag beats the file
    file.write_text('{"server": {"prot": 1}}')
    wrong = health(file)
    assert wrong.returncode == 1 and "routes.json:1:" in wrong.stderr
    assert health("some.so").returncode == 2


def test_it_asks_a_unix_socket(tmp_path):
    with Server(["tasks"], uds=True) as server:
        assert health("--uds", server.socket_path).returncode == 0
        assert health(environment={"CAPRICORN_BIND": f"unix:{server.socket_path}"}).returncode == 0
    gone = health("--uds", tmp_path / "none.sock")
    assert gone.returncode == 1 and "none.sock" in gone.stderr and "No such file" in gone.stderr


def test_it_speaks_the_proxy_protocol_where_the_server_expects_it(serve):
    server = serve("tasks", arguments=["--proxy-protocol"])
    assert health("--port", server.port, "--proxy-protocol").returncode == 0
    assert health("--port", server.port).returncode == 1


def test_nobody_there_is_said():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        result = health("--port", port)
    assert result.returncode == 1
    assert f"http://127.0.0.1:{port}/healthz: Connection refused (is the server running? " in result.stderr


@pytest.mark.parametrize("answer, why", [
    (None, "no answer within 2 s"), (b"HTTP/1.1", "no answer within 2 s"),
    (b"SSH-2.0-x\r\n", "not HTTP"), (b"HTTP/1.1 20\r\n", "not HTTP"), (b"x" * 1000, "not HTTP"),
    (b"HTTP/1.1 500 Oh no\r\n\r\n", "answered 500 Oh no"), (b"", "closed the connection")])
def test_what_answers_otherwise_is_unwell(answer, why):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve_one():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                if answer:
                    connection.sendall(answer)
                if "no answer" in why:
                    connection.recv(1000)  # until it gives up

        thread = threading.Thread(target=serve_one)
        thread.start()
        began = time.monotonic()
        result = health("--port", listener.getsockname()[1])
        thread.join()
    assert result.returncode == 1 and why in result.stderr
    assert time.monotonic() - began < seconds(2) + 2


@pytest.mark.parametrize("arguments", [("--port", "0"), ("x",), ("--port", "http"), ("--workers",),
                                       ("--host", "a", "--uds", "b")])
def test_wrong_usage_is_exit_status_2(arguments):
    assert health(*arguments).returncode == 2


def test_an_inherited_socket_cannot_be_asked():
    assert health(environment={"CAPRICORN_FD": "3"}).returncode == 2
