# SPDX-License-Identifier: MIT
"""One entry of the conformance table: bytes on a connection, what they prove, what must come of
them."""


class Case:
    """steps: (bytes, has-body of each response) pairs; each is said after the answers to the one
    before. end: "kept" or "closed". breaks_off: the last response is not whole. followed: what
    comes after a closed case may not be read."""

    def __init__(self, name, proves, steps, statuses, end, saw=(), lacks=(), half_closes=False,
                 breaks_off=False, followed=True):
        self.category = None
        self.name, self.proves, self.end = name, proves.split(), end
        self.steps, self.statuses = steps, statuses
        self.saw = (saw,) if isinstance(saw, str) else saw
        self.lacks = (lacks,) if isinstance(lacks, str) else lacks
        self.half_closes, self.breaks_off = half_closes, breaks_off
        self.followed = followed and end == "closed" and not half_closes


def as_bytes(said):
    return said.encode("latin-1") if isinstance(said, str) else said


def make(name, proves, said, answers, end, **more):
    """answers: "200", or "100 200", or "200-" for a response that has no body; with several steps
    said is a list and the answers to each end with a semicolon."""
    parts = [part.split() for part in str(answers).split(";")]
    said = said if isinstance(said, list) else [said]
    assert len(parts) == len(said), name
    steps = [(as_bytes(bytes_), [not word.endswith("-") for word in words])
             for bytes_, words in zip(said, parts)]
    statuses = [int(word.rstrip("-")) for words in parts for word in words]
    return Case(name, proves, steps, statuses, end, **more)


def kept(name, proves, said, answers=200, **more):
    """It is understood, and the connection serves the next request."""
    return make(name, proves, said, answers, "kept", **more)


def closed(name, proves, said, answers=200, **more):
    """It is understood, and the connection ends after the answers."""
    return make(name, proves, said, answers, "closed", **more)


def refused(name, proves, said, answers=400, **more):
    """It is refused, and nothing that follows is read."""
    return make(name, proves, said, answers, "closed", **more)


def head(line, *fields):
    return "\r\n".join([line, *fields, "", ""])


def get(target="/", *fields):
    """A GET in HTTP/1.1 with a Host."""
    return head(f"GET {target} HTTP/1.1", "Host: a", *fields)


def post(*fields, body="", target="/"):
    return head(f"POST {target} HTTP/1.1", "Host: a", *fields) + body


def sized(length, body=""):
    return post(f"Content-Length: {length}", body=body)


def coded(coding, body=""):
    return post(f"Transfer-Encoding: {coding}", body=body)


def chunked(body):
    return coded("chunked", body)


def byte_name(text):
    return " ".join(f"0x{ord(byte):02x}" for byte in text)
