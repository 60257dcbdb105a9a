# SPDX-License-Identifier: MIT
"""The command line, signals, and exit statuses."""

import os
import re
import signal
import socket
import subprocess
import time
from contextlib import contextmanager

import pytest

from capricorn import (sanitized, BINARY, Server, own_environment, plugin, seconds,
                       wait_until)


def run(*arguments, environment=None, cwd=None):
    return subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True, text=True,
                          timeout=seconds(30), cwd=cwd, env={**own_environment(), **(environment or {})})


# ---- help and mistakes ----


def test_help_lists_the_commands():
    result = run("--help")
    assert result.returncode == 0 and result.stderr == ""
    assert "run" in result.stdout and "check" in result.stdout
    assert result.stdout.startswith("Usage: capricorn")


def test_help_of_run_lists_every_option_with_its_default():
    result = run("run", "--help")
    assert result.returncode == 0 and result.stderr == ""
    for option in ("--host", "--port", "--uds", "--plugin-dir", "--log-level", "--access-log"):
        assert option in result.stdout
    assert "8000" in result.stdout and "127.0.0.1" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 100


def test_help_of_check_says_its_exit_statuses():
    result = run("check", "--help")
    assert result.returncode == 0 and "FILE.so" in result.stdout
    assert re.search("Exit status: 0 .*1 .*2 ", result.stdout)


def test_version_is_one_line():
    result = run("--version")
    assert result.returncode == 0
    assert re.fullmatch(r"capricorn \d+\.\d+\.\d+ \(CSGI 1\.0\)\n", result.stdout)
    assert run("run", "--version").stdout == result.stdout


def test_no_command_is_a_usage_error():
    result = run()
    assert result.returncode == 2 and "Usage" in result.stderr


@pytest.mark.parametrize("arguments, suggestion", [
    (("rnu",), "run"), (("chek", "x.so"), "check"), (("run", "--prot", "1"), "--port"),
    (("run", "--plugindir", "x"), "--plugin-dir"), (("run", "--no-acess-log"), "--no-access-log"),
    (("routes", "--jsn"), "--json"), (("health", "--rady"), "--ready"), (("run", "--chek"), "--check"),
])
def test_a_typing_mistake_gets_a_suggestion(arguments, suggestion):
    result = run(*arguments)
    assert result.returncode == 2
    assert arguments[-1] in result.stderr or arguments[0] in result.stderr \
        or arguments[1] in result.stderr
    assert re.search(f'did you mean "?{suggestion}"?', result.stderr)


@pytest.mark.parametrize("arguments", [
    ("--port", "65536"), ("--port", "-1"), ("--port", "http"), ("--port", ""), ("--port",),
    ("--log-level", "loud"), ("--stack-size", "1"), ("--timeout-keep-alive", "soon"),
    ("--no-port",), ("--host",), ("-x",)])
def test_a_wrong_option_is_a_usage_error_that_says_what_was_found(arguments):
    result = run("run", *arguments)
    assert result.returncode == 2, result.stderr
    assert arguments[0].lstrip("-") in result.stderr
    assert result.stdout == ""


def test_every_mistake_is_reported_at_once():
    result = run("run", "--port", "x", "--log-level", "loud")
    assert result.returncode == 2
    assert '"x"' in result.stderr and '"loud"' in result.stderr


def test_a_file_that_is_named_twice_is_told_without_its_configuration():
    result = run("routes", plugin("scope"), plugin("scope"))
    assert result.returncode == 1 and "two apps named scope" in result.stderr
    assert "(config:" not in result.stderr


def test_a_wrong_access_log_format_is_a_usage_error():
    result = run("run", "--access-log-format", "%(x)s")
    assert result.returncode == 2
    assert result.stderr.startswith("--access-log-format: column 1: ")
    assert result.stderr.endswith('"capricorn run --help" says more.\n')


def test_a_variable_that_is_no_option_is_warned_of(serve):
    server = serve("tasks", environment={"CAPRICORN_PROT": "1", "CAPRICORN_BUILD_NUMBER": "7"})
    log = "\n".join(server.log())
    assert "WARNING:  CAPRICORN_PROT in the environment: there is no such option " \
           "(did you mean CAPRICORN_PORT?)" in log
    assert "CAPRICORN_BUILD_NUMBER in the environment: there is no such option" in log
    assert server.get("/hello").text == "hello", "it is only a warning"


# ---- start-up that fails ----


def test_a_port_in_use_is_named_and_the_exit_status_is_3(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = run("run", "--port", port, "--plugin-dir", tmp_path)
    assert result.returncode == 3
    assert re.search(rf"ERROR:.*{port}.*in use", result.stderr), result.stderr
    assert "running on" not in result.stderr


def test_an_address_that_is_not_ours_is_named(tmp_path):
    result = run("run", "--host", "192.0.2.1", "--port", "0", "--plugin-dir", tmp_path)
    assert result.returncode == 3 and re.search(r"ERROR:.*192\.0\.2\.1", result.stderr)


def test_a_missing_plugin_directory_is_named(tmp_path):
    result = run("run", "--port", "0", "--plugin-dir", tmp_path / "nowhere")
    assert result.returncode == 3
    assert re.search(r"ERROR:.*nowhere", result.stderr), result.stderr


def test_a_missing_plugin_file_is_named(tmp_path):
    result = run("run", "--port", "0", tmp_path / "nowhere.so")
    assert result.returncode == 3
    assert re.search(r"ERROR:.*nowhere\.so", result.stderr), result.stderr


def test_a_startup_that_takes_too_long_has_failed():
    server = Server(["lifespan"], configs={"lifespan": '{"startup": "hang"}'},
                    arguments=["--timeout-startup", "200ms"], start=False).launch()
    try:
        assert server.wait() == 3
        server.wait_for_log("ERROR:.*lifespan.*200 ?ms|ERROR:.*lifespan.*start")
    finally:
        server.kill()


def test_a_socket_path_left_behind_is_taken_over_and_a_live_one_is_not(serve, tmp_path):
    first = serve("tasks", uds=True)
    result = run("run", "--uds", first.socket_path, "--plugin-dir", tmp_path)
    assert result.returncode == 3
    assert re.search(rf"ERROR:.*{re.escape(first.socket_path)}", result.stderr), result.stderr
    assert first.get("/hello").text == "hello", "the first was not disturbed"
    first.process.kill()
    first.wait()
    assert os.path.exists(first.socket_path)
    first.stderr.clear()
    first.stdout.clear()
    first.exit_code = None
    first.start()
    assert first.get("/hello").text == "hello"


# ---- options ----


def test_environment_variables_are_options_and_flags_beat_them(serve):
    server = serve("tasks", environment={"CAPRICORN_ACCESS_LOG": "no", "CAPRICORN_PORT": "1"})
    assert server.port != 1, "the flag beats the environment"
    server.get("/hello")
    server.stop()
    assert server.access_log() == []


def test_the_log_level_is_obeyed(serve):
    server = serve("tasks", start=False, log_level="warning", uds=True)
    server.launch()

    def is_served():
        try:
            return server.get("/hello").text == "hello"
        except OSError:
            return False
    wait_until(is_served, "the server answers, though it does not say so")
    server.stop()
    assert server.log() == []


def test_the_start_up_lines_are_uvicorns(serve):
    server = serve("tasks")
    assert [re.sub(r"\d{2,}", "N", re.sub(r"from \S+", "from FILE", line))
            for line in server.log()] == [
        "INFO:     Started server process [N]",
        "INFO:     Waiting for application startup.",
        "INFO:     Loaded tasks 1.0.0 from FILE (CSGI 1.0, generation 1, N endpoints)",
        "INFO:     Application startup complete.",
        "INFO:     Capricorn running on http://N.0.0.1:N (Press CTRL+C to quit)",
    ]
    assert f"[{server.pid}]" in server.log()[0]


# ---- check ----


def test_check_of_a_good_file_says_so():
    result = run("check", plugin("tasks"))
    assert result.returncode == 0, result.stderr
    assert "tasks" in result.stdout


def test_check_of_a_bad_file_says_why(tmp_path):
    bad = tmp_path / "bad.so"
    bad.write_text("no shared object")
    result = run("check", bad)
    assert result.returncode == 1
    assert str(bad) in result.stderr


def test_check_of_several_files_reports_each(tmp_path):
    bad = tmp_path / "bad.so"
    bad.write_bytes(b"")
    result = run("check", plugin("tasks"), bad, tmp_path / "missing.so", plugin("scope"))
    assert result.returncode == 1
    assert "bad.so" in result.stderr and "missing.so" in result.stderr
    assert "tasks" in result.stdout and "scope" in result.stdout


def test_check_that_cannot_start_a_process_says_so():
    result = subprocess.run(["sh", "-c", 'ulimit -n 4; exec "$0" check "$1"', BINARY,
                             plugin("tasks")], capture_output=True, text=True, timeout=seconds(30))
    assert result.returncode == 1
    assert re.search(r"tasks\.so: no process to try it in: .+\n", result.stderr)


def test_check_without_a_file_is_a_usage_error():
    result = run("check")
    assert result.returncode == 2 and result.stdout == ""
    assert "no file" in result.stderr


@pytest.mark.parametrize("command", ("run", "check"))
def test_a_wrong_variable_of_the_environment_is_a_usage_error(command):
    result = run(command, plugin("tasks"), environment={"CAPRICORN_PORT": "http"})
    assert result.returncode == 2 and result.stdout == ""
    assert "CAPRICORN_PORT" in result.stderr and f"capricorn {command} --help" in result.stderr


# ---- logs that cannot be written ----


@pytest.mark.parametrize("streams", [
    "<&- >&- 2>&-", ">&- 2>&-", ">/dev/full 2>/dev/full",
    ">log 2>&1; ulimit -f 0"])  # which sends SIGXFSZ
def test_logs_that_cannot_be_written_harm_nobody(serve, streams):
    if "ulimit" in streams and sanitized() == "tsan":
        pytest.skip("ThreadSanitizer writes a file of its own")
    shell = f"exec {streams}; exec \"$@\""
    server = serve("tasks", uds=True, start=False, wrapper=["sh", "-c", shell, "sh"])
    server.launch()

    def serves():
        try:
            return server.get("/hello").status == 200
        except OSError:
            return False
    wait_until(serves, "it serves")
    for _ in range(20):
        with server.connect() as connection:
            assert connection.exchange("GET", "/hello").text == "hello"
            assert connection.is_quiet(0.01), "no log line is written to the connection"
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0


# ---- signals ----


@contextmanager
def hangup_is(disposition):
    """What a server that is started meanwhile inherits; nohup's is to ignore it."""
    before = signal.signal(signal.SIGHUP, disposition)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_running_requests_finish_and_the_exit_status_is_0(serve, number):
    server = serve("tasks")
    with server.connect() as connection, server.connect() as idle:
        idle.exchange("GET", "/hello")
        connection.send_request("GET", "/sleep?ms=500")
        server.wait_for_log("running on")
        assert connection.is_quiet(0.1)
        server.send_signal(number)
        assert idle.is_closed(), "an idle connection is closed at once"
        response = connection.read_response()
        assert response.text == "slept" and not response.keeps_alive
        assert connection.is_closed()
    assert server.wait() == 0
    assert server.log()[-1].startswith("INFO:     Finished server process [")


def test_a_hangup_that_was_ignored_when_the_server_was_started_stays_so(serve):
    with hangup_is(signal.SIG_IGN):
        server = serve("tasks")
    server.send_signal(signal.SIGHUP)
    with server.connect() as connection:
        assert connection.exchange("GET", "/hello").text == "hello"
    assert not any("Shutting down" in line for line in server.log())


def test_a_second_sigint_cuts_what_is_running(serve):
    server = serve("tasks")
    with server.connect() as connection:
        connection.send_request("GET", "/sleep?ms=60000")
        assert connection.is_quiet(0.1)
        server.send_signal(signal.SIGINT)
        server.wait_for_log("[Ss]hutting down")
        began = time.monotonic()
        server.send_signal(signal.SIGINT)
        assert connection.is_closed()
    server.wait()
    assert time.monotonic() - began < seconds(5)
    assert server.exit_code == 0


def test_after_the_graceful_limit_requests_are_cancelled(serve):
    server = serve("tasks", arguments=["--timeout-graceful-shutdown", "200ms"])
    with server.connect() as connection:
        since = server.mark()
        connection.send_request("GET", "/wait")
        server.wait_for_log("waiting 0", since=since)
        server.send_signal(signal.SIGTERM)
        server.wait_for_log("sleep returned -9", since=since)
        server.wait_for_log("deferred slept with 0", since=since)
    assert server.wait() == 0


def test_a_call_that_ignores_its_end_does_not_keep_the_server(serve):
    server = serve("bad", arguments=["--timeout-graceful-shutdown", "100ms"])
    with server.connect() as connection:
        connection.send_request("GET", "/bad/ignore-sleep")
        server.wait_for_log("ignoring sleep")
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) == 1
    server.wait_for_log("plugin bad, endpoint ignore_sleep")


def test_a_request_that_came_before_the_signal_is_served(serve):
    server = serve("tasks", "bad")
    with server.connect() as blocker:
        blocker.send_request("GET", "/bad/block?ms=400")
        time.sleep(0.1)  # it holds the loop now, so what follows waits in the backlog
        waiting = [server.connect() for _ in range(10)]
        for connection in waiting:
            connection.send_request("GET", "/hello")
        server.send_signal(signal.SIGTERM)
        for connection in waiting:
            assert connection.read_response().text == "hello"
            connection.close()
    assert server.wait() == 0


def test_an_idle_server_stops_at_once(serve):
    server = serve("tasks")
    with server.connect():
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < seconds(3)


def test_a_reader_that_does_not_read_the_logs_does_not_stop_the_server():
    process = subprocess.Popen([str(BINARY), "run", "--port", "0", "--plugin-dir",
                                str(plugin("tasks").parent), "--insecure-plugins",
                                str(plugin("tasks"))],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        port = None
        for line in process.stderr:
            match = re.search(rb"running on http://127\.0\.0\.1:(\d+)", line)
            if match:
                port = int(match.group(1))
                break
        assert port
        from wire import Connection
        with Connection(("127.0.0.1", port), seconds(20)) as connection:
            for _ in range(3000):  # far more than a pipe holds, and nobody reads it
                assert connection.exchange("GET", "/hello").status == 200
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=seconds(20))
    assert process.returncode == 0
