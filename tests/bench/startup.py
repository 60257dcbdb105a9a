# SPDX-License-Identifier: MIT
"""How long a server takes from exec to its first 200."""

import ctypes
import os
import signal
import subprocess
import time

from peers import Running
from processes import SERVER_CPU, answers, end_group

PR_SET_PDEATHSIG = 1
TIMEOUT_S = 30
LIBC = ctypes.CDLL(None)


def begin(report_fd):
    """In the child, just before exec: what processes.prefix does, without a program for each."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.setsid()
    os.sched_setaffinity(0, {SERVER_CPU})
    os.write(report_fd, str(time.monotonic_ns()).encode())


def time_ms(running):
    read_fd, write_fd = os.pipe()
    process = subprocess.Popen([str(part) for part in running.command], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={**os.environ, **running.environment},
                               preexec_fn=lambda: begin(write_fd))
    try:
        began = int(os.read(read_fd, 64))
        while not answers(running.port):
            if process.poll() is not None or time.monotonic_ns() - began > TIMEOUT_S * 1e9:
                raise RuntimeError(f"{running.command} did not start")
            time.sleep(0.0002)
        return (time.monotonic_ns() - began) / 1e6
    finally:
        os.close(read_fd)
        os.close(write_fd)
        end_group(process)


def times_ms(peer, count):
    """So many starts, after one that is not counted."""
    found = []
    for _ in range(count + 1):
        with Running(peer, wait=False) as running:
            found.append(time_ms(running))
    return found[1:]
