# SPDX-License-Identifier: MIT
"""Under load a plugin is replaced again and again: nobody notices anything but another answer.
CAPRICORN_BIG=1 replaces it 1,000 times."""

import os
import shutil
import signal

import pytest

from capricorn import sanitized, wait_until
from reloading import Load, Reloads, mapped
from versions import replace, version

pytestmark = pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")

TIMES = 1000 if os.environ.get("CAPRICORN_BIG") else 12 if sanitized() else 60
# What memory may differ by for no reason: a page table, a malloc arena's top.
SLACK_KIB = 2048


@pytest.fixture(autouse=True)
def hang_ups():
    """A test runner under nohup must not make its servers ignore the signal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def put(server, number):
    replace(server, version(number, name="ongoing"), "ongoing.so")


@pytest.fixture
def ongoing(serve):
    def start(*arguments):
        server = serve(arguments=["--no-access-log", *arguments], start=False)
        put(server, 1)
        return server.start()

    return start


@pytest.mark.parametrize("watches", [False, True], ids=["SIGHUP", "--reload"])
def test_a_plugin_is_replaced_again_and_again_under_load(ongoing, watches):
    server = ongoing(*(["--reload"] if watches else []))
    reloads = Reloads(server, by_signal=not watches)
    with Load(server, connections=64):
        for number in range(TIMES):
            if number == TIMES // 5:
                memory = server.memory_kib()
            reloads.after(lambda: put(server, (number + 1) % 2 + 1))
            assert server.get("/timers").text == str((number + 1) % 2 + 1)
        grown = server.memory_kib() - memory
    text = "\n".join(server.log())
    assert text.count("Reloaded in") == TIMES and "Reload failed" not in text
    # Each code that was replaced has ended: its instance here, its mapping below.
    server.wait_for_log(r"\[ongoing\] end of", count=TIMES)
    if not sanitized():
        assert grown < SLACK_KIB, f"{TIMES - TIMES // 5} reloads took {grown} KiB"
        wait_until(lambda: len(mapped(server, "ongoing")) == 1, "one version is mapped")
