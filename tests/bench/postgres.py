# SPDX-License-Identifier: MIT
"""A thousand requests at once that each wait a tenth of a second for PostgreSQL, over twenty
connections to it (examples/postgres): how long they take, and what a plain request takes meanwhile,
beside what it takes when nobody else is there.

    make bench-postgres [BENCH_ARGS='--requests 1000 --rounds 3']

The server has one processor; PostgreSQL and the clients have the other. At best the thousand take
1,000 / 20 * 0.1 s = 5 s. The plain client (probe.c) asks every 4 ms, ahead of all others on its
processor: what it measures is the server's time."""

import argparse
import selectors
import socket
import statistics
import sys
import threading
import time
from pathlib import Path

import peers
from processes import BUILD, LOAD_CPU, raise_file_limit, stop_on_signals
from report import show, table, write_into
from slow_clients import measure, percentile, realtime

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "harness"))

from database import PROGRAMS, Postgres  # noqa: E402  (the path comes first)

CONNECTIONS, PAUSE_MS = 20, 100


def server(database):
    """The command of a server with the example and a plain endpoint."""
    def command(place):
        built = BUILD / "examples" / "postgres.so"
        if not PROGRAMS or not built.exists():
            raise peers.Missing("apt-get install postgresql libpq-dev, then make")
        started = peers.capricorn("plain")(place)
        (place.folder / "plugins/postgres.so").write_bytes(built.read_bytes())
        (place.folder / "plugins/postgres.json").write_text(
            f'{{"conninfo": "{database.conninfo}", "connections": {CONNECTIONS}}}')
        return started
    return command


def ask_all(port, count):
    """Asks on so many connections at once; the seconds until all are answered with 200."""
    waiting = selectors.DefaultSelector()
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    began = time.monotonic()
    for client in clients:
        client.sendall(f"GET /pg/pause?ms={PAUSE_MS} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        waiting.register(client, selectors.EVENT_READ)
    while waiting.get_map():
        for key, _ in waiting.select(60):
            answer = key.fileobj.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"unexpected answer: {answer[:200]}")
            waiting.unregister(key.fileobj)
    took = time.monotonic() - began
    for client in clients:
        client.close()
    return took


def one_round(port, count):
    """Plain latencies with nobody else there, and while all wait; and how long those took."""
    ideal, took = count / CONNECTIONS * PAUSE_MS / 1000, []
    quiet = measure(port, min(ideal, 2))
    others = threading.Thread(target=lambda: took.append(ask_all(port, count)))
    others.start()
    busy = measure(port, ideal * 0.9)
    others.join()
    return {"took_s": took[0], "quiet": quiet, "busy": busy}


def row(name, rounds, key):
    samples = [[percentile(one[key], part) for one in rounds] for part in (0.5, 0.99)]
    return (name, *(show(statistics.median(each), 3) for each in samples),
            show(max(max(one[key]) for one in rounds), 3))


def report(asked, rounds):
    took = [one["took_s"] for one in rounds]
    return (f"{asked.requests:,} requests for pg_sleep({PAUSE_MS / 1000:g}) over {CONNECTIONS} "
            f"connections: {statistics.median(took):.2f} s ({min(took):.2f} to {max(took):.2f}); "
            f"at best {asked.requests / CONNECTIONS * PAUSE_MS / 1000:.2f} s\n\n" +
            table(("GET / meanwhile", "p50 ms", "p99 ms", "slowest ms"),
                  [row("nobody else", rounds, "quiet"), row("all wait", rounds, "busy")]))


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--quick", action="store_true", help="a look whether it works")
    options.add_argument("--document", help="put the table into this document as well")
    asked = options.parse_args()
    if asked.quick:
        asked.requests, asked.rounds = 100, 1
    raise_file_limit()
    stop_on_signals()
    try:
        if not PROGRAMS:
            raise peers.Missing("apt-get install postgresql libpq-dev, then make")
        with Postgres(["taskset", "-c", str(LOAD_CPU)]) as database, \
                peers.Running(server(database), wrapper=realtime()) as running:
            rounds = [one_round(running.port, asked.requests) for _ in range(asked.rounds)]
    except peers.Missing as how:
        print(f"left out, it is not installed: {how}")
        return 0
    text = report(asked, rounds)
    print(text)
    if asked.document:
        write_into(asked.document, {"postgres": text})
    return 0


if __name__ == "__main__":
    sys.exit(main())
