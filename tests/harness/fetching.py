# SPDX-License-Identifier: MIT
"""Asking the plugin fetch (tests/integration/plugins/fetch.c) to ask another server."""


class Fetched:
    """What the plugin says came of it."""

    def __init__(self, response):
        assert response.status == 200, response.body
        head, _, self.body = response.body.partition(b"\n\n")
        lines = head.decode().split("\n")
        word, number, *rest = lines[0].split(" ", 2)
        self.error = int(number) if word == "error" else None
        self.detail = " ".join(rest)
        self.status = int(number) if word == "status" else None
        self.headers = [tuple(line.split(": ", 1)) for line in lines[1:]]


def fetch(server, url, body=b"", timeout=20.0, **options):
    """Options are the plugin's headers: method, connect, read, total, max."""
    headers = [("Host", "h"), ("X-Url", url)] + \
        [(f"X-{name}", str(value)) for name, value in options.items()]
    return Fetched(server.request("POST", "/fetch", headers, body, timeout=timeout))
