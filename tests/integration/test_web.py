# SPDX-License-Identifier: MIT
"""The framework on a real server: sleeping, headers both ways, and what is said of mistakes."""

import time

import pytest

from capricorn import Server
from conftest import module_server

server = module_server("web")


def test_a_call_sleeps_and_others_are_served_meanwhile(server):
    with server.connect() as sleeper:
        began = time.monotonic()
        sleeper.send_request("GET", "/nap?ms=400")
        assert server.get("/nap?ms=0").json() == "rested"
        assert time.monotonic() - began < 0.4
        assert sleeper.read_response().json() == "rested"
        assert time.monotonic() - began >= 0.4


def test_headers_are_parameters_and_go_with_the_reply(server):
    reply = server.get("/heads", [("User-Agent", "me/1"), ("X-Level", "7")])
    assert (reply.status, reply.text) == (200, "7")
    assert reply.get("x-agent") == "me/1"
    assert reply.all("set-cookie") == ["a=1", "b=2"]
    assert reply.get("content-type") == "text/plain; charset=utf-8"


def test_a_header_that_is_missing_or_malformed_is_fastapis_422(server):
    assert server.get("/heads").json() == {"detail": [
        {"type": "missing", "loc": ["header", "user-agent"], "msg": "Field required",
         "input": None}]}
    [error] = server.get("/heads", [("User-Agent", "x"), ("X-Level", "high")]).json()["detail"]
    assert (error["type"], error["loc"]) == ("int_parsing", ["header", "x-level"])


def test_a_reply_header_that_may_not_be_sent_is_a_500_that_names_it(server):
    since = server.mark()
    assert server.get("/heads?name=a%20b", [("User-Agent", "x")]).status == 500
    server.wait_for_log('header "a b": the name is no token', since=since)


@pytest.mark.parametrize("kind, said", [
    ("undeclared", r'mistake reads the query parameter "sort", which is not declared; declare it: '
                   r'CSGI_QUERY_STR\("sort"\)'),
    ("fail", "mistake: csgi_fail with the status 200"),
    ("template", r'the reply of mistake is not JSON: a ":" is missing, at byte 8 of the template '
                 r"\{'kind' %s\}"),
])
def test_a_mistake_of_the_authors_is_a_500_with_a_line_that_says_what_to_do(server, kind, said):
    since = server.mark()
    assert server.get(f"/mistake?kind={kind}").status == 500
    server.wait_for_log(f"ERROR:.*{said}", since=since)


@pytest.mark.parametrize("config, said", [
    ('{"level": 10}', r'"level" must be at most 9, but is 10 \(config: .*/web\.json\)'),
    ('{"levle": 1}', r'unknown key "levle".*\(config: .*/web\.json\)'),
    ("[]", r"web\.json:1:1: found an empty array"),
])
def test_a_wrong_configuration_is_told_with_its_file(config, said):
    server = Server(["web"], configs={"web": config}, start=False).launch()
    try:
        assert server.wait() == 3
        server.wait_for_log(f"ERROR:.*{said}")
    finally:
        server.kill()
