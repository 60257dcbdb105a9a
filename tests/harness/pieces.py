# SPDX-License-Identifier: MIT
"""Says bytes to a server whole, byte by byte, and split at any offset, and tells what came of it.

On a Unix socket the kernel says when the server has read all that was sent (SIOCOUTQ), so each
piece is known to have been read by itself, and nothing has to sleep.
"""

import fcntl
import os
import re
import socket
import struct
import time

SIOCOUTQ = 0x5411
PROBE = b"GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n"
# What comes after the bytes of a connection that must be closed: nobody may ever see it.
SMUGGLED = b"\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


class Outcome:
    """What the server said to each step, and whether it then closed the connection."""

    def __init__(self):
        self.statuses, self.bodies, self.heads, self.end = [], [], [], None
        self.text = b""

    def same_as(self, other):
        return (self.text, self.end) == (other.text, other.end)

    def __repr__(self):
        return f"{self.statuses} {self.end}\n{self.text.decode('latin-1')}"


class Talk:
    """One connection on which a case is said."""

    def __init__(self, address, timeout):
        is_path = isinstance(address, str)
        self.timeout = timeout
        self.socket = socket.socket(socket.AF_UNIX if is_path else socket.AF_INET)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        if not is_path:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.outcome = b"", Outcome()

    def close(self):
        self.socket.close()

    def say(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server has closed: what it said before is still there to be read

    def wait_until_read(self):
        """Until the server has read all bytes (a Unix socket)."""
        end = time.monotonic() + self.timeout
        while struct.unpack("i", fcntl.ioctl(self.socket, SIOCOUTQ, b"\0" * 4))[0]:
            os.sched_yield()
            assert time.monotonic() < end, "the server does not read"

    def fill(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        return bool(data)

    def take(self, count):
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        self.outcome.text += data
        return data

    def need(self, count):
        while len(self.buffer) < count and self.fill():
            pass
        return self.take(count)

    def line(self):
        while b"\r\n" not in self.buffer and self.fill():
            pass
        return self.take(self.buffer.find(b"\r\n") + 2)

    def read_body(self, fields):
        if b"transfer-encoding" in fields:
            body = b""
            while True:
                size = int(self.line() or b"0", 16)
                if size == 0:
                    while self.line() not in (b"\r\n", b""):
                        pass
                    return body
                body += self.need(size)
                self.need(2)
        if b"content-length" in fields:
            return self.need(int(fields[b"content-length"]))
        while self.fill():
            pass
        return self.take(len(self.buffer))

    def read_response(self, has_body):
        """False: the connection ended instead."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill():
                self.take(len(self.buffer))
                return False
        at = self.buffer.index(b"\r\n\r\n") + 4
        head = re.sub(rb"\r\ndate: [^\r]*", b"\r\ndate: now", self.buffer[:at])
        self.buffer = self.buffer[at:]
        self.outcome.text += head
        self.outcome.heads.append(head.decode("latin-1"))
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        status = int(head[9:12])
        self.outcome.statuses.append(status)
        if not has_body or status < 200 or status in (204, 304):
            self.outcome.bodies.append("")
        else:
            self.outcome.bodies.append(self.read_body(fields).decode("latin-1"))
        return True

    def hear(self, answers):
        """Reads so many responses; answers says of each whether it has a body."""
        try:
            for has_body in answers:
                if not self.read_response(has_body):
                    break
        except socket.timeout:
            self.outcome.end = "silent"

    def hear_end(self, is_kept):
        """Is the connection closed, or does it serve one more request?"""
        if self.outcome.end:
            return
        if is_kept:
            self.say(PROBE)
        try:
            while not re.search(rb"\r\n\r\nGET /probe\?[^\r]*\n\n\n$", self.buffer):
                if not self.fill():
                    self.outcome.end = "closed"
                    self.outcome.text += self.buffer
                    return
            self.outcome.end = "kept"
            extra = self.buffer[:self.buffer.rindex(b"HTTP/1.1 200 OK\r\n")]
            self.outcome.text += extra  # there should be none
        except socket.timeout:
            self.outcome.end = "open"
            self.outcome.text += self.buffer


def play(address, case, cuts_of_talks, timeout, follow=True):
    """Says the case on one connection for each list of cuts: a list has a cut for each step, which
    is a list of offsets. Returns the outcomes."""
    talks = [Talk(address, timeout) for _ in cuts_of_talks]
    try:
        for number, (said, answers) in enumerate(case.steps):
            is_last = number == len(case.steps) - 1
            tail = SMUGGLED if follow and is_last and case.followed else b""
            say_step(talks, [cuts[number] for cuts in cuts_of_talks], said, tail)
            for talk in talks:
                if is_last and case.half_closes:
                    talk.socket.shutdown(socket.SHUT_WR)
                talk.hear(answers)
        for talk in talks:
            talk.hear_end(case.end == "kept")
        return [talk.outcome for talk in talks]
    finally:
        for talk in talks:
            talk.close()


def say_step(talks, cuts_of_talks, said, tail):
    """The n-th piece goes to every connection before the next one goes to any."""
    pieces_of_talks = []
    for cuts in cuts_of_talks:
        bounds = [0, *cuts, len(said)]
        pieces = [said[a:b] for a, b in zip(bounds, bounds[1:])]
        pieces_of_talks.append(pieces)
    for turn in range(max(map(len, pieces_of_talks))):
        for talk, pieces in zip(talks, pieces_of_talks):
            if turn < len(pieces):
                is_last = turn == len(pieces) - 1
                talk.say(pieces[turn] + (tail if is_last else b""))
        for talk, pieces in zip(talks, pieces_of_talks):
            if turn < len(pieces) - 1:
                talk.wait_until_read()
