# SPDX-License-Identifier: MIT
"""The conformance table (conformance/) on raw sockets: each case whole, byte by byte and split at
every offset, with the same outcome; docs/http-conformance.md is the list of what this proves."""

import re

import pytest

from capricorn import seconds
from conformance import CASES, CATEGORIES, OPTIONS
from conftest import module_server
from pieces import play

# Nobody is a trusted gateway, on either kind of socket.
QUIET = ["--no-access-log", "--no-proxy-headers"]
whole = module_server("mirror", arguments=QUIET)
pieces = module_server("mirror", uds=True, arguments=QUIET)
whole_limits = module_server("mirror", arguments=[*QUIET, *OPTIONS["limits"]])
pieces_limits = module_server("mirror", uds=True, arguments=[*QUIET, *OPTIONS["limits"]])

# So many connections at once.
BATCH = 100


def server_for(request, kind, category):
    return request.getfixturevalue(f"{kind}_{category}" if category in OPTIONS else kind)


def splits(case):
    """The lists of cuts: for each step each offset, the other steps whole; then every byte."""
    steps = range(len(case.steps))
    for number in steps:
        for offset in range(1, len(case.steps[number][0])):
            yield [[offset] if at == number else [] for at in steps]
    yield [[*range(1, len(said))] for said, _ in case.steps]


def check_response(head):
    """What holds for every response: no folding, no space before a field, no bare CR or LF."""
    status = int(head[9:12])
    fields = [line.split(": ", 1) for line in head.split("\r\n")[1:-2]]
    names = [name.lower() for name, _ in fields]
    assert re.match(r"HTTP/1\.1 \d{3} [^\r\n]*\r\n", head) and not re.search(r"(?<!\r)\n|\r(?!\n)", head)
    assert not re.search(r"\n[ \t]", head)
    if status == 100:
        assert not fields
        return
    assert names.count("date") == 1
    assert names.count("content-length") + names.count("transfer-encoding") <= 1
    if status == 204:
        assert "content-length" not in names and "transfer-encoding" not in names
    if "transfer-encoding" in names:
        assert dict(fields)["transfer-encoding"] == "chunked"
    if status == 205:
        assert dict(fields)["content-length"] == "0"
    if status == 405:
        assert "allow" in names
    if status == 426:
        assert dict(fields)["upgrade"] == "websocket"
    if "upgrade" in names:
        assert "\r\nconnection: upgrade\r\n" in head


def says_close(head):
    return "\r\nconnection: close\r\n" in head


def check(case, outcome):
    shown = f"{case.name}: {outcome!r}"
    assert outcome.statuses == case.statuses, shown
    assert outcome.end == case.end, shown
    for head in outcome.heads:
        check_response(head)
    for head in outcome.heads[:-1]:
        assert not says_close(head), shown
    last = outcome.heads[-1] if outcome.heads else ""
    if case.end == "kept":
        assert not says_close(last), shown
    elif outcome.statuses and not case.breaks_off:
        assert says_close(last), shown
    seen = outcome.bodies[-1] if outcome.bodies else ""
    for word in case.saw:
        assert word in seen, shown
    for word in case.lacks:
        assert word not in seen, shown


def finish(running, wrong):
    assert not wrong, "\n".join([f"{len(wrong)} are wrong", *wrong])
    assert running.get("/smuggled-count").text == "0", "a request was smuggled"


def test_there_are_enough_cases_and_each_has_its_name():
    names = [case.name for case in CASES]
    assert len(names) >= 250
    assert len(set(names)) == len(names), {name for name in names if names.count(name) > 1}


@pytest.mark.parametrize("category", CATEGORIES)
def test_whole_over_tcp(request, category):
    server, wrong = server_for(request, "whole", category), []
    for case in CATEGORIES[category]:
        [outcome] = play(("127.0.0.1", server.port), case, [[[]] * len(case.steps)], seconds(5), follow=False)
        try:
            check(case, outcome)
        except AssertionError as failure:
            wrong.append(str(failure))
    finish(server, wrong)


@pytest.mark.parametrize("category", CATEGORIES)
def test_in_pieces_over_a_unix_socket(request, category):
    server, wrong = server_for(request, "pieces", category), []
    for case in CATEGORIES[category]:
        address = server.socket_path
        [first] = play(address, case, [[[]] * len(case.steps)], seconds(5), follow=False)
        check(case, first)
        lists = list(splits(case))
        for at in range(0, len(lists), BATCH):
            for cuts, outcome in zip(lists[at:], play(address, case, lists[at:at + BATCH],
                                                      seconds(5))):
                if not outcome.same_as(first):
                    wrong.append(f"{case.name}, cut at {cuts}: {outcome!r}\nwhole: {first!r}")
                    break
            else:
                continue
            break
    finish(server, wrong)
