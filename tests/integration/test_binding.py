# SPDX-License-Identifier: MIT
"""Where the server listens: several sockets, both families, files with modes, sockets that were
passed on, and what it tells a service manager."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys

import pytest

from capricorn import BINARY, Server, seconds, wait_until
from wire import Connection


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


class Bound(Server):
    """A server that is told where to listen by its arguments alone."""

    def __init__(self, *arguments, binds=(), **options):
        super().__init__(["tasks"], start=False, **options)
        at = self.command.index("--port")
        self.command[at:at + 2] = [f"--bind={bind}" for bind in binds]
        self.command += arguments
        self.start()

    def urls(self, count):
        self.wait_for_log("running on", count=count)
        return [line.split(" running on ")[1].split(" (Press")[0] for line in self.log()
                if " running on " in line]


def hello(family, address):
    with socket.socket(family) as connection:
        connection.settimeout(seconds(5))
        connection.connect(address)
        connection.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"hello")


def port_of(url):
    return int(url.rsplit(":", 1)[1])


def test_several_binds_are_all_served_and_each_has_a_line(tmp_path):
    path = f"{tmp_path}/s"
    with Bound(binds=["127.0.0.1:0", "127.0.0.1:0", f"unix:{path}"]) as server:
        first, second, third = server.urls(3)
        assert port_of(first) != port_of(second) and third == f"unix socket {path}"
        hello(socket.AF_INET, ("127.0.0.1", port_of(first)))
        hello(socket.AF_INET, ("127.0.0.1", port_of(second)))
        hello(socket.AF_UNIX, path)
    assert not os.path.exists(path)


def test_the_environment_may_list_several(tmp_path):
    path = f"{tmp_path}/s"
    with Bound(environment={"CAPRICORN_BIND": f"127.0.0.1:0,unix:{path}"}) as server:
        assert len(server.urls(2)) == 2
        hello(socket.AF_UNIX, path)


@needs_ipv6
def test_the_ipv6_wildcard_serves_ipv4_too():
    with Bound(binds=["[::]:0"]) as server:
        port = port_of(server.url)
        assert server.url == f"http://[::]:{port}"
        hello(socket.AF_INET6, ("::1", port))
        hello(socket.AF_INET, ("127.0.0.1", port))


@needs_ipv6
def test_both_wildcards_at_one_port_go_together():
    for _ in range(5):  # the port may be taken meanwhile
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        try:
            server = Bound(binds=[f"[::]:{port}", f"0.0.0.0:{port}"])
            break
        except AssertionError as failed:
            problem = failed
    else:
        raise problem
    with server:
        assert server.urls(2) == [f"http://[::]:{port}", f"http://0.0.0.0:{port}"]
        hello(socket.AF_INET6, ("::1", port))
        hello(socket.AF_INET, ("127.0.0.1", port))


@needs_ipv6
def test_a_name_is_bound_at_all_its_addresses_at_one_port():
    with Bound("--host", "localhost", "--port", "0") as server:
        first, second = server.urls(2)
        port = port_of(first)
        assert (first, second) == (f"http://127.0.0.1:{port}", f"http://[::1]:{port}")
        hello(socket.AF_INET, ("127.0.0.1", port))
        hello(socket.AF_INET6, ("::1", port))


def test_a_socket_file_has_the_mode_that_was_asked_for(tmp_path):
    paths = [f"{tmp_path}/{name}" for name in "ab"]
    with Bound(binds=[f"unix:{paths[0]}?mode=660", f"unix:{paths[1]}?mode=0606"]):
        assert [stat.S_IMODE(os.stat(path).st_mode) for path in paths] == [0o660, 0o606]


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_curl_reaches_a_unix_socket(tmp_path):
    path = f"{tmp_path}/s"
    with Bound(binds=[f"unix:{path}"]):
        done = subprocess.run(["curl", "-sS", "--unix-socket", path, "http://x/hello"],
                              capture_output=True, text=True, timeout=seconds(20))
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello", "")


@pytest.mark.parametrize("arguments, said", [
    (["--bind", "localhost"], '--bind: found "localhost", expected HOST:PORT'),
    (["--bind", "127.0.0.1:65536"], "expected a port, 0 to 65535"),
    (["--bind", "127.0.0.1:0", "--port", "1"], "--bind and --port: each says where to listen"),
    (["--bind", "fd://3", "--bind", "fd://3"], "--bind: fd://3 is given twice"),
    (["--bind", "unix:/x", "--bind", "unix:/x"], "--bind: unix:/x is given twice"),
    (["--uds", "/x", "--fd", "3"], "--uds and --fd: each says where to listen"),
    (["--fd", "2"], '--fd: found "2", expected 3 to 65535'),
    (["--drain-delay", "soon"], "--drain-delay: found"),
])
def test_a_wrong_place_is_a_usage_error(arguments, said):
    done = subprocess.run([str(BINARY), "run", *arguments], capture_output=True, text=True,
                          timeout=seconds(20))
    assert done.returncode == 2 and said in done.stderr, done.stderr


def test_when_one_of_several_cannot_be_bound_none_is(tmp_path):
    path = f"{tmp_path}/s"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run([str(BINARY), "run", "--bind", f"unix:{path}", "--bind",
                               f"127.0.0.1:{taken.getsockname()[1]}", "--plugin-dir",
                               str(tmp_path)],
                              capture_output=True, text=True, timeout=seconds(20))
    assert done.returncode == 3 and "address already in use" in done.stderr
    assert not os.path.exists(path)


# ---- sockets that were passed on ----

# Puts the sockets it inherits at 3, 4, ... and becomes the server.
PASS_ON = """
import os, sys
count = int(sys.argv[1])
for i, fd in enumerate(sys.argv[2:2 + count]):
    os.dup2(int(fd), 60 + i)
for i in range(count):
    os.dup2(60 + i, 3 + i)
    os.set_inheritable(3 + i, True)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2 + count], sys.argv[2 + count:])
"""


class Passed(Server):
    """A server whose parent passes on sockets."""

    def __init__(self, sockets, *arguments, environment=None):
        fds = [each.fileno() for each in sockets]
        super().__init__(["tasks"], start=False, environment=environment, pass_fds=fds,
                         wrapper=[sys.executable, "-c", PASS_ON, str(len(fds)), *map(str, fds)])
        at = self.command.index("--port")
        self.command[at:at + 2] = arguments
        self.start()

    urls = Bound.urls


def listening():
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen(16)
    return made


@pytest.mark.parametrize("arguments", (["--fd", "3"], ["--bind", "fd://3"]))
def test_a_descriptor_is_served(arguments):
    with listening() as passed, Passed([passed], *arguments) as server:
        assert server.port == passed.getsockname()[1]
        hello(socket.AF_INET, passed.getsockname())


def test_sockets_of_systemd_are_served_when_nothing_else_was_asked_for(tmp_path):
    path = f"{tmp_path}/s"
    with listening() as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(path)
        unix.listen(16)
        with Passed([tcp, unix], environment={"LISTEN_FDS": "2",
                                              "LISTEN_FDNAMES": "web:local"}) as server:
            assert server.urls(2) == [f"http://127.0.0.1:{tcp.getsockname()[1]}",
                                     f"unix socket {path}"]
            hello(socket.AF_INET, tcp.getsockname())
            hello(socket.AF_UNIX, path)
        assert os.path.exists(path), "the file is systemd's"


def test_a_flag_beats_the_sockets_of_systemd():
    with listening() as passed:
        with Passed([passed], "--port", "0", environment={"LISTEN_FDS": "1"}) as server:
            assert server.port != passed.getsockname()[1]


def test_a_service_manager_may_pass_no_sockets_on():
    with Passed([], "--log-level", "info", environment={"LISTEN_FDS": "0",
                                                        "CAPRICORN_PORT": "0"}) as server:
        hello(socket.AF_INET, ("127.0.0.1", server.port))


@pytest.mark.parametrize("arguments, served", [(["--bind", "127.0.0.1:0"], False), ([], True)])
def test_plugins_do_not_see_the_sockets_that_were_passed_on(arguments, served):
    with listening() as passed:
        with Passed([passed], *arguments, environment={"LISTEN_FDS": "1"}) as server:
            assert (server.port == passed.getsockname()[1]) == served
            assert server.get("/sockets").text == "(none)"


def test_a_connection_that_waits_in_a_socket_that_was_passed_on_is_served():
    with listening() as passed:
        with Connection(passed.getsockname(), seconds(10)) as early:
            early.send_request("GET", "/hello")
            with Passed([passed], "--fd", "3"):
                assert early.read_response().text == "hello"


# ---- telling a service manager ----


class Manager:
    """A socket that is notified."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name.replace("@", "\0", 1))
        self.socket.settimeout(seconds(10))

    def told(self):
        return self.socket.recv(4096).decode().split("\n")


@pytest.mark.parametrize("kind", ("a path", "an abstract name"))
def test_readiness_and_stopping_are_told(kind, tmp_path):
    name = f"{tmp_path}/notify" if kind == "a path" else f"@capricorn-test-{os.getpid()}"
    manager = Manager(name)
    with Bound(binds=["127.0.0.1:0"], environment={"NOTIFY_SOCKET": name}) as server:
        assert manager.told() == ["READY=1", f"STATUS=Serving {server.url}"]
        server.send_signal(signal.SIGTERM)
        assert manager.told() == ["STOPPING=1", "STATUS=Shutting down"]
    manager.socket.close()


def test_the_watchdog_is_reassured(tmp_path):
    name = f"{tmp_path}/notify"
    manager = Manager(name)
    with Bound(binds=["127.0.0.1:0"],
               environment={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "200000"}):
        told = [manager.told()[0] for _ in range(4)]
        assert sorted(told) == ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]
    manager.socket.close()


def test_nobody_at_the_notify_socket_is_no_matter(tmp_path):
    with Bound(binds=["127.0.0.1:0"],
               environment={"NOTIFY_SOCKET": f"{tmp_path}/nobody"}) as server:
        hello(socket.AF_INET, ("127.0.0.1", server.port))


# ---- the delay before listening stops ----


def test_during_the_drain_delay_connections_are_still_served():
    with Bound("--drain-delay", "600ms", binds=["127.0.0.1:0"]) as server:
        server.send_signal(signal.SIGTERM)
        server.wait_for_log("Shutting down")
        for _ in range(3):
            hello(socket.AF_INET, ("127.0.0.1", server.port))
        assert server.process.poll() is None

        def is_refused():
            try:
                socket.create_connection(("127.0.0.1", server.port), seconds(1)).close()
            except OSError:
                return True
        wait_until(is_refused, "no connection is accepted after the delay")
        assert server.wait() == 0


def test_a_second_sigint_ends_the_drain_delay():
    with Bound("--drain-delay", "1h", binds=["127.0.0.1:0"]) as server:
        server.send_signal(signal.SIGINT)
        server.wait_for_log("Shutting down")
        server.send_signal(signal.SIGINT)
        assert server.wait() == 0
