# SPDX-License-Identifier: MIT
"""Does a crowd of slow clients harm the others? Thousands of connections send a head byte by byte,
or a body, or do not read their response, and each one that the server ends is replaced at once
(crowd.c). Meanwhile a normal client (probe.c) measures its latency. All on the loopback.

    python3 tests/bench/slow_clients.py --connections 5000 --seconds 10 --rounds 3

Each round has three phases: nobody else is there; the crowd is there, but talks to a sink, so that
the machine has its load and the server has not; the crowd talks to the server. Server and client
have a processor each, and so much priority (as root) that neither the crowd nor whatever else runs
takes it from them: what is left is what the server does for the crowd before it answers."""

import argparse
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from processes import (BUILD, LOAD_CPU, SERVER_CPU, Started, free_port, is_allowed, number,
                       raise_file_limit, read)
from report import write_into

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "harness"))

import capricorn  # noqa: E402  (the path comes first)

LIMIT_S = 10
PAUSE_US = 4000
KINDS = 3


class Crowd:
    """crowd.c at this port; it is there when this returns, unless that is not waited for."""

    def __init__(self, port, each, limit_ms, wait=True):
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(LOAD_CPU),
             BUILD / "bench/crowd", str(port), str(each), str(limit_ms)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if wait:
            assert self.process.stdout.readline() == "here\n"

    def end(self):
        """Lets all be ended; what became of them, as text, and whether none is left."""
        told, _ = self.process.communicate()
        return told, self.process.returncode == 0

    def kill(self):
        self.process.kill()
        self.process.communicate()


def limits(seconds):
    """The server's options."""
    return ["--no-access-log", "--timeout-headers", f"{seconds}s", "--timeout-body", f"{seconds}s",
            "--timeout-write", f"{seconds}s"]


def realtime():
    """Ahead of all that is not."""
    wanted = ["chrt", "-f", "10"]
    return wanted if is_allowed(*wanted) else []


def measure(port, seconds):
    """The latencies, in ms, of one client on one connection."""
    count = int(seconds * 1e6 / (PAUSE_US + 200))
    told = subprocess.run(["taskset", "-c", str(LOAD_CPU), *realtime(), BUILD / "bench/probe",
                           str(port), "/", str(count), str(PAUSE_US)],
                          check=True, capture_output=True, text=True, timeout=seconds * 10 + 60)
    return sorted(int(line) / 1e6 for line in told.stdout.split())


def percentile(values, part):
    return values[min(len(values) - 1, int(len(values) * part))]


def kernel_mib():
    """What the kernel holds for TCP."""
    return number("/proc/net/sockstat", r"^TCP:.* mem (\d+)") * resource.getpagesize() >> 20


def cpu_seconds(server):
    return int(read(f"/proc/{server.pid}/schedstat").split()[0]) / 1e9


def at_a_sink(server, each, seconds):
    """The crowd is there, but talks to somebody else."""
    port = free_port()
    with Started([BUILD / "bench/crowd", "sink", port, LIMIT_S * 1000], LOAD_CPU, nice=0):
        crowd = Crowd(port, each, LIMIT_S * 1000)
        try:
            return measure(server.port, seconds)
        finally:
            crowd.kill()


def at_the_server(server, each, seconds):
    """The crowd is at the server. The latencies; what the server took meanwhile, as text; what
    became of the crowd; and whether none of it is left."""
    before, kernel_before = server.memory_kib(), kernel_mib()
    crowd = Crowd(server.port, each, LIMIT_S * 1000)
    try:
        descriptors, cpu = server.descriptors(), cpu_seconds(server)
        taken = measure(server.port, seconds)
        cpu = (cpu_seconds(server) - cpu) / seconds
        during, kernel_during = server.memory_kib(), kernel_mib()
        told, all_ended = crowd.end()
    finally:
        crowd.kill()
    capricorn.wait_until(lambda: server.descriptors() < 40, "all are closed")
    needs = (f"the server had {descriptors} descriptors and used {cpu:.1%} of a processor; its "
             f"memory: {before >> 10} MiB before, {during >> 10} MiB during "
             f"({(during - before) / (KINDS * each):.1f} KiB for each), "
             f"{server.memory_kib() >> 10} MiB after; the kernel's for TCP: {kernel_before} and "
             f"{kernel_during} MiB")
    return taken, needs, told, all_ended


def describe(phases, count):
    """Each phase of each round, and the ratios."""
    lines = [f"{name}{f', {count} of it' if 'crowd' in name else ''}: {len(taken)} requests, "
             f"p50 {percentile(taken, .5):.3f} ms, p99 {percentile(taken, .99):.3f} ms, "
             f"p99.9 {percentile(taken, .999):.3f} ms, max {taken[-1]:.3f} ms"
             for name, rounds in phases.items() for taken in rounds]
    p99 = {name: [percentile(taken, .99) for taken in rounds] for name, rounds in phases.items()}
    for base in ("quiet", "crowd at a sink"):
        ratios = sorted(a / b for a, b in zip(p99["crowd at the server"], p99[base]))
        lines.append(f"p99 with the crowd, against {base}: {statistics.median(ratios):.2f} "
                     f"({ratios[0]:.2f} to {ratios[-1]:.2f})")
    return "\n".join(lines)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--connections", type=int, default=5000)
    options.add_argument("--seconds", type=float, default=10, help="of each phase")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--document", help="put what was found into this document as well")
    asked = options.parse_args()
    each = -(-asked.connections // KINDS)
    raise_file_limit()
    phases = {"quiet": [], "crowd at a sink": [], "crowd at the server": []}
    good = True
    wrapper = ["taskset", "-c", str(SERVER_CPU), *realtime()]
    with capricorn.Server(["plain", "streams"], arguments=limits(LIMIT_S),
                          wrapper=wrapper) as server:
        measure(server.port, 1)
        for _ in range(asked.rounds):
            phases["quiet"].append(measure(server.port, asked.seconds))
            phases["crowd at a sink"].append(at_a_sink(server, each, asked.seconds))
            taken, needs, told, all_ended = at_the_server(server, each, asked.seconds)
            phases["crowd at the server"].append(taken)
            good = good and all_ended
        peak = server.memory_kib("VmHWM") >> 10
    made = describe(phases, KINDS * each) + f"\n\nlast round: {needs}; {peak} MiB at most\n{told}"
    print(made)
    if asked.document:
        write_into(asked.document, {"slow-clients": f"```\n{made}```"})
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
