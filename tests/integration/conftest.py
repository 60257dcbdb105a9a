# SPDX-License-Identifier: MIT
"""Fixtures of the integration tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "harness"))

import capricorn  # noqa: E402  (the path comes first)


@pytest.fixture
def serve():
    """Starts servers that end, and are checked, with the test."""
    servers = []

    def start(*plugins, **options):
        server = capricorn.Server(plugins, **options)
        servers.append(server)
        return server

    yield start
    for server in servers:
        if server.exit_code is None:
            server.stop()
        else:
            server.clean()


def module_server(*plugins, **options):
    """A fixture: one server for all tests of a module."""

    @pytest.fixture(scope="module")
    def server():
        with capricorn.Server(plugins, **options) as running:
            yield running

    return server
