# SPDX-License-Identifier: MIT
"""A plugin whose upstream is a function of its own: no network is asked."""

import json

import pytest

from capricorn import Server


@pytest.fixture(name="server", scope="module")
def start_server():
    with Server(["mocked"]) as running:
        yield running


@pytest.mark.parametrize("city, status, body", [
    ("London", 200, {"temp_c": 21.5}),
    ("Paris", 404, {"detail": "Not Found"}),
    ("Nowhere", 502, {"detail": "The upstream cannot be reached"}),
])
def test_what_the_function_answers_is_the_upstreams_answer(server, city, status, body):
    answered = server.request("GET", f"/weather?city={city}", [("Host", "h")])
    assert (answered.status, json.loads(answered.body)) == (status, body)
