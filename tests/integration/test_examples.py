# SPDX-License-Identifier: MIT
"""The examples, which the documents quote, do what they say."""
import re


def test_hello_greets_by_the_name_in_the_path(serve):
    reply = serve("hello").get("/hello/S%C3%A3o%20Paulo")
    assert (reply.status, reply.body.decode()) == (200, "hello, São Paulo")


def test_timing_adds_its_header_around_another_plugin(serve):
    reply = serve("timing", "hello").get("/hello/ada")
    assert reply.body == b"hello, ada"
    assert re.fullmatch(r"app;dur=\d+\.\d{3}", reply.get("server-timing"))
