# SPDX-License-Identifier: MIT
"""Does a crowd of slow clients harm the others? Thousands of connections send a head byte by byte,
or a body, or do not read their response, and each one that the server ends is replaced at once;
meanwhile a normal client measures its latency, as it did before they came. All on the loopback.

    python3 tests/bench/slow_clients.py --connections 5000 --seconds 20
"""

import argparse
import collections
import os
import resource
import select
import selectors
import socket
import sys
import time
from multiprocessing import Pipe, Process
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "harness"))

import capricorn  # noqa: E402  (the path comes first)

LIMIT_S = 10
HEAD, BODY, READ = "slow head", "slow body", "slow read"
KINDS = (HEAD, BODY, READ)
FIRST_WORDS = {
    HEAD: b"GET /hello HTTP/1.1\r\nHost: slow\r\nX-Slow: ",
    BODY: b"POST /up HTTP/1.1\r\nHost: slow\r\nContent-Length: 1000000\r\n\r\n",
    READ: b"GET /down?bytes=8000000 HTTP/1.1\r\nHost: slow\r\n\r\n",
}


def limits(seconds):
    """The server's options."""
    return ["--no-access-log", "--timeout-headers", f"{seconds}s", "--timeout-body", f"{seconds}s",
            "--timeout-write", f"{seconds}s"]


class Crowd:
    """So many slow connections of each kind; a byte of each goes out about once a second. They come
    in the course of spread seconds, so that they are not all ended at once either."""

    def __init__(self, address, each, spread=0):
        self.address = address
        self.selector = selectors.DefaultSelector()
        self.open = collections.Counter()
        self.ended = collections.Counter()
        self.speakers = collections.deque()
        self.silent = {}
        self.silent_poll = select.epoll()
        for _ in range(each):
            for kind in KINDS:
                self.connect(kind)
            if spread:
                time.sleep(spread / each)

    def connect(self, kind):
        client = socket.socket()
        if kind == READ:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(self.address)
        client.setblocking(False)
        client.send(FIRST_WORDS[kind])
        self.open[kind] += 1
        if kind == READ:
            # Its bytes stay unread: only the end is to be noticed.
            self.silent[client.fileno()] = client
            self.silent_poll.register(client, 0)
        else:
            self.selector.register(client, selectors.EVENT_READ, kind)
            self.speakers.append(client)

    def end(self, client, kind, how):
        client.close()
        self.open[kind] -= 1
        self.ended[kind, how] += 1

    def hear(self, wait):
        """Takes what has come; returns the kinds of those that were ended."""
        ended = []
        for key, _ in self.selector.select(wait):
            client, kind = key.fileobj, key.data
            try:
                heard = client.recv(65536)
                how = heard.split(b" ")[1].decode() if heard else "closed"
            except OSError:
                how = "cut"
            self.selector.unregister(client)
            self.end(client, kind, how)
            ended.append(kind)
        return ended

    def look_at_silent(self):
        ended = []
        for number, _ in self.silent_poll.poll(0):
            self.silent_poll.unregister(number)
            self.end(self.silent.pop(number), READ, "cut")
            ended.append(READ)
        return ended

    def speak(self, count):
        for _ in range(min(count, len(self.speakers))):
            client = self.speakers.popleft()
            if client.fileno() < 0:
                continue
            try:
                client.send(b"x")
            except OSError:
                pass  # it has been ended: hear() will tell
            self.speakers.append(client)

    def run(self, seconds, replace):
        """Goes on for so long; without replacing the ended ones, until none is left."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and sum(self.open.values()):
            ended = self.hear(0.004) + self.look_at_silent()
            self.speak(len(self.speakers) // 250 + 1)
            for kind in ended if replace else ():
                self.connect(kind)


def drive(address, each, seconds, grace, pipe):
    """The crowd's process. It comes from elsewhere, so it may not take the others' processor."""
    os.nice(25)
    crowd = Crowd(address, each, LIMIT_S * 0.9)
    pipe.send("here")
    crowd.run(seconds, replace=True)
    pipe.send("ending")
    crowd.run(grace, replace=False)
    pipe.send((dict(crowd.ended), dict(crowd.open)))


def waited_ms(pid):
    """How long a process has waited for a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e6


def measure(server, seconds, pause=0.004):
    """The latencies, in ms, of one client on one connection: whole, and without the time for which
    server and client waited for a processor that others used."""
    whole, own = [], []
    until = time.monotonic() + seconds
    with server.connect(timeout=30) as connection:
        while time.monotonic() < until:
            waited = waited_ms(server.pid) + waited_ms("self")
            began = time.perf_counter()
            assert connection.exchange("GET", "/hello").text == "hello"
            whole.append((time.perf_counter() - began) * 1000)
            waited = waited_ms(server.pid) + waited_ms("self") - waited
            own.append(max(whole[-1] - waited, 0))
            time.sleep(pause)
    return whole, own


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def cpu_seconds(server):
    """What the server has used of the processor."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kernel_mib():
    """What the kernel holds for TCP."""
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        if line.startswith("TCP:"):
            return int(line.split()[-1]) * resource.getpagesize() >> 20
    return 0


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--connections", type=int, default=5000)
    options.add_argument("--seconds", type=float, default=20)
    asked = options.parse_args()
    each = asked.connections // 3
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, asked.connections + 500), hard))
    with capricorn.Server(["tasks", "streams"], arguments=limits(LIMIT_S)) as server:
        measure(server, 1)
        quiet = measure(server, asked.seconds / 2)
        before, kernel_before = server.memory_kib(), kernel_mib()
        here, there = Pipe()
        crowd = Process(target=drive, args=(("127.0.0.1", server.port), each, asked.seconds + 3,
                                            4 * LIMIT_S, there))
        crowd.start()
        assert here.recv() == "here"
        print(f"{server.descriptors()} descriptors in the server")
        cpu = cpu_seconds(server)
        busy = measure(server, asked.seconds)
        cpu = (cpu_seconds(server) - cpu) / asked.seconds
        during, kernel_during = server.memory_kib(), kernel_mib()
        assert here.recv() == "ending"
        ended, still_open = here.recv()
        crowd.join()
        again = measure(server, asked.seconds / 2)
        capricorn.wait_until(lambda: server.descriptors() < 40, "all are closed")
        after = server.memory_kib()
        peak = server.memory_kib("VmHWM")
    for what, alone, crowded in (("latency", quiet[0] + again[0], busy[0]),
                                 ("without waits for a processor", quiet[1] + again[1], busy[1])):
        for name, values in (("quiet", alone), (f"with {3 * each} slow", crowded)):
            print(f"{what}, {name}: {len(values)} requests, p50 {percentile(values, .5):.2f} ms, "
                  f"p99 {percentile(values, .99):.2f} ms, max {max(values):.2f} ms")
        print(f"{what}: p99 with them is "
              f"{percentile(crowded, .99) / percentile(alone, .99):.2f} of the quiet one")
    print(f"the server used {cpu:.0%} of a processor for them and the normal client")
    print(f"memory: {before >> 10} MiB before, {during >> 10} MiB during "
          f"({(during - before) / (3 * each):.1f} KiB for each), {peak >> 10} MiB at most, "
          f"{after >> 10} MiB after; the kernel's for TCP: {kernel_before} and {kernel_during} MiB")
    for (kind, how), count in sorted(ended.items()):
        print(f"{kind}: {count} ended ({how})")
    print(f"still open at the end: {sum(still_open.values())}")
    return 1 if sum(still_open.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
