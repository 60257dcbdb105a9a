# SPDX-License-Identifier: MIT
"""Writes the query strings of the "script" test plugin (tests/integration/plugins/script.c), and
reads what it reports."""

import itertools
import os
import re
from urllib.parse import quote

OK, EINVAL, ENOSYS, ENOTSUP, ESTATE, ENOMEM, EBUSY, EFAIL = 0, -1, -2, -3, -4, -5, -6, -7
EDISCONNECTED, ECANCELED, ETIMEDOUT, ELIMIT, EUNREACH, EPROTO = -8, -9, -10, -11, -12, -13

MORE, TRAILERS = 1, 2

numbers = itertools.count(1)


def step(name, *arguments):
    """One step; strings are sent as Latin-1 bytes, so that a test can say any byte."""
    encoded = [quote(a if isinstance(a, bytes) else str(a).encode("latin-1"), safe="")
               for a in (name, *arguments)]
    return ",".join(encoded)


def start(status=200, *headers, flags=0):
    return step("start", status, flags, *[text for header in headers for text in header])


def body(text="", more=False):
    return step("body", text, MORE if more else 0)


def large(count, more=False):
    return step("large", count, MORE if more else 0)


def event(number):
    return step("event", number)


def fields(number, *headers):
    return step("fields", number, *[text for header in headers for text in header])


def result(code, why=None):
    return step("return", code) if why is None else step("return", code, why)


def sleep(ms):
    return step("sleep", ms)


READ, RECEIVE, REPORT = step("read"), step("receive"), step("report")


class Script:
    """A sequence of steps, with an id that names it in the log."""

    def __init__(self, *steps):
        self.id = f"{os.getpid()}-{next(numbers)}"
        self.target = f"/script?{self.id};" + ";".join(steps)

    def results(self, server, timeout=10.0):
        """What each step returned, in order, as (name, result); waits until the call is over."""
        line = server.wait_for_log(rf"script {re.escape(self.id)}:(.*) end", timeout).group(1)
        return parse(line)


def parse(line):
    pairs = [word.split("=", 1) for word in line.split()]
    return [(pair[0], as_number(pair[1]) if len(pair) > 1 else None) for pair in pairs]


def as_number(text):
    return int(text) if re.fullmatch(r"-?\d+", text) else text
