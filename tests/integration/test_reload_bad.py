# SPDX-License-Identifier: MIT
"""Bad files of every kind while requests are served: nothing changes, no request fails, and the
log has one clear line. The good file that comes then is served."""

import os
import shutil
import signal
import time

import pytest

from capricorn import sanitized
from reloading import Load, Reloads
from versions import replace, version

pytestmark = pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")

FAILED = "Reload failed"
NAME = "versioned.so"
MACHINE_AT = 18  # in an ELF header: e_machine, two bytes
ANOTHER_MACHINE = 8  # MIPS
# A sanitizer makes an exit of it.
CRASHED = "ended the process" if sanitized() else "crashed"


@pytest.fixture(autouse=True)
def hang_ups():
    """A test runner under nohup must not make its servers ignore the signal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def loaded(serve):
    """A server of two plugins; one is under load when it ends, and has been all the time."""
    server = serve(arguments=["--no-access-log", "--timeout-startup", "300ms"], start=False)
    replace(server, version(1, name="ongoing"), "ongoing.so")
    replace(server, version(1), NAME)
    server.start()
    with Load(server, "/whole", 16):
        yield server


def put_bytes(server, content, mode=0o755):
    fresh = server.plugin_dir / ".fresh"
    fresh.write_bytes(content)
    fresh.chmod(mode)
    fresh.rename(server.plugin_dir / NAME)


def good():
    return version(2).read_bytes()


def for_another_machine(server):
    content = bytearray(good())
    content[MACHINE_AT:MACHINE_AT + 2] = ANOTHER_MACHINE.to_bytes(2, "little")
    put_bytes(server, bytes(content))


def fault(name):
    return lambda server: replace(server, version(2, name), NAME)


BAD = {
    "empty": (lambda server: put_bytes(server, b""), "is empty"),
    "truncated in the header": (lambda server: put_bytes(server, good()[:40]), "is cut short"),
    "truncated": (lambda server: put_bytes(server, good()[:len(good()) // 2]), "is cut short"),
    "truncated by one": (lambda server: put_bytes(server, good()[:-1]), "is cut short"),
    "text": (lambda server: put_bytes(server, b"#!/bin/sh\necho hello\n"), "is not an ELF file"),
    "another machine": (for_another_machine, "MIPS"),
    "world-writable": (lambda server: put_bytes(server, good(), 0o777), "anybody may write"),
    "unreadable": (lambda server: put_bytes(server, good(), 0o000), "ermission denied"),
    "no query": (fault("no_query"), "csgi_plugin_query"),
    "undefined symbol": (fault("undefined"), "nobody_defines_this"),
    "ABI too new": (fault("abi"), "is for CSGI 2"),
    "create fails": (fault("create"), "the moon is in the wrong place"),
    "start-up fails": (fault("startup"), "no database"),
    "start-up hangs": (fault("hang_startup"), "did not finish within 300 ms"),
    "crash in query": (fault("crash_query"), f"{CRASHED} in csgi_plugin_query"),
    "crash in create": (fault("crash_create"), f"{CRASHED} in create"),
    "exit in create": (fault("exit_create"), "a plugin must not exit"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_under_load(loaded, kind):
    if kind == "unreadable" and os.geteuid() == 0:
        pytest.skip("root may read everything")
    change, says = BAD[kind]
    reloads = Reloads(loaded)
    lines = [line for line in reloads.after(lambda: change(loaded), FAILED)
             if not line.startswith("INFO")]
    assert says in lines[0] and "versioned" in lines[0], lines
    assert FAILED in lines[1] and len(lines) == 2, lines
    assert loaded.get("/version").text == "1"
    reloads.after(lambda: replace(loaded, version(3), NAME))
    assert loaded.get("/version").text == "3"


def test_a_file_is_written_in_small_steps_under_load(loaded):
    content, asked = good(), 0
    with open(loaded.plugin_dir / NAME, "wb") as file:
        for at in range(0, len(content), len(content) // 20):
            file.write(content[at:at + len(content) // 20])
            file.flush()
            if at < len(content) // 2:
                loaded.send_signal(signal.SIGHUP)
                asked += 1
            assert loaded.get("/version").text == "1"
            time.sleep(0.02)
    loaded.wait_for_log(r"Reloaded in .* versioned generation 2")
    assert loaded.get("/version").text == "2"
    assert asked > 5 and not [line for line in loaded.log() if FAILED in line]


def test_files_that_never_are_whole_change_nothing(loaded):
    """As a tool would leave them that writes a piece, is done, and comes again."""
    content = good()
    reloads = Reloads(loaded)
    for size in range(0, len(content), len(content) // (4 if sanitized() else 8)):
        reloads.after(lambda: put_bytes(loaded, content[:size]), FAILED)
        assert loaded.get("/version").text == "1"
    reloads.after(lambda: put_bytes(loaded, content))
    assert loaded.get("/version").text == "2"
