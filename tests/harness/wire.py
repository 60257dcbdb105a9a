# SPDX-License-Identifier: MIT
"""A small HTTP/1 client on a raw socket: it sends exactly what the test says, and is strict about
what comes back."""

import json
import socket
import struct


class Response:
    """What came back: version, status, reason, headers as (name, value) pairs, body."""

    def __init__(self, version, status, reason, headers):
        self.version, self.status, self.reason, self.headers = version, status, reason, headers
        self.body, self.trailers, self.chunks = b"", [], []

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name, otherwise=None):
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else otherwise

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    @property
    def keeps_alive(self):
        token = (self.get("connection") or "").lower()
        return token == "keep-alive" if self.version == "1.0" else token != "close"


class Connection:
    """One connection; use it in a with statement."""

    def __init__(self, address, timeout=10.0, receive_buffer=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends the connection with RST, as a crashed client would."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    @property
    def port(self):
        return self.socket.getsockname()[1]

    # ---- sending ----

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def send_request(self, method, target, headers=(), body=b"", version="1.1"):
        """A well-formed request; a Host and, with a body, a Content-Length are added if missing."""
        names = {name.lower() for name, _ in headers}
        lines = [f"{method} {target} HTTP/{version}"]
        if "host" not in names and version != "1.0":
            lines.append("Host: test")
        lines += [f"{name}: {value}" for name, value in headers]
        if (body or method in ("POST", "PUT", "PATCH")) and \
                not names & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def send_chunk(self, data):
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    # ---- receiving ----

    def fill(self):
        """Reads more; False at the end of the stream."""
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def read_line(self):
        while b"\n" not in self.buffer:
            if not self.fill():
                raise ConnectionError(f"the stream ended within a line: {self.buffer!r}")
        line, self.buffer = self.buffer.split(b"\n", 1)
        assert line.endswith(b"\r"), f"a bare LF ends the line {line!r}"
        return line[:-1]

    def read_exactly(self, count):
        pieces, missing = [self.buffer], count - len(self.buffer)
        while missing > 0:
            self.buffer = b""
            if not self.fill():
                raise ConnectionError(f"the stream ended after {count - missing} of {count} bytes")
            pieces.append(self.buffer)
            missing -= len(self.buffer)
        data = b"".join(pieces)
        self.buffer = data[count:]
        return data[:count]

    def read_to_end(self):
        """All bytes up to a clean end."""
        while self.fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def read_fields(self):
        fields = []
        while True:
            line = self.read_line()
            if not line:
                return fields
            name, colon, value = line.decode("latin-1").partition(":")
            assert colon and name and name == name.strip(), f"not a header line: {line!r}"
            fields.append((name, value.strip(" \t")))

    def read_head(self):
        line = self.read_line().decode("latin-1")
        version, status, reason = line.split(" ", 2)
        assert version.startswith("HTTP/"), line
        return Response(version[5:], int(status), reason, self.read_fields())

    def read_chunk(self):
        """The next chunk's bytes; empty: it was the last one."""
        size = int(self.read_line(), 16)
        if size == 0:
            return b""
        data = self.read_exactly(size)
        assert self.read_exactly(2) == b"\r\n"
        return data

    def read_body(self, response, method="GET"):
        """Reads the body as the framing says (RFC 9112 section 6.3)."""
        lengths, codings = response.all("content-length"), response.all("transfer-encoding")
        assert not (lengths and codings), "both Content-Length and Transfer-Encoding"
        assert len(lengths) <= 1 and len(codings) <= 1, response.headers
        if method == "HEAD" or response.status in (204, 304) or response.status < 200:
            return response
        if codings:
            assert codings[0].lower() == "chunked" and response.version == "1.1"
            while True:
                chunk = self.read_chunk()
                if not chunk:
                    break
                response.chunks.append(chunk)
            response.trailers = self.read_fields()
            response.body = b"".join(response.chunks)
        elif lengths:
            response.body = self.read_exactly(int(lengths[0]))
        else:
            assert not response.keeps_alive, "no framing, and the connection is kept"
            response.body = self.read_to_end()
        return response

    def read_response(self, method="GET"):
        return self.read_body(self.read_head(), method)

    def exchange(self, method, target, headers=(), body=b"", version="1.1"):
        self.send_request(method, target, headers, body, version)
        return self.read_response(method)

    def is_closed(self):
        """Waits for the end of the stream: True when it ends with nothing more having come."""
        try:
            return not self.buffer and not self.fill()
        except ConnectionResetError:
            return True

    def is_quiet(self, for_seconds=0.1):
        """Nothing comes for that long, and the connection stays open."""
        before = self.socket.gettimeout()
        self.socket.settimeout(for_seconds)
        try:
            if not self.buffer:
                self.fill()
            return False
        except socket.timeout:
            return True
        finally:
            self.socket.settimeout(before)
