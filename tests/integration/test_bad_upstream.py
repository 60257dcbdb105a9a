# SPDX-License-Identifier: MIT
"""Upstreams that hang, reset, drip and lie, and clients that go away meanwhile: the server is as it
was before. CAPRICORN_BIG=1 abandons 10,000 requests; otherwise fewer. (tests/unit/client has the
same faults by the thousand, with each one's words.)"""

import os
import random
import socket
import threading
import time

import pytest

from capricorn import sanitized, seconds, wait_until
from script import ELIMIT, EPROTO, ETIMEDOUT
from test_client import fetch
from test_tasks import raise_descriptor_limit
from upstream import BadUpstream

SEED = int(os.environ.get("CAPRICORN_SEED") or "5")
BIG = bool(os.environ.get("CAPRICORN_BIG"))
WAVES = 10 if BIG else 2
WAVE = 1000 if BIG else 300 if sanitized() else 1000
GRACE_S = 3

FAULTS = {
    "good": (None, ""), "good-chunked": (None, ""), "good-close": (None, ""), "long": (None, ""),
    "hang": (ETIMEDOUT, "no answer within 200 ms"),
    "hang-head": (ETIMEDOUT, "went no further"), "hang-body": (ETIMEDOUT, "went no further"),
    "reset": (EPROTO, "without an answer"), "reset-head": (EPROTO, "within its head (the connect"),
    "reset-body": (EPROTO, "after 3 of 9 bytes (the connection was reset)"),
    "reset-close": (EPROTO, "after 3 bytes (the connection was reset)"), "close": (EPROTO, "without an answer"),
    "close-head": (EPROTO, "within its head"), "close-body": (EPROTO, "after 3 of 9 bytes"),
    "close-chunks": (EPROTO, "after 3 bytes"),
    "drip": (ETIMEDOUT, "total timeout"), "drip-head": (ETIMEDOUT, "total timeout"),
    "endless-head": (EPROTO, "header fields"), "endless-interims": (EPROTO, "interim"),
    "endless-body": (ELIMIT, "larger than 100000 bytes"), "huge": (ELIMIT, "100000 bytes"),
    "garbage": (EPROTO, "not HTTP/1.1"), "http2": (EPROTO, "not HTTP/1.1"),
    "chunk-size": (EPROTO, "chunk size"), "lengths": (EPROTO, "Content-Length"),
    "bomb": (ELIMIT, "decoded response is larger than 100000 bytes"),
    "cut-gzip": (EPROTO, "gzip body ended early"),
}


@pytest.fixture(name="bad")
def run_bad_upstream():
    with BadUpstream() as running:
        yield running


def test_each_fault_of_an_upstream_ends_with_its_error_and_leaves_nothing(serve, bad):
    server = serve("fetch", "tasks", arguments=["--no-access-log"])
    fetch(server, f"{bad.url}/good/first")
    descriptors, wrong = server.descriptors(), []
    names = list(FAULTS) * (2 if sanitized() else 10)
    random.Random(SEED).shuffle(names)

    def ask(mine):
        for name in mine:
            began = time.monotonic()
            got = fetch(server, f"{bad.url}/{name}/x", Read=200, Total=500, Max=100000)
            took = time.monotonic() - began
            error, detail = FAULTS[name]
            if got.error != error or detail not in got.detail or took > seconds(0.5 + 4):
                wrong.append((name, got.error, got.detail, took))

    threads = [threading.Thread(target=ask, args=(names[i::12],)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:10]
    # each of the twelve has left one that is kept at the most
    wait_until(lambda: server.descriptors() <= descriptors + 12, "connections are closed")
    seen = bad.seen()
    assert seen["spoilt"] == 0
    assert server.get("/hello").text == "hello"


def abandon(server, url, count):
    """So many clients ask, and go away once all of them wait."""
    asked = (f"GET /abandoned HTTP/1.1\r\nHost: h\r\nX-Url: {url}/hang/x\r\n\r\n").encode()
    clients = []
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", server.port), seconds(20))
        client.sendall(asked)
        clients.append(client)
    return clients


def test_when_clients_go_away_what_was_asked_for_them_is_cancelled(serve, bad):
    if raise_descriptor_limit(2 * WAVE + 300) < 2 * WAVE + 300:
        pytest.skip("this machine allows too few descriptors")
    server = serve("abandoned", "tasks", arguments=["--no-access-log"])
    server.get("/hello")
    descriptors, memory = server.descriptors(), []
    for wave in range(1, WAVES + 1):
        asked = wave * WAVE
        clients = abandon(server, bad.url, WAVE)
        wait_until(lambda asked=asked: bad.seen()["hang"] == [asked, asked - WAVE], "all wait", 30)
        for client in clients:
            client.close()
        gone = time.monotonic()
        wait_until(lambda asked=asked: bad.seen()["hang"] == [asked, asked], "all are cancelled",
                   30)
        assert time.monotonic() - gone < GRACE_S + seconds(2)
        wait_until(lambda asked=asked: server.get("/counts").text == f"{asked} {asked} {asked}",
                   "all are cleaned up after")
        wait_until(lambda: server.descriptors() <= descriptors, "all descriptors are closed")
        memory.append(server.memory_kib())
    assert bad.seen()["spoilt"] == 0, "no connection of theirs was used again"
    assert sanitized() or memory[-1] <= memory[0] + 2048, memory
