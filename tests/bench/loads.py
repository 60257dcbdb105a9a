# SPDX-License-Identifier: MIT
"""What loads a server, and what it cost the server meanwhile."""

import json
import re
import statistics
import subprocess
from pathlib import Path

from peers import need
from processes import BUILD, LOAD_CPU, PRIORITY, prefix


def run_wrk(port, path, connections, seconds):
    """wrk's report, on the load's processor; it ends after so many seconds."""
    program = need("wrk", "wrk")
    script = Path(__file__).with_name("wrk_report.lua")
    told = subprocess.run(
        [*prefix(LOAD_CPU, PRIORITY), program, "-t1", f"-c{connections}", f"-d{seconds}s",
         "--timeout", "10s", "-s", script, f"http://127.0.0.1:{port}{path}"],
        capture_output=True, text=True, timeout=seconds + 60)
    found = re.search(r"^REPORT (.*)$", told.stdout, re.M)
    if not found:
        raise RuntimeError(f"wrk: {told.stdout}{told.stderr}")
    return json.loads(found.group(1))


def load(running, path, connections, seconds, warm_up):
    """One round: requests a second, the server's processor time for each, and latencies."""
    if warm_up:
        run_wrk(running.port, path, connections, warm_up)
    before = running.server.cpu_seconds()
    found = run_wrk(running.port, path, connections, seconds)
    cpu = running.server.cpu_seconds() - before
    return {"requests_per_s": found["requests"] / found["seconds"],
            "cpu_us": cpu * 1e6 / max(found["requests"], 1), "p50_ms": found["p50_us"] / 1000,
            "p99_ms": found["p99_us"] / 1000, "p999_ms": found["p999_us"] / 1000,
            "errors": found["errors"]}


def one_client_ms(port, path, count):
    """The median latency of one client that asks again as soon as it has its answer."""
    told = subprocess.run([*prefix(LOAD_CPU, PRIORITY), BUILD / "bench/probe", str(port), path,
                           str(count), "0"], check=True, capture_output=True, text=True,
                          timeout=120)
    return statistics.median(int(line) for line in told.stdout.split()) / 1e6
