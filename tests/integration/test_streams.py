# SPDX-License-Identifier: MIT
"""Long bodies in flat memory. CAPRICORN_BIG=1 streams 2 GB each way; otherwise less."""

import os
import threading

from capricorn import sanitized, wait_until
from conftest import module_server

MIB = 1 << 20
TOTAL = (2048 if os.environ.get("CAPRICORN_BIG") else 16 if sanitized() else 64) * MIB

server = module_server("streams", arguments=["--limit-body", "0"])


class Peak:
    """The most memory the server had while the block ran."""

    def __init__(self, server):
        self.server, self.most, self.over = server, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.over.wait(0.01):
            self.most = max(self.most, self.server.memory_kib())

    def __enter__(self):
        self.before = self.server.memory_kib()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    @property
    def grown_kib(self):
        return self.most - self.before


def warm(server):
    server.get(f"/down?bytes={4 * MIB}")
    server.request("POST", "/up", body=b"x" * 4 * MIB)


def receive_all(connection, total):
    """Counts and forgets what comes, down to the last byte; checks that its pattern is whole."""
    received, alphabet = 0, bytes(ord("a") + i % 26 for i in range(65536)) * 5
    while received < total:
        if not connection.buffer:
            assert connection.fill(), f"the stream ended after {received} bytes"
        piece, connection.buffer = connection.buffer, b""
        at = received % 65536
        assert piece == alphabet[at:at + len(piece)]
        received += len(piece)
    assert received == total


def test_a_long_download_with_a_length_takes_flat_memory(server):
    warm(server)
    with server.connect(60) as connection, Peak(server) as peak:
        connection.send_request("GET", f"/down?bytes={TOTAL}&length=1")
        head = connection.read_head()
        assert head.get("content-length") == str(TOTAL)
        receive_all(connection, TOTAL)
    assert peak.grown_kib < 4096 * (8 if sanitized() else 1), f"{peak.grown_kib} KiB"


def test_a_long_chunked_download_takes_flat_memory(server):
    warm(server)
    with server.connect(60) as connection, Peak(server) as peak:
        connection.send_request("GET", f"/down?bytes={TOTAL}")
        assert connection.read_head().get("transfer-encoding") == "chunked"
        received = 0
        while True:
            piece = connection.read_chunk()
            if not piece:
                break
            received += len(piece)
        assert received == TOTAL and connection.read_fields() == []
    assert peak.grown_kib < 4096 * (8 if sanitized() else 1), f"{peak.grown_kib} KiB"


def upload(server, headers, pieces, ending=b""):
    with server.connect(120) as connection, Peak(server) as peak:
        connection.send_request("POST", "/up", headers)
        for piece in pieces:
            connection.send(piece)
        connection.send(ending)
        response = connection.read_response()
    assert response.text == str(TOTAL)
    assert peak.grown_kib < 4096 * (8 if sanitized() else 1), f"{peak.grown_kib} KiB"


def test_a_long_upload_with_a_length_takes_flat_memory(server):
    warm(server)
    piece = b"u" * MIB
    upload(server, [("Content-Length", str(TOTAL))], (piece for _ in range(TOTAL // MIB)))


def test_a_long_chunked_upload_takes_flat_memory(server):
    warm(server)
    chunk = b"40000\r\n" + b"u" * 0x40000 + b"\r\n"
    upload(server, [("Transfer-Encoding", "chunked")],
           (chunk for _ in range(TOTAL // 0x40000)), b"0\r\n\r\n")


def test_a_long_echo_both_ways_at_once_takes_flat_memory(server):
    warm(server)
    total = TOTAL // 4
    with server.connect(120) as connection, Peak(server) as peak:
        connection.send_request("POST", "/echo", [("Content-Length", str(total))])
        piece = b"e" * MIB

        def send():
            for _ in range(total // MIB):
                connection.send(piece)
        sender = threading.Thread(target=send)
        sender.start()
        assert connection.read_head().status == 200
        received = 0
        while True:
            chunk = connection.read_chunk()
            if not chunk:
                break
            received += len(chunk)
        sender.join()
        assert received == total
    assert peak.grown_kib < 4096 * (8 if sanitized() else 1), f"{peak.grown_kib} KiB"


def test_the_server_holds_no_descriptors_of_past_streams(server):
    wait_until(lambda: server.descriptors() < 40, "streams are closed")
