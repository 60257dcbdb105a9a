# SPDX-License-Identifier: MIT
"""The servers that are compared: how each is started, and whether it is there. Their configuration
is in peers/."""

import importlib.util
import os
import shutil
from collections import namedtuple
from pathlib import Path

from processes import BUILD

HERE = Path(__file__).resolve().parent / "peers"
PLAIN, WEATHER = "/", "/weather?city=London"
PYTHON = "/usr/bin/python3"

# A server's command, and what it is to be asked for.
Peer = namedtuple("Peer", "name command path environment", defaults=({},))


class Missing(Exception):
    """It is not installed; says how to get it."""


def capricorn(plugin, port, folder, upstream_port=0, arguments=("--no-access-log",), name=None):
    """Ours, with one plugin: plain or plain_web of tests/bench/plugins, or weather."""
    path = WEATHER if plugin == "weather" else PLAIN
    built = BUILD / ("plugins" if plugin == "weather" else "test-plugins") / f"{plugin}.so"
    if not built.exists():
        raise Missing(f"{built} is not built: make bench builds it")
    target = folder / "plugins"
    target.mkdir(mode=0o755, exist_ok=True)
    shutil.copy(built, target / built.name)
    if plugin == "weather":
        (target / f"{plugin}.json").write_text(
            f'{{"upstream": "http://127.0.0.1:{upstream_port}"}}')
    command = [BUILD / "capricorn", "run", "--port", port, "--plugin-dir", target,
               "--log-level", "warning", *arguments]
    return Peer(name or f"capricorn, {plugin}", command, path)


def need(package, program=None, module=None):
    """Raises Missing unless the program is in the path and Debian's Python has the module."""
    if program and not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin"):
        raise Missing(f"apt-get install {package}")
    for name in (module or "").split():
        if not importlib.util.find_spec(name):
            raise Missing(f"apt-get install {package}")
