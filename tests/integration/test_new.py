# SPDX-License-Identifier: MIT
"""capricorn new: the folder of a new plugin, which builds, passes its test and runs as it is."""

import os
import re
import resource
import signal
import subprocess
import urllib.request

import pytest

from capricorn import BINARY, BUILD, SANITIZER, sanitized, seconds
from database import PROGRAMS, Postgres

PLAIN = {key: value for key, value in os.environ.items()
         if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CFLAGS")}
ENVIRONMENT = {**PLAIN, "PATH": f"{BUILD}:/usr/bin:/bin",
               "PKG_CONFIG_PATH": str(BUILD / "pkgconfig")}


def new(*arguments, cwd, **options):
    result = subprocess.run([str(BINARY), "new", *arguments], capture_output=True, text=True,
                            cwd=cwd, timeout=seconds(30), **options)
    assert not SANITIZER.search(result.stderr), result.stderr
    return result


def make(*targets, cwd):
    return subprocess.run(["make", *targets], capture_output=True, text=True, cwd=cwd,
                          env=ENVIRONMENT, timeout=seconds(60))


@pytest.fixture
def fresh(tmp_path):
    if sanitized():
        pytest.skip("the framework's library would be sanitized")
    result = new("hello-2", cwd=tmp_path)
    assert result.returncode == 0 and result.stderr == ""
    assert "cd hello-2 && make && make test && make run" in result.stdout
    return tmp_path / "hello-2"


def test_it_builds_without_a_warning_and_passes_its_test(fresh):
    built = make(cwd=fresh)
    assert built.returncode == 0 and "warning" not in built.stderr, built.stderr
    tested = make("test", cwd=fresh)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert tested.stdout.count("ok ") == 4 and "FAILED" not in tested.stdout
    check = subprocess.run([str(BINARY), "check", "hello-2.so"], cwd=fresh, capture_output=True,
                           text=True)
    assert check.returncode == 0 and "warning" not in check.stdout + check.stderr
    assert make("clean", cwd=fresh).returncode == 0
    assert sorted(os.listdir(fresh)) == [".gitignore", "Makefile", "README.md", "hello-2.c",
                                         "test.sh"]


def test_its_test_fails_when_an_answer_is_not_as_expected(fresh):
    source = (fresh / "hello-2.c").read_text()
    (fresh / "hello-2.c").write_text(source.replace('"Hello"', '"Goodbye"'))
    tested = make("test", cwd=fresh)
    assert tested.returncode == 2 and tested.stdout.count("FAILED") == 2


@pytest.mark.parametrize("target", ["run", "dev"])
def test_make_serves_it(fresh, target):
    server = subprocess.Popen(["make", target, "PORT=0"], cwd=fresh, env=ENVIRONMENT, text=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              start_new_session=True)
    try:
        lines = iter(server.stderr.readline, "")
        url = next(found.group(1) for found in
                   (re.search(r"running on (http://\S+)", line) for line in lines) if found)
        with urllib.request.urlopen(f"{url}/hello-2?name=Ada", timeout=seconds(10)) as answer:
            assert answer.read() == b'{"message":"Hello, Ada"}'
    finally:
        os.killpg(server.pid, signal.SIGINT)
        server.communicate(timeout=seconds(20))


@pytest.mark.parametrize("name", ["", "-x", ".hidden", "a/b", "../up", "a b", "1st", "a.so", "ä",
                                  "a" * 65])
def test_a_bad_name_is_refused_and_nothing_is_made(name, tmp_path):
    result = new("--", name, cwd=tmp_path)
    assert result.returncode == 2 and f'found "{name}", expected a name' in result.stderr
    assert os.listdir(tmp_path) == []


def test_the_longest_name_is_accepted(tmp_path):
    assert new("a" * 64, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("arguments", [(), ("a", "b"), ("--port", "1", "a"), ("-x",)])
def test_wrong_usage_makes_nothing(arguments, tmp_path):
    result = new(*arguments, cwd=tmp_path)
    assert result.returncode == 2 and result.stderr and os.listdir(tmp_path) == []


def test_what_is_there_already_is_left_alone(tmp_path):
    (tmp_path / "hello").mkdir()
    (tmp_path / "other").write_text("mine")
    for name in ("hello", "other"):
        result = new(name, cwd=tmp_path)
        assert result.returncode == 1 and f"{name} is there already" in result.stderr
    assert os.listdir(tmp_path / "hello") == [] and (tmp_path / "other").read_text() == "mine"


def test_when_a_file_cannot_be_written_nothing_half_made_is_left(tmp_path):
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (800, 800))  # noqa: E731
    result = new("hello", cwd=tmp_path, preexec_fn=limit)
    assert result.returncode == 1 and "hello/" in result.stderr and "too large" in result.stderr
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    result = subprocess.run(["sh", "-c", f"rmdir {gone}; exec {BINARY} new hello"], cwd=gone,
                            capture_output=True, text=True)
    assert result.returncode == 1 and "hello cannot be made: No such file" in result.stderr


# ---- --with ----


OK_LINES = {"client": 4, "postgres": 3, "middleware": 3}


@pytest.mark.parametrize("kind", sorted(OK_LINES))
def test_each_kind_builds_without_a_warning_and_passes_its_test(kind, tmp_path):
    if sanitized():
        pytest.skip("the framework's library would be sanitized")
    if kind == "postgres" and subprocess.run(["pkg-config", "--exists", "libpq"]).returncode:
        pytest.skip("there is no libpq-dev")
    assert new("--with", kind, "my-own", cwd=tmp_path).returncode == 0
    folder = tmp_path / "my-own"
    environment = {key: value for key, value in ENVIRONMENT.items() if not key.startswith("PG")}
    steps = subprocess.run(["make", "all", "test"], cwd=folder, env=environment, text=True,
                           capture_output=True, timeout=seconds(60))
    assert steps.returncode == 0, steps.stdout + steps.stderr
    assert "warning" not in steps.stderr
    assert steps.stdout.count("ok ") == OK_LINES[kind] and "FAILED" not in steps.stdout
    check = subprocess.run([str(BINARY), "check", "my-own.so"], cwd=folder, capture_output=True,
                           text=True)
    assert check.returncode == 0 and "warning" not in check.stdout + check.stderr
    readme = (folder / "README.md").read_text()
    for name in re.findall(r"`([\w.-]+\.(?:c|h|sh))`", readme):
        assert (folder / name).exists(), f"the README names {name}"
    for path in folder.iterdir():
        assert b"@NAME@" not in path.read_bytes() and b"@PACKAGES@" not in path.read_bytes()


@pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed")
def test_the_kind_postgres_asks_a_database(tmp_path):
    if sanitized() or subprocess.run(["pkg-config", "--exists", "libpq"]).returncode:
        pytest.skip("there is no libpq-dev, or the framework's library would be sanitized")
    assert new("shop", "--with", "postgres", cwd=tmp_path).returncode == 0
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
    with Postgres() as database:
        where = dict(word.split("=", 1) for word in database.conninfo.split())
        environment = {**ENVIRONMENT, **{names[key]: value for key, value in where.items()
                                         if key in names}}
        steps = subprocess.run(["make", "all", "test"], cwd=tmp_path / "shop", env=environment,
                               text=True, capture_output=True, timeout=seconds(60))
    assert steps.returncode == 0, steps.stdout + steps.stderr
    assert steps.stdout.count("ok ") == 4 and "skipped" not in steps.stdout


def test_the_kind_may_stand_anywhere(tmp_path):
    for number, arguments in enumerate([("a", "--with", "client"), ("--with=client", "b"),
                                        ("--with", "client", "--", "c")]):
        assert new(*arguments, cwd=tmp_path).returncode == 0
        name = "abc"[number]
        assert "asks another server" in (tmp_path / name / f"{name}.c").read_text()


@pytest.mark.parametrize("kind,says", [("postgress", "did you mean postgres?"),
                                       ("clint", "did you mean client?"),
                                       ("", "expected client, postgres or middleware\n"),
                                       ("redis", "expected client, postgres or middleware\n")])
def test_an_unknown_kind_is_refused_and_nothing_is_made(kind, says, tmp_path):
    for arguments in (("--with", kind, "a"), (f"--with={kind}", "a")):
        result = new(*arguments, cwd=tmp_path)
        assert result.returncode == 2 and f'--with: found "{kind}"' in result.stderr
        assert says in result.stderr
    assert new("a", "--with", cwd=tmp_path).returncode == 2
    assert os.listdir(tmp_path) == []
