# SPDX-License-Identifier: MIT
"""Options about the process: its environment, its file, its user, and how long it serves."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile

import pytest

from capricorn import BINARY, own_environment, seconds

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def run(*arguments, environment=None):
    return subprocess.run([str(BINARY), "run", "--port", "0", *map(str, arguments)], text=True,
                          capture_output=True, timeout=seconds(30),
                          env={**own_environment(), **(environment or {})})


# ---- --env-file ----


def test_variables_of_a_file_reach_options_and_plugins(serve, tmp_path):
    path = tmp_path / "x.env"
    path.write_text("# for the test\nexport CAPRICORN_HEADER='X-From: file'\n"
                    "OF_FILE=\"two\\nlines\"\nOF_BOTH=file\n")
    server = serve("process", arguments=["--env-file", path], environment={"OF_BOTH": "own"})
    assert server.get("/variable?OF_FILE").text == "two\nlines"
    assert server.get("/variable?OF_BOTH").text == "own", "what is set already stays"
    assert server.get("/variable?OF_NONE").text == "(unset)"
    assert server.get("/variable?OF_FILE").get("x-from") == "file"


def test_a_flag_beats_the_file_and_so_does_the_environment(serve, tmp_path):
    path = tmp_path / "x.env"
    path.write_text("CAPRICORN_HEADER=X-From: file\nCAPRICORN_LOG_LEVEL=critical\n")
    server = serve("process", arguments=["--log-level", "info"],
                   environment={"CAPRICORN_HEADER": "X-From: own", "CAPRICORN_ENV_FILE": str(path)})
    assert server.get("/variable?A").get("x-from") == "own"
    assert any("Started server process" in line for line in server.log())


def test_mistakes_in_an_env_file_are_usage_errors_with_their_lines(tmp_path):
    path = tmp_path / "x.env"
    path.write_text("A=1\nnonsense\nCAPRICORN_PORT='9\n")
    result = run("--env-file", path, "--backlog", "0")
    assert result.returncode == 2
    assert result.stderr == (
        '--backlog: found "0", expected 1 to 65535\n'
        f"{path}:2: expected NAME=VALUE, or a comment behind #\n"
        f"{path}:3: the quote is never closed\n"
        '"capricorn run --help" says more.\n')
    result = run("--env-file", tmp_path / "none.env")
    assert result.returncode == 2 and "none.env: cannot be read: No such file" in result.stderr


# ---- --pid-file ----


def test_the_pid_file_is_there_while_the_server_is(serve, tmp_path):
    path = tmp_path / "x.pid"
    server = serve("process", arguments=["--pid-file", path])
    assert path.read_text() == f"{server.pid}\n"
    assert os.listdir(tmp_path) == ["x.pid"], "the draft is gone"
    server.stop()
    assert os.listdir(tmp_path) == []


def test_a_pid_file_that_was_left_behind_is_replaced(serve, tmp_path):
    path = tmp_path / "x.pid"
    first = serve("process", arguments=["--pid-file", path])
    first.process.kill()
    first.wait()
    assert path.read_text() == f"{first.pid}\n"
    second = serve("process", arguments=["--pid-file", path])
    assert path.read_text() == f"{second.pid}\n"
    path.write_text(f"{os.getpid()}\n")  # a living process, but not a holder of this file
    second.stop()


def test_a_pid_file_of_a_living_server_is_refused(serve, tmp_path):
    path = tmp_path / "x.pid"
    first = serve("process", arguments=["--pid-file", path])
    result = run("--pid-file", path, "--plugin-dir", tmp_path)
    assert result.returncode == 3
    assert f"--pid-file: {path} belongs to process {first.pid}, which is running" in result.stderr
    assert path.read_text() == f"{first.pid}\n"
    assert os.listdir(tmp_path) == ["x.pid"]


def test_what_is_no_pid_file_is_left_alone(tmp_path):
    path = tmp_path / "precious"
    path.write_text("not a number\n")
    result = run("--pid-file", path, "--plugin-dir", tmp_path)
    assert result.returncode == 3
    assert "holds something else than a process id" in result.stderr
    assert path.read_text() == "not a number\n"
    result = run("--pid-file", tmp_path / "no" / "x.pid", "--plugin-dir", tmp_path)
    assert result.returncode == 3 and "No such file or directory" in result.stderr


def test_the_pid_file_goes_even_when_the_start_fails(tmp_path):
    path = tmp_path / "x.pid"
    assert run("--pid-file", path, "/nowhere.so").returncode == 3
    assert not path.exists()


# ---- --user, --group ----


@needs_root
def test_root_becomes_the_user_before_plugins_are_loaded(serve):
    nobody = pwd.getpwnam("nobody")
    uid, gid = nobody.pw_uid, nobody.pw_gid
    server = serve("process", arguments=["--user", "nobody"])
    assert server.get("/identity").text == (
        f"made by {uid}, user {uid} {uid} {uid}, group {gid} {gid} {gid}, groups {gid}")
    assert os.stat(f"/proc/{server.pid}").st_uid in (uid, 0)


@needs_root
def test_a_group_can_be_named_and_users_can_be_numbers(serve):
    server = serve("process", arguments=["--user", "12345", "--group", "54321"])
    assert server.get("/identity").text == (
        "made by 12345, user 12345 12345 12345, group 54321 54321 54321, groups 54321")
    server = serve("process", arguments=["--group", "54321"])
    assert server.get("/identity").text == (
        "made by 0, user 0 0 0, group 54321 54321 54321, groups 54321")


@needs_root
def test_the_file_of_a_unix_socket_becomes_the_users(serve):
    server = serve("process", uds=True, arguments=["--user", "12345", "--group", "54321"])
    about = os.stat(server.socket_path)
    assert (about.st_uid, about.st_gid) == (12345, 54321)
    assert server.get("/identity").status == 200


@needs_root
def test_a_pid_file_that_cannot_be_removed_is_emptied(serve, tmp_path):
    path = tmp_path / "x.pid"
    tmp_path.chmod(0o755)
    server = serve("process", arguments=["--user", "nobody", "--pid-file", path])
    server.stop()
    assert path.read_text() == ""
    assert "(it was emptied)" in "\n".join(server.log())
    serve("process", arguments=["--pid-file", path]).stop()


@pytest.mark.parametrize("arguments, what", [
    (("--user", "no-such-user"), "--user: there is no user no-such-user"),
    (("--group", "no-such-group"), "--group: there is no group no-such-group"),
    (("--user", "12345"), "--user: 12345 is in no user database: say its --group too"),
    (("--user", "4294967295", "--group", "1"), "--user: there is no user 4294967295"),
])
def test_who_cannot_be_found_is_named(tmp_path, arguments, what):
    result = run(*arguments, "--plugin-dir", tmp_path)
    assert result.returncode == 3 and what in result.stderr, result.stderr
    result = run(*arguments, "--check", "--plugin-dir", tmp_path)
    assert result.returncode == 3 and result.stderr.startswith(what), result.stderr


def test_only_root_becomes_somebody_else():
    def demote():
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)

    with tempfile.TemporaryDirectory() as folder:  # the build may stand where only root looks
        os.chmod(folder, 0o755)
        binary = shutil.copy(BINARY, folder)
        result = subprocess.run([binary, "run", "--port", "0", "--user", "0", "--group", "0",
                                 "--plugin-dir", folder], capture_output=True, text=True,
                                timeout=seconds(30), preexec_fn=demote, cwd="/",
                                env=own_environment())
    assert result.returncode == 3
    assert "only root can become another user or group" in result.stderr


# ---- --limit-max-requests ----


def test_the_server_stops_after_so_many_requests(serve):
    server = serve("process", arguments=["--limit-max-requests", "3"])
    with server.connect() as connection:
        for _ in range(2):
            assert connection.exchange("GET", "/identity").status == 200
        assert server.process.poll() is None, "one is left"
        assert connection.exchange("GET", "/identity").status == 200
        assert server.wait() == 0
    log = "\n".join(server.log())
    assert "WARNING:  Maximum request limit of 3 exceeded. Terminating process." in log
    assert "Application shutdown complete." in log


def test_the_request_that_is_one_too_many_waits_for_its_answer(serve):
    server = serve("tasks", arguments=["--limit-max-requests", "1"])
    assert server.get("/sleep?200").status == 200
    assert server.wait() == 0


def test_jitter_adds_up_to_so_many_requests(serve):
    server = serve("process",
                   arguments=["--limit-max-requests", "1", "--limit-max-requests-jitter", "2"])
    served = 0
    with server.connect() as connection:
        goes_on = True
        while goes_on:
            assert connection.exchange("GET", "/identity").status == 200
            served += 1
            assert served < 4
            goes_on = connection.is_quiet(seconds(0.5))  # else it was closed
    assert server.wait() == 0
    limit = int(re.search(r"request limit of (\d+)", "\n".join(server.log()))[1])
    assert 1 <= limit <= 3 and served == limit
