# SPDX-License-Identifier: MIT
"""A proxy for HTTP: requests in absolute-form, and tunnels (CONNECT)."""

import socket
import threading
from urllib.parse import urlsplit


def pump(source, sink):
    try:
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    except OSError:
        pass
    for each in (source, sink):
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Proxy:
    """Reaches every host at 127.0.0.1. heads: what it was asked. tunnel: in the place of its
    answer to CONNECT; None: nothing is answered. With a context it is asked over TLS."""

    ESTABLISHED = b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n"

    def __init__(self, tunnel=ESTABLISHED, authorization=None, context=None):
        self.tunnel, self.authorization, self.context = tunnel, authorization, context
        self.heads, self.connections, self.ended = [], 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http{'s' if context else ''}://localhost:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                while self._answer(connection):
                    pass
        except OSError:
            pass
        self.ended += 1

    def _read_head(self, connection):
        held = b""
        while b"\r\n\r\n" not in held:
            chunk = connection.recv(65536)
            if not chunk:
                return None
            held += chunk
        return held.decode("latin-1")

    def _answer(self, connection):
        head = self._read_head(connection)
        if head is None:
            return False
        self.heads.append(head)
        method, target, _ = head.split("\r\n")[0].split(" ")
        if self.authorization and f"\r\nProxy-Authorization: {self.authorization}\r\n" not in head:
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                               b"Proxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
            return True
        if method == "CONNECT":
            self._connect(connection, target)
            return False
        return self._pass_on(connection, target, head)

    def _connect(self, connection, target):
        if self.tunnel is None:
            connection.recv(1)
            return
        connection.sendall(self.tunnel)
        if not self.tunnel.startswith(b"HTTP/1.1 200"):
            return
        with socket.create_connection(("127.0.0.1", int(target.rpartition(":")[2]))) as other:
            threading.Thread(target=pump, args=(other, connection), daemon=True).start()
            pump(connection, other)

    def _pass_on(self, connection, target, head):
        """One request without a body; the answer ends the other connection."""
        url = urlsplit(target)
        line, _, fields = head.partition("\r\n")
        path = target[len(f"{url.scheme}://{url.netloc}"):]
        with socket.create_connection(("127.0.0.1", url.port or 80)) as other:
            other.sendall(f"{line.split(' ')[0]} {path} HTTP/1.1\r\n{fields}".encode())
            answered = other.recv(65536)
        connection.sendall(answered)
        return True
