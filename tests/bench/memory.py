# SPDX-License-Identifier: MIT
"""What thousands of connections cost a server in memory: idle ones that have been answered once,
and requests that wait for their upstream, everything included. It is the process's proportional
share (Pss) and its page tables, afterwards less before; what the kernel holds for sockets is not
in it.

    make bench-memory [QUICK=1]
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import time

import peers
import report
from peers import Missing, Running
from processes import BUILD, raise_file_limit, stop_on_signals, upstream

DELAY_MS = 120_000  # longer than all of it takes
# Descriptors that are neither a connection to a client nor one to an upstream.
SPARE = 200

# The server, and what part of the connections it is asked to hold: slow ones get fewer.
PEERS = {
    "capricorn": (peers.OURS, 1), "nginx": (peers.NGINX, 1),
    "Uvicorn, bare ASGI": (peers.ASGI, 0.5),
    "FastAPI, shared httpx client": (peers.FASTAPI, 0.2),
}


def settle(server):
    """The memory, once it no longer grows."""
    before = -1
    for _ in range(100):
        now = server.memory_kib()
        if now == before:
            break
        before = now
        time.sleep(0.3)
    return now


def descriptors(server):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in server.tree())


def wait_for_descriptors(server, count):
    """Until the server holds so many: every connection and what it asked for is there."""
    end = time.monotonic() + 60
    while descriptors(server) < count:
        if time.monotonic() > end:
            raise RuntimeError(f"{descriptors(server)} descriptors, expected {count}; the server "
                               f"said: {server.said()[-1000:]}")
        time.sleep(0.1)


class Clients:
    """So many connections that each send one request."""

    def __init__(self, port, path, count):
        self.open = []
        request = f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", port), 30)
            client.sendall(request)
            self.open.append(client)

    def read_all(self):
        for client in self.open:
            heard = b""
            while b"\r\n\r\n" not in heard or not heard.endswith(b"Hello, world!"):
                piece = client.recv(65536)
                if not piece:
                    raise RuntimeError(f"closed after {heard!r}")
                heard += piece
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.open:
            client.close()


def idle_kib(peer, count):
    """Of a connection that was answered and is silent since."""
    with Running(peer) as running:
        with Clients(running.port, peers.PLAIN, 10) as few:
            few.read_all()
            before = settle(running.server)
        with Clients(running.port, peers.PLAIN, count) as many:
            many.read_all()
            wait_for_descriptors(running.server, count)
            return (settle(running.server) - before) / count


def waiting_kib(peer, count, source):
    """Of a request whose upstream takes its time: two connections, and all that stands between."""
    with Running(peer, f"http://127.0.0.1:{source.port}", DELAY_MS // 1000) as running:
        before = settle(running.server)
        with Clients(running.port, peers.WEATHER, count):
            wait_for_descriptors(running.server, 2 * count)
            return (settle(running.server) - before) / count


def measure(asked, limit):
    found, missing = {}, {}
    idle = min(asked.connections, limit - SPARE)
    waiting = min(asked.connections, (limit - SPARE) // 2)
    for name, (peer, part) in PEERS.items():
        if asked.peers and not any(word in name for word in asked.peers):
            continue
        try:
            each = {"connections": int(idle * part)}
            each["idle_kib"] = idle_kib(peer, each["connections"])
            if name != "Uvicorn, bare ASGI":
                each["requests"] = int(waiting * part)
                # A floor of its own for each: its connections are gone before the next one's come.
                with upstream(DELAY_MS) as source:
                    each["waiting_kib"] = waiting_kib(peer, each["requests"], source)
            found[name] = each
        except Missing as how:
            missing[name] = str(how)
        print(f"memory: {name}", file=sys.stderr)
    return found, missing


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="a look whether it works")
    options.add_argument("--connections", type=int, default=8000)
    options.add_argument("--tasks", type=int, default=100_000, help="spawned, and suspended")
    options.add_argument("--peers", nargs="+", help="those with one of these words in their name")
    options.add_argument("--json", default=str(BUILD / "bench-memory.json"))
    options.add_argument("--document", help="put the tables into this document as well")
    asked = options.parse_args()
    if asked.quick:
        asked.connections, asked.tasks = 500, 10_000
    limit = raise_file_limit()
    stop_on_signals()
    found, missing = measure(asked, limit)
    tasks = subprocess.run([BUILD / "bench/bench_tasks", str(asked.tasks)], capture_output=True,
                           text=True, check=True).stdout
    result = {"when": time.strftime("%Y-%m-%d %H:%M", time.gmtime()), "machine": report.machine(),
              "versions": peers.versions(), "memory": found, "missing": missing,
              "tasks": int(re.search(r"^(\d+) tasks wait", tasks, re.M).group(1))}
    with open(asked.json, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
    made = {"memory": report.memory_table(found), "memory-budgets": report.budget_table(result),
            "tasks": f"```\n{tasks}```"}
    print("\n\n".join(made.values()))
    for name, how in missing.items():
        print(f"\n{name}: left out, it is not installed: {how}")
    if asked.document:
        report.write_into(asked.document, made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
