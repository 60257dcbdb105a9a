# SPDX-License-Identifier: MIT
"""The benchmarks run, say what they are meant to say, and leave nothing running. What the figures
are is not tested here: they are of a busy machine, and of seconds."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from capricorn import BUILD, ROOT, sanitized, seconds, wait_until

pytestmark = [
    pytest.mark.skipif(bool(sanitized()), reason="nobody measures a sanitized server"),
    pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed"),
]


def command(name, *arguments):
    return [sys.executable, str(ROOT / "tests/bench" / name), *map(str, arguments)]


def environment(**more):
    return {**os.environ, "CAPRICORN_BUILD": str(BUILD), **more}


def run(name, *arguments):
    done = subprocess.run(command(name, *arguments), capture_output=True, text=True, timeout=100,
                          env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tables(text):
    """The tables: the first cell of each row, with the others by their column's name."""
    found = {}
    for block in re.findall(r"(?:^\|.*\n)+", text, re.M):
        rows = [[cell.strip() for cell in line.strip("|\n").split("|")]
                for line in block.strip().splitlines()]
        assert {len(row) for row in rows} == {len(rows[0])}, block
        for row in rows[2:]:
            found.setdefault(rows[0][0], {})[row[0]] = dict(zip(rows[0][1:], row[1:]))
    return found


def test_the_comparison_prints_a_table_of_each_load_and_the_same_as_json(tmp_path):
    path = tmp_path / "bench.json"
    told = tables(run("bench.py", "--rounds", "1", "--seconds", "1", "--warm-up", "0", "--requests",
                      "200", "--starts", "1", "--only", "plain", "weather", "https", "latency", "startup",
                      "--peers", "capricorn", "floor", "--json", path))
    found = json.loads(path.read_text())
    assert set(told["GET /"]) == {"epoll floor", "capricorn", "capricorn, framework",
                                  "capricorn, access log"}
    for name, row in told["GET /"].items():
        assert row["errors"] == "0"
        sample = found["plain"][name][0]
        assert float(row["CPU µs/request"]) == pytest.approx(sample["cpu_us"], abs=0.01)
        assert 0 < sample["p50_ms"] <= sample["p99_ms"] <= sample["p999_ms"]
        assert sample["requests_per_s"] > 100
    assert set(told["GET /weather?city=London"]) == {"capricorn"}
    for row in told.get("GET /weather?city=London, asked over https", {}).values():
        assert row["errors"] == "0"
    assert found["latency"]["capricorn"][0]["weather_ms"] > 0
    assert 0 < float(told["exec to first 200"]["capricorn"]["median ms"]) < 5000
    assert "start to first answer, ms" in told["budget"]
    assert found["machine"]["processors"] and found["versions"]["capricorn"]


def test_the_memory_of_connections_and_waiting_requests_is_measured(tmp_path):
    told = run("memory.py", "--connections", "200", "--tasks", "1000", "--peers", "capricorn",
               "--json", tmp_path / "memory.json")
    row = tables(told)["memory"]["capricorn"]
    assert 0 < float(row["KiB for an idle one"]) < 50
    assert 1 < float(row["KiB for a waiting one"]) < 200
    assert re.search(r"^1000 tasks wait +[\d.]+ KiB each", told, re.M)


def test_requests_that_wait_for_a_database_are_measured_beside_a_plain_one():
    told = run("postgres.py", "--quick")
    if "left out" in told:
        pytest.skip(told)
    took = re.search(r"^100 requests for pg_sleep\(0.1\) over 20 connections: ([\d.]+) s", told, re.M)
    assert 0.49 < float(took.group(1)) < seconds(5)
    for row in tables(told)["GET / meanwhile"].values():
        assert 0 < float(row["p50 ms"]) <= float(row["p99 ms"]) <= float(row["slowest ms"])


def test_reloads_are_timed_and_counted_under_load(tmp_path):
    path = tmp_path / "reload.json"
    told = tables(run("reload.py", "--changes", "1", "--reloads", "10", "--only", "capricorn",
                      "--json", path))
    for name, row in told["change to first new answer"].items():
        assert name.startswith("capricorn") and 0 < float(row["median ms"]) < 5000
        assert row["not answered meanwhile"] == "0"
    for row in told["replaced under load"].values():
        assert (row["times"], row["failed"], row["connections closed"]) == ("10", "0", "0")
        assert row["mapped versions"] == "1"
    assert set(json.loads(path.read_text())["loads"]) == {"SIGHUP", "--reload"}


def with_mark(mark):
    """The processes that were started, directly or not, with this in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
            if state != "Z" and mark.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" "))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_running_when_a_benchmark_is_ended(number, tmp_path):
    mark = f"mark-{uuid.uuid4()}"
    process = subprocess.Popen(
        command("bench.py", "--only", "plain", "--peers", "floor", "capricorn", "--json",
                tmp_path / "bench.json"),
        env=environment(BENCH_MARK=mark), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: any(b"wrk" in line for line in with_mark(mark)), "it measures", 30)
    finally:
        process.send_signal(number)
        process.wait(60)
    wait_until(lambda: not with_mark(mark), "all have ended", 60)
