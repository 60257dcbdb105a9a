# SPDX-License-Identifier: MIT
"""Clients that are not on every machine: ab and Chromium. (curl, httpx, h2load and wrk: test_http1.py.)"""

import re
import shutil
import subprocess

import pytest

from capricorn import seconds
from conftest import module_server

server = module_server("tasks", "streams")


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


@needs("ab")
@pytest.mark.parametrize("keep_alive", [(), ("-k",)], ids=["close", "keep-alive"])
def test_ab_works(server, keep_alive):
    result = subprocess.run(["ab", "-q", "-n", "500", "-c", "10", *keep_alive, f"{server.url}/hello"],
                            capture_output=True, text=True, timeout=seconds(60))
    assert result.returncode == 0, result.stderr
    assert re.search(r"Complete requests:\s+500\b", result.stdout), result.stdout
    assert re.search(r"Failed requests:\s+0\b", result.stdout), result.stdout
    if keep_alive:  # ab speaks HTTP/1.0: it is kept because it asked
        assert re.search(r"Keep-Alive requests:\s+500\b", result.stdout), result.stdout


@needs("chromium")
def test_chromium_works(server, tmp_path):
    result = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         f"--user-data-dir={tmp_path}", "--dump-dom", f"{server.url}/hello"],
        capture_output=True, text=True, timeout=seconds(90))
    assert ">hello<" in result.stdout, result.stderr
