# SPDX-License-Identifier: MIT
"""The plugin directory, and plugins that misbehave: each is named, others go on."""

import os
import re
import shutil
import subprocess
import threading
import time

import pytest

from capricorn import ROOT, SOURCES, Server, sanitized, seconds, wait_until
from conftest import module_server
from script import Script, body, start

server = module_server("bad", "tasks", "scope", "around", "throwing")

FAULT = "(WARNING|ERROR|CRITICAL):.*"


def fails_to_start(server):
    try:
        assert server.wait() == 3, server.log()
    finally:
        server.kill()
    return server


# ---- dropping files in ----


def test_every_so_of_the_directory_is_loaded_and_served(serve):
    server = serve("tasks", "scope")
    for name in ("tasks", "scope"):
        server.wait_for_log(rf"INFO:     Loaded {name} 1\.0\.0 from \S*plugins/{name}\.so "
                            r"\(CSGI 1\.0, generation 1, \d+ endpoints?\)")
    assert server.get("/hello").text == "hello"
    assert server.get("/scope").status == 200


def test_hidden_unfinished_and_backup_files_are_left_alone():
    with Server(["tasks"], start=False) as server:
        for name in (".hidden.so", "backup.so~", "arriving.so.tmp", "x.tmp", "notes.txt",
                     "README.md", "so"):
            server.write(name, "this is no plugin")
        server.start()
        assert server.get("/hello").status == 200
        assert len([line for line in server.log() if "Loaded" in line]) == 1


def test_an_empty_directory_is_served_with_404s(serve):
    assert serve().get("/hello").status == 404


def test_a_file_that_is_no_plugin_stops_the_start_and_is_named():
    server = Server(["tasks"], start=False)
    server.write("text.so", "this is no shared object", 0o755)
    fails_to_start(server.launch())
    server.wait_for_log(r"ERROR:.*text\.so")


@pytest.mark.parametrize("mode, what", [(0o777, "directory"), (0o757, "directory"),
                                        (0o666, "file"), (0o777, "file")])
def test_what_anybody_can_write_is_refused_with_the_reason(mode, what):
    server = Server(["tasks"], start=False)
    path = server.plugin_dir if what == "directory" else server.plugin_dir / "tasks.so"
    path.chmod(mode)
    fails_to_start(server.launch())
    server.wait_for_log(f"ERROR:.*{re.escape(str(path))}.*writ.*--insecure-plugins")


def test_what_anybody_can_write_is_loaded_when_told_to():
    with Server(["tasks"], arguments=["--insecure-plugins"], start=False) as server:
        (server.plugin_dir / "tasks.so").chmod(0o777)
        server.plugin_dir.chmod(0o777)
        assert server.start().get("/hello").status == 200


def test_two_plugins_of_one_name_are_refused():
    server = Server(["tasks"], start=False)
    server.drop("tasks", as_name="tasks2.so")
    fails_to_start(server.launch())
    server.wait_for_log(r"ERROR:.*tasks2?\.so.*tasks")


def test_files_can_be_named_instead_of_the_directory(serve):
    server = serve("tasks", "scope", start=False)
    server.command.append(str(server.plugin_dir / "tasks.so"))
    server.start()
    assert server.get("/hello").status == 200
    assert server.get("/scope").status == 404


@pytest.mark.parametrize("config", ["{", "", "[1]", '"text"', "\x00", "{} {}",
                                    b'{"a": "\xff"}'])
def test_a_configuration_that_is_no_object_is_refused_by_name(config):
    server = fails_to_start(Server(["lifespan"], configs={"lifespan": config},
                                   start=False).launch())
    server.wait_for_log(r"ERROR:.*lifespan\.json")


@pytest.mark.parametrize("make, says", [
    (os.mkfifo, "is no regular file"), (os.mkdir, "is no regular file"),
    (lambda path: os.symlink("/nowhere", path), "No such file")])
def test_a_configuration_that_is_no_file_is_refused_and_not_waited_for(make, says):
    server = Server(["lifespan"], start=False)
    make(server.plugin_dir / "lifespan.json")
    fails_to_start(server.launch())
    server.wait_for_log(rf"ERROR:.*lifespan\.json: .*{says}")


# ---- built elsewhere ----


def test_plugins_built_outside_the_tree_from_the_public_headers_alone_are_served(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(ROOT / "sdk" / "include", elsewhere / "include")
    with Server(start=False) as server:
        for name, compiler in (("script.c", ["gcc", "-std=c11"]), ("scope.c", ["gcc", "-std=c11"]),
                               ("around.c", ["gcc", "-std=c11"]),
                               ("throwing.cc", ["g++", "-std=c++17"])):
            for source in (name, "plug.h"):
                shutil.copy(SOURCES / source, elsewhere)
            target = server.plugin_dir / name.replace(".cc", ".so").replace(".c", ".so")
            subprocess.run([*compiler, "-fPIC", "-shared", "-fvisibility=hidden",
                            "-fstack-clash-protection", "-Iinclude", "-o", str(target), name],
                           cwd=elsewhere, check=True)
            target.chmod(0o755)
        if sanitized():
            return  # an ordinary build is tested with an ordinary server
        server.start()
        assert server.get(Script(start(200), body("raw")).target).text == "raw"
        assert server.get("/rethrow?elsewhere").text == "caught elsewhere"
        assert server.get("/scope").get("x-marked") == "yes"


# ---- middleware around another plugin ----


def test_middleware_wraps_what_is_at_or_below_its_prefix(server):
    assert server.get("/scope").get("x-marked") == "yes"
    assert server.get("/scope/one/x").get("x-marked") == "yes"
    assert server.get("/hello").get("x-marked") is None


def test_middleware_sees_streams_pass(server):
    response = server.get("/scope/one/x")
    assert response.json()["locals"] == [["user", "ada"]]
    assert response.json()["endpoint"] == "one"


def test_middleware_may_answer_itself(server):
    assert server.get("/scope/rest/a").status == 403
    assert server.get("/scope/rest/a", [("Host", "h"), ("X-Key", "k")]).status == 200


def test_middleware_may_call_further_in_only_once(server):
    since = server.mark()
    assert server.get("/scope/two/1/x").status == 200
    match = server.wait_for_log(r"inner returned (-?\d+) and (-?\d+)", since=since)
    assert match.group(1) == "0" and match.group(2) == "-4"


# ---- C++ ----


def test_cpp_exceptions_stay_with_their_request_across_suspensions(server):
    connections = [server.connect() for _ in range(40)]
    for i, connection in enumerate(connections):
        connection.send_request("GET", f"/rethrow?number-{i}")
    for i, connection in enumerate(connections):
        assert connection.read_response().text == f"caught number-{i}"
        connection.close()


def test_cpp_uncaught_exceptions_are_counted_for_each_task(server):
    connections = [server.connect() for _ in range(20)]
    for connection in connections:
        connection.send_request("GET", "/unwind")
    for connection in connections:
        assert connection.read_response().text == "0110"
        connection.close()


# ---- faults: reported by name, others go on ----


class Others:
    """Another connection that asks all the time: none of its requests may fail or take long."""

    def __init__(self, server, slowest=None):
        self.server, self.slowest = server, slowest
        self.over, self.worst, self.count, self.failure = threading.Event(), 0.0, 0, None
        self.thread = threading.Thread(target=self.ask)

    def ask(self):
        try:
            with self.server.connect() as connection:
                while not self.over.is_set():
                    began = time.monotonic()
                    assert connection.exchange("GET", "/hello").text == "hello"
                    self.worst = max(self.worst, time.monotonic() - began)
                    self.count += 1
                    self.over.wait(0.001)
        except Exception as error:  # handed to the test
            self.failure = error

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: self.count or self.failure, "the others are served")
        return self

    def __exit__(self, kind, *_):
        self.over.set()
        self.thread.join()
        if not kind:
            assert self.failure is None, self.failure
            assert self.count > 0
            if self.slowest:
                assert self.worst < seconds(self.slowest), f"another waited {self.worst:.3f} s"


@pytest.mark.parametrize("path, endpoint, words", [
    ("error", "error", "the reactor is too warm"),
    ("unknown-error", "unknown_error", "4711"),
    ("positive", "positive", "5"),
    ("order", "order", "http.response.body"),
    ("forget", "forget", ""),
])
def test_a_fault_before_the_start_is_a_500_and_is_reported_by_name(server, path, endpoint, words):
    since = server.mark()
    with Others(server), server.connect() as connection:
        response = connection.exchange("GET", f"/bad/{path}")
        assert response.status == 500
        assert response.json() == {"detail": "Internal Server Error"}
        assert connection.exchange("GET", "/bad/fine").text == "fine"
    server.wait_for_log(rf"{FAULT}plugin bad, endpoint {endpoint}\b.*{words}", since=since)


def test_a_response_that_is_not_ended_is_cut_and_reported_by_name(server):
    since = server.mark()
    with Others(server), server.connect() as connection:
        with pytest.raises((ConnectionError, AssertionError)):
            connection.exchange("GET", "/bad/half")
    server.wait_for_log(rf"{FAULT}plugin bad, endpoint half\b", since=since)
    assert server.get("/bad/fine").text == "fine"


def test_an_endpoint_that_blocks_the_loop_is_named(server):
    since = server.mark()
    with Others(server):
        assert server.get("/bad/block?ms=300").text == "blocked"
    match = server.wait_for_log(rf"{FAULT}plugin bad, endpoint block\b.* (\d+) ms", since=since)
    assert int(match.group(2)) >= 100


def test_an_endpoint_that_does_not_block_is_not_named(server):
    since = server.mark()
    assert server.get("/sleep?ms=300").text == "slept"
    assert not [line for line in server.log()[since:] if "endpoint sleep" in line]


@pytest.mark.parametrize("what", ["sleep", "send", "receive"])
def test_an_endpoint_that_ignores_its_cancellation_is_named_once_and_seizes_nothing(server, what):
    assert server.get("/bad/again").text == "again"
    server.get("/bad/stop")
    server.get("/bad/again")
    since = server.mark()
    with server.connect() as connection:
        connection.send_request("GET", f"/bad/ignore-{what}")
        server.wait_for_log(f"ignoring {what}", since=since)
        if what == "send":
            connection.read_head()
    # 3 s of grace until the cancellation for sleep; send and receive notice at once
    pattern = rf"{FAULT}plugin bad, endpoint ignore_{what}\b"
    server.wait_for_log(pattern, timeout=15, since=since)
    with Others(server, slowest=0.2):
        time.sleep(0.7)
    assert len([line for line in server.log()[since:] if re.search(pattern, line)]) == 1
    turns = int(server.get("/bad/stop").text)
    server.wait_for_log("stopped ignoring", timeout=10, since=since)
    if what != "send":  # a sender had a client for a while
        assert turns < 200, "each turn is paid for with a growing pause"


@pytest.mark.parametrize("path, plugin, endpoint, words", [
    ("/bad/overflow", "bad", "overflow",
     r"stack overflow in plugin bad, endpoint overflow \(256 KiB\)"),
    ("/bad/crash", "bad", "crash", "SIGSEGV"),
    ("/escape", "throwing", "escape", "SIGABRT"),
])
def test_a_plugin_that_ends_the_process_is_named(path, plugin, endpoint, words):
    if sanitized() == "asan" and endpoint == "crash":
        pytest.skip("the sanitizer reports the crash itself")
    server = Server(["bad", "tasks", "throwing"])
    try:
        assert server.get("/hello").text == "hello"
        with server.connect() as connection:
            connection.send_request("GET", path)
            server.wait()
        assert server.exit_code != 0
        text = "\n".join(server.log())
        assert re.search(words, text), text
        assert re.search(rf"CRITICAL: .*plugin {plugin}, endpoint {endpoint}\b", text), text
    finally:
        server.kill()


def test_after_all_faults_the_server_is_as_it_was(server):
    assert server.get("/hello").text == "hello"
    assert server.get("/bad/fine").text == "fine"
    wait_until(lambda: server.descriptors() < 64, "no descriptors are left behind")
    assert os.path.exists(f"/proc/{server.pid}")
