# SPDX-License-Identifier: MIT
"""An upstream server that behaves as a test tells it to, on a port of its own."""

import json
import socket
import subprocess
import threading
import urllib.request

from capricorn import BUILD


def answer(status, body, content_type="application/json", extra=""):
    body = body.encode() if isinstance(body, str) else body
    return (f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n{extra}\r\n").encode() + body


class Upstream:
    """Each request is passed to respond(upstream, path, connection, head), whose bytes are sent;
    None closes the connection. Counts connections and remembers the requests' heads."""

    def __init__(self, respond):
        self.respond = respond
        self.heads, self.connections, self.open = [], 0, []
        self.released = threading.Event()
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.released.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        held = b""
        try:
            while True:
                while b"\r\n\r\n" not in held:
                    data = connection.recv(65536)
                    if not data:
                        return
                    held += data
                head, held = held.split(b"\r\n\r\n", 1)
                head = head.decode("latin-1")
                self.heads.append(head)
                reply = self.respond(self, head.split(" ")[1], connection, head)
                if reply is None:
                    return
                connection.sendall(reply)
        except OSError:
            pass
        finally:
            connection.close()


def unused_port():
    """A port on which nobody listens (for a moment)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class BadUpstream:
    """The program bad_upstream (tests/harness/bad_upstream.h): what it answers is in the path."""

    def __init__(self):
        self.process = subprocess.Popen([BUILD / "harness" / "bad_upstream"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self.process:
            self.process.stdin.close()
        assert self.process.returncode == 0

    def seen(self):
        """What it has seen: for each fault how often it was asked, and left by the client."""
        with urllib.request.urlopen(f"{self.url}/stats", timeout=30) as answered:
            return json.load(answered)
