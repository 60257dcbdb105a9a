# SPDX-License-Identifier: MIT
"""The control socket, and the commands that use it: reload, status, routes --live."""

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import threading

import pytest

from capricorn import BINARY, SANITIZER, own_environment, seconds, wait_until
from versions import replace, version
from wire import Connection


def command(name, *arguments, environment=None, program=BINARY, **options):
    result = subprocess.run([str(program), name, *map(str, arguments)], capture_output=True,
                            text=True, timeout=seconds(30),
                            env={**own_environment(), **(environment or {})}, **options)
    assert not SANITIZER.search(result.stderr), result.stderr
    return result


@pytest.fixture
def server(serve):
    """A server of version 1."""
    started = serve(start=False)
    replace(started, version(1))
    return started.start()


def place(server):
    return server.directory / "capricorn" / f"{server.pid}.sock"


def run(server, name, *arguments):
    """The command, in the server's environment; other tests' servers may be found there too."""
    named = "--control-socket" in arguments or any(str(one).isdigit() for one in arguments)
    who = () if named else (server.pid,)
    return command(name, *arguments, *who, environment=server.environment)


def status(server, *arguments):
    result = run(server, "status", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def get(server, path="/version"):
    with server.connect() as connection:
        return connection.exchange("GET", path).text


def ask(path, method, target, **more):
    with Connection(str(path), seconds(10)) as connection:
        connection.send_request(method, target, **more)
        return connection.read_response(method)


def test_a_reload_says_what_serves_once_it_does(server):
    replace(server, version(2))
    result = run(server, "reload")
    assert result.returncode == 0 and result.stderr == ""
    assert result.stdout.startswith("Reloaded in ")
    assert result.stdout.endswith(": versioned generation 2\n")
    assert get(server) == "2"
    assert any("(capricorn reload): versioned generation 2" in line for line in server.log())


def test_a_reload_that_fails_tells_the_mistakes_and_changes_nothing(server):
    server.write("versioned.so", "no library", mode=0o755)
    result = run(server, "reload")
    assert result.returncode == 1 and result.stdout == ""
    first, last = result.stderr.splitlines()
    assert "versioned.so: is not an ELF file" in first
    assert last == "Reload failed: what served before goes on unchanged"
    assert get(server) == "1"
    told = run(server, "status").stdout
    assert "failed in " in told and "versioned.so: is not an ELF file" in told
    (reload,) = status(server)["reloads"]
    assert reload["ok"] is False and "is not an ELF file" in reload["report"]


def test_status_while_requests_run_on_an_older_generation(server):
    with server.connect() as slow:
        slow.send_request("GET", "/slow?ms=1500")
        assert slow.is_quiet(0.1)
        replace(server, version(2))
        assert run(server, "reload").stdout.endswith("(1 request on generation 1)\n")
        told = status(server)
        (app,), (older,) = told["apps"], told["older"]
        assert (app["name"], app["generation"], app["requests"]) == ("versioned", 2, 0)
        assert (older["name"], older["generation"], older["requests"]) == ("versioned", 1, 1)
        assert app["hash"] != older["hash"] and len(app["hash"]) == 16
        assert {route["generation"] for route in told["routes"]} == {2}
        assert told["server"]["pid"] == server.pid and told["server"]["state"] == "serving"
        assert told["counters"]["requests"] == 1 and told["counters"]["connections"] == 1
        lines = run(server, "status").stdout.splitlines()
        (serving,) = [line.split() for line in lines if line.startswith("versioned  serves")]
        (old,) = [line.split() for line in lines if line.startswith("versioned  older")]
        assert serving[2:4] == ["2", app["hash"]] and serving[6] == "0"
        assert old[2:4] == ["1", older["hash"]] and old[6] == "1"
        assert any(line.startswith("  1  ") and "done in" in line for line in lines)
        assert slow.read_response().text == "1"
    wait_until(lambda: not status(server)["older"], "the older generation has ended")


def test_the_live_route_table_has_the_generation_that_serves(server):
    replace(server, version(2))
    assert run(server, "reload").returncode == 0
    titles, *lines = run(server, "routes", "--live").stdout.splitlines()
    assert titles.split() == ["PATH", "METHODS", "APP", "PLUGIN", "GENERATION"]
    assert {line.split()[-1] for line in lines} == {"2"}
    as_json = json.loads(run(server, "routes", "--live", "--json", server.pid).stdout)
    assert as_json == status(server)["routes"] and len(as_json) == len(lines)


def test_two_reloads_at_once_are_both_answered(server):
    replace(server, version(2))
    results = []

    def reload():
        results.append(run(server, "reload"))

    threads = [threading.Thread(target=reload) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.returncode for result in results] == [0] * 4
    assert all("versioned generation 2" in result.stdout for result in results)
    assert get(server) == "2"


def test_the_socket_is_the_users_alone_and_goes_with_the_server(server):
    path = place(server)
    mode = path.lstat()
    assert stat.S_ISSOCK(mode.st_mode) and stat.S_IMODE(mode.st_mode) == 0o600
    assert mode.st_uid == os.geteuid()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    server.send_signal(signal.SIGINT)
    server.process.wait(seconds(20))
    assert list(path.parent.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_cannot_use_the_socket(serve, tmp_path):
    server = serve(start=False, arguments=["--control-socket", "open.sock"])
    replace(server, version(1))
    server.start()
    nobody = pwd.getpwnam("nobody").pw_uid
    path = server.directory / "open.sock"  # others may enter that directory
    program = shutil.copy(BINARY, server.directory)  # where others may run it
    result = command("reload", "--control-socket", path, program=program, user=nobody, cwd="/")
    assert result.returncode == 1
    assert "Permission denied (only the user who started the server may use it" in result.stderr
    assert status(server, "--control-socket", path)["reloads"] == []


def test_nothing_that_listens_is_said(tmp_path):
    own = {"XDG_RUNTIME_DIR": str(tmp_path)}
    result = command("status", 1, environment=own)
    assert result.returncode == 1
    assert "no server of this user's has the process id 1 " in result.stderr
    for path, why in ((tmp_path / "none.sock", "No such file or directory (is the server running?)"),
                      (tmp_path / ("x" * 200), "a socket's path has no more than 107 bytes")):
        result = command("reload", "--control-socket", path, environment=own)
        assert result.returncode == 1 and f"{path}: {why}" in result.stderr, result.stderr
    both = command("reload", "--control-socket", "x", 1, environment=own)
    assert both.returncode == 2 and "one is enough" in both.stderr
    for name in ("reload", "status"):
        many = command(name, 1, 2, environment=own)
        assert many.returncode == 2 and 'found "2", expected one process id' in many.stderr


def test_of_several_servers_one_has_to_be_named(serve, server):
    second = serve(start=False, environment={"XDG_RUNTIME_DIR": str(server.directory)})
    replace(second, version(2))
    second.start()
    result = command("status", environment=server.environment)
    assert result.returncode == 2
    assert str(server.pid) in result.stderr and str(second.pid) in result.stderr
    assert status(server, second.pid)["server"]["pid"] == second.pid
    assert status(server, server.pid)["server"]["pid"] == server.pid


def test_what_a_server_left_behind_is_replaced(serve, server):
    path = server.directory / "stale.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    left = place(server).with_name("99999999.sock")  # more than any process id
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(left))
    second = serve(start=False, arguments=["--control-socket", path])
    replace(second, version(1))
    second.start()
    assert status(second, "--control-socket", path)["server"]["pid"] == second.pid
    assert left.exists()
    third = serve(environment={"XDG_RUNTIME_DIR": str(server.directory)})
    assert not left.exists() and place(server).exists()
    third.stop()


def test_a_socket_that_was_asked_for_and_cannot_be_stops_the_start(serve):
    server = serve(start=False, arguments=["--control-socket", "/nowhere/x.sock"])
    server.launch()
    assert server.wait() == 3
    assert any("control socket: cannot listen on /nowhere/x.sock: no such file or directory"
               in line for line in server.log()), server.log()


def test_without_a_place_of_the_users_own_there_is_none(serve, tmp_path):
    server = serve(arguments=["--no-control"])
    assert not (server.directory / "capricorn").exists()
    other = serve(start=False)
    (other.directory / "capricorn").mkdir()
    (other.directory / "capricorn").chmod(0o777)  # anybody could put a socket there
    other.start()
    assert list((other.directory / "capricorn").iterdir()) == []


def test_a_server_that_stops_tells_its_state_and_reloads_no_more(server):
    with server.connect() as slow:
        slow.send_request("GET", "/slow?ms=1500")
        assert slow.is_quiet(0.1)
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: status(server)["server"]["state"] == "stopping", "it says so")
        result = run(server, "reload")
        assert result.returncode == 1
        assert result.stderr == ("capricorn reload: the server is stopping: it reloads nothing "
                                 "any more\n")
        assert slow.read_response().text == "1"


def test_a_reload_that_the_servers_end_cuts_short_is_answered(server):
    replace(server, version(2, "hang_startup"))
    results = []
    reload = threading.Thread(target=lambda: results.append(run(server, "reload")))
    reload.start()
    wait_until(lambda: status(server)["reloading"], "the reload has begun")
    server.send_signal(signal.SIGTERM)
    reload.join()
    (result,) = results
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr == "capricorn reload: the reload was given up: the server stops\n"
    server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_server_that_has_become_another_user_stays_its_starters(serve):
    server = serve(start=False, arguments=["--user", "nobody"])
    old = replace(server, version(1))
    os.utime(old, (1, 1))  # nobody is writing it any more
    server.start()
    assert status(server)["server"]["pid"] == server.pid
    assert place(server).lstat().st_uid == 0
    assert run(server, "reload").returncode == 0
    left = place(server)
    server.process.send_signal(signal.SIGINT)
    server.process.wait(seconds(20))
    assert left.exists()  # the server may not even look there; the next one removes it
    second = serve(environment={"XDG_RUNTIME_DIR": str(server.directory)})
    assert not left.exists() and place(second).parent != left.parent
    second.stop()


def test_it_speaks_http_and_refuses_the_rest(server):
    path = place(server)
    got = ask(path, "GET", "/status")
    assert got.status == 200 and got.get("content-type") == "application/json"
    assert got.get("cache-control") == "no-store"
    assert ask(path, "HEAD", "/status").status == 200
    assert ask(path, "GET", "/reload").get("allow") == "POST"
    assert ask(path, "POST", "/status").get("allow") == "GET, HEAD"
    assert ask(path, "GET", "/version").status == 404
    assert ask(path, "POST", "/reload", body=b"x" * 4097).status == 413
    got = ask(path, "POST", "/reload", body=b"x" * 4096)
    assert got.status == 200 and json.loads(got.body)["ok"] is True
    with Connection(str(path), seconds(10)) as connection:  # who does not wait harms nobody
        connection.send_request("POST", "/reload")
    assert run(server, "reload").returncode == 0
    assert server.access_log() == []
