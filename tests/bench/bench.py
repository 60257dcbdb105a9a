# SPDX-License-Identifier: MIT
"""Compares the server with others: what a plain request and one that asks an upstream cost, how
long one client waits for them, and how long a start takes. Each server in turn, in several rounds,
started afresh each time; it has one processor, and whatever loads it another. Servers that are not
installed are left out, with a word.

    make bench [QUICK=1] [BENCH_ARGS='--rounds 5 --only weather']
"""

import argparse
import json
import sys
import time

import peers
import report
import startup
from loads import load, one_client_ms
from peers import Missing, Running
from processes import BUILD, LOAD_CPU, SERVER_CPU, raise_file_limit, stop_on_signals, upstream
from tls import HttpsUpstream

PEERS = {
    "plain": {
        "epoll floor": peers.floor, "capricorn": peers.OURS,
        "capricorn, framework": peers.OURS_WEB, "nginx": peers.NGINX,
        "capricorn, access log": peers.OURS_LOGGING, "nginx, access log": peers.NGINX_LOGGING,
        "Uvicorn, bare ASGI": peers.ASGI, "FastAPI on Uvicorn": peers.FASTAPI,
        "Flask on gunicorn, 4 workers": peers.FLASK,
    },
    "weather": {
        "capricorn": peers.OURS, "nginx": peers.NGINX,
        "FastAPI, shared httpx client": peers.FASTAPI,
        "Flask, requests, 4 workers": peers.FLASK,
    },
    # The same, asked over https, with certificates verified.
    "https": {
        "capricorn": peers.OURS, "nginx": peers.NGINX,
        "FastAPI, shared httpx client": peers.FASTAPI,
    },
    "latency": {
        "capricorn": peers.OURS, "nginx": peers.NGINX,
        "FastAPI, shared httpx client": peers.FASTAPI,
    },
    # With 256 clients, and an upstream that takes 50 ms: how long does one wait among many?
    "delayed": {
        "capricorn": peers.OURS, "nginx": peers.NGINX,
        "FastAPI, shared httpx client": peers.FASTAPI,
        "Flask, requests, 4 workers": peers.FLASK,
    },
    "startup": {
        "capricorn": peers.OURS, "nginx": peers.NGINX, "Uvicorn, bare ASGI": peers.ASGI,
        "FastAPI on Uvicorn": peers.FASTAPI, "Flask on gunicorn, 4 workers": peers.FLASK,
    },
}


class Bench:
    """What is asked for, and what is missing."""

    def __init__(self, asked):
        self.asked = asked
        self.missing = {}

    def rounds(self, kind, source, measure):
        """{name: a sample for each round}, each server in turn."""
        found = {name: [] for name in PEERS[kind]
                 if not self.asked.peers or any(word in name for word in self.asked.peers)}
        for number in range(self.asked.rounds):
            for name, samples in found.items():
                if name in self.missing:
                    continue
                try:
                    with Running(PEERS[kind][name], source.url,
                                 certificate=source.certificate) as running:
                        samples.append(measure(running))
                except Missing as how:
                    self.missing[name] = str(how)
            print(f"{kind}: round {number + 1} of {self.asked.rounds}", file=sys.stderr)
        return {name: samples for name, samples in found.items() if samples}

    def load(self, kind, connections=64, source=upstream, longer=1):
        path = peers.PLAIN if kind == "plain" else peers.WEATHER

        def measure(running):
            return load(running, path, connections, self.asked.seconds * longer,
                        self.asked.warm_up * longer)
        with source() as started:
            return self.rounds(kind, started, measure)

    def plain(self):
        return self.load("plain")

    def weather(self):
        return self.load("weather")

    def https(self):
        try:
            return self.load("https", source=HttpsUpstream)
        except Missing as how:
            self.missing["an upstream that is asked over https"] = str(how)
            return {}

    def delayed(self):
        return self.load("delayed", 256, lambda: upstream(50), 2)  # with some an answer takes seconds

    def latency(self):
        def measure(running):
            one_client_ms(running.port, peers.WEATHER, self.asked.requests // 10 + 1)
            plain = one_client_ms(running.port, peers.PLAIN, self.asked.requests)
            weather = one_client_ms(running.port, peers.WEATHER, self.asked.requests)
            return {"plain_ms": plain, "weather_ms": weather, "added_ms": weather - plain}
        with upstream() as source:
            return self.rounds("latency", source, measure)

    def startup(self):
        found = {}
        for name, peer in PEERS["startup"].items():
            try:
                found[name] = startup.times_ms(peer, self.asked.starts)
            except Missing as how:
                self.missing[name] = str(how)
        return found


def arguments():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="a look whether it works")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=int, default=4, help="of each load")
    options.add_argument("--warm-up", type=int, default=1, help="seconds before each load")
    options.add_argument("--requests", type=int, default=5000, help="of the one client")
    options.add_argument("--starts", type=int, default=11)
    options.add_argument("--only", nargs="+", choices=PEERS, default=list(PEERS))
    options.add_argument("--peers", nargs="+", help="those with one of these words in their name")
    options.add_argument("--json", default=str(BUILD / "bench.json"),
                         help="where to write all of it")
    options.add_argument("--document", help="put the tables into this document as well")
    asked = options.parse_args()
    if asked.quick:
        asked.rounds, asked.seconds, asked.warm_up = 1, 1, 1
        asked.requests, asked.starts = 500, 3
    return asked


def main():
    asked = arguments()
    raise_file_limit()
    stop_on_signals()
    found = {"when": time.strftime("%Y-%m-%d %H:%M", time.gmtime()), "command": sys.argv[1:],
             "machine": report.machine(), "versions": peers.versions(),
             "processors": {"server": SERVER_CPU, "load": LOAD_CPU}}
    bench = Bench(asked)
    for kind in asked.only:
        found[kind] = getattr(bench, kind)()
    found["missing"] = bench.missing
    with open(asked.json, "w", encoding="utf-8") as file:
        json.dump(found, file, indent=1)
    made = blocks(found)
    print("\n\n".join(made.values()))
    for name, how in bench.missing.items():
        print(f"\n{name}: left out, it is not installed: {how}")
    print(f"\nall of it: {asked.json}")
    if asked.document:
        report.write_into(asked.document, made)
    return 0


def blocks(found):
    """The tables of what was measured."""
    made = {"machine": report.surroundings(found)}
    for kind, title in (("plain", f"GET {peers.PLAIN}"), ("weather", f"GET {peers.WEATHER}"),
                        ("https", f"GET {peers.WEATHER}, asked over https"),
                        ("delayed", "the same, upstream 50 ms, 256 clients")):
        if found.get(kind):
            made[kind] = report.load_table(title, found[kind])
    if found.get("latency"):
        made["latency"] = report.latency_table(found["latency"])
    if found.get("startup"):
        made["startup"] = report.startup_table(found["startup"])
    budgets = report.budget_table(found)
    return {**made, "budgets": budgets} if budgets else made


if __name__ == "__main__":
    sys.exit(main())
