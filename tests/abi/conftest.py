# SPDX-License-Identifier: MIT
"""Fixtures of the ABI tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "harness"))

import pytest  # noqa: E402  (the paths come first)

import abi  # noqa: E402


@pytest.fixture(scope="session")
def server():
    """The path of the server under test."""
    assert abi.SERVER.exists(), f"{abi.SERVER} is not built: make"
    return abi.SERVER
