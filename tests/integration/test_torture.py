# SPDX-License-Identifier: MIT
"""Many clients that behave at random, and go away at random: afterwards the server is as it was.

CAPRICORN_SEED picks the course, CAPRICORN_TORTURE how many clients there are."""

import os
import random
import threading

from capricorn import Server, sanitized, seconds, wait_until
from script import READ, RECEIVE, REPORT, Script, body, large, result, sleep, start, step

SEED = int(os.environ.get("CAPRICORN_SEED") or "20")
CLIENTS = int(os.environ.get("CAPRICORN_TORTURE") or (400 if sanitized() else 800))
THREADS = 8


def random_script(dice):
    steps = [READ, RECEIVE, start(200), start(204), start(200, ("content-length", "5")),
             body("hello"), body("more", more=True), body("", more=True), large(300000),
             large(70000, more=True), sleep(dice.randrange(4)), result(-7), result(-8),
             step("event", 0x777), REPORT]
    return Script(*dice.choices(steps, k=dice.randrange(1, 6))).target


def random_request(dice):
    """Bytes of a request, well-formed."""
    get = ["/hello", "/sleep?ms=3", "/spawn?n=9", "/cancel", "/abandon", "/defer", "/arena",
           "/order?n=100000", "/deep?kib=50", "/post", "/errors", "/rethrow?x", "/unwind",
           "/scope/one/a%20b", "/scope/two/1/x", "/scope/rest/a", "/nowhere", "/hello/",
           "/bad/error", "/bad/forget", "/bad/half", "/bad/order", "/weather?city=London",
           "/weather?city=Nowhere", "/weather", "/down?bytes=400000", "/background?ms=5",
           "/gone"]
    method, target, data = "GET", dice.choice(get), b""
    if dice.random() < 0.4:
        target = random_script(dice)
        method = dice.choice(["GET", "POST", "HEAD"])
    elif dice.random() < 0.3:
        method, target = "POST", dice.choice(["/echo", "/up", "/busy"])
    head = f"{method} {target} HTTP/{dice.choice(['1.1', '1.1', '1.1', '1.0'])}\r\nHost: h\r\n"
    if method == "POST":
        data = b"d" * dice.choice([0, 1, 1000, 100000, 300000])
        if dice.random() < 0.5 and "1.1" in head:
            head += "Transfer-Encoding: chunked\r\n"
            data = (b"%x\r\n%s\r\n" % (len(data), data) if data else b"") + b"0\r\n\r\n"
        else:
            head += f"Content-Length: {len(data)}\r\n"
        if dice.random() < 0.2:
            head += "Expect: 100-continue\r\n"
    if dice.random() < 0.1:
        head += "Connection: close\r\n"
    return head.encode() + b"\r\n" + data


def misbehave(server, dice):
    """One client: sends some requests in pieces, reads a little, and goes away somehow."""
    data = b"".join(random_request(dice) for _ in range(dice.choice([1, 1, 1, 2, 5])))
    if dice.random() < 0.1:
        at = dice.randrange(len(data))
        data = data[:at] + bytes([dice.randrange(256)]) + data[at + 1:]
    if dice.random() < 0.4:
        data = data[:dice.randrange(len(data) + 1)]
    connection = server.connect(receive_buffer=dice.choice([None, 4096]))
    connection.socket.settimeout(dice.choice([0.005, 0.05, 0.2]))
    try:
        while data:
            cut = dice.choice([len(data), len(data), dice.randrange(1, len(data) + 1)])
            connection.socket.send(data[:cut])
            data = data[cut:]
        for _ in range(dice.randrange(20)):
            if not connection.socket.recv(dice.choice([1, 1000, 65536])):
                break
    except OSError:
        pass
    finally:
        dice.choice([connection.close, connection.reset])()


def test_random_clients_leave_nothing_behind():
    plugins = ["script", "scope", "around", "tasks", "throwing", "bad", "streams", "weather",
               "weather_api"]
    # A client whose last bytes the server does not read cannot be seen to leave: hence the limit.
    with Server(plugins, arguments=["--no-access-log", "--timeout-graceful-shutdown",
                                    "2s"]) as server:
        server.get("/hello")
        descriptors = server.descriptors()

        def run(number):
            dice = random.Random(SEED * 1000 + number)
            for _ in range(CLIENTS // THREADS):
                misbehave(server, dice)
        threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.get("/hello", timeout=20).text == "hello"
        # connections to the server itself, as an upstream, are kept for a while: two ends each
        wait_until(lambda: server.descriptors() <= descriptors + 2 * 64,
                   "connections are closed", timeout=20)
        assert sanitized() or server.memory_kib() < 200 * 1024
        server.send_signal(2)
        assert server.wait(timeout=seconds(20)) == 0
