# SPDX-License-Identifier: MIT
"""Versions of one plugin, and broken ones of it, for the tests of reload."""

import os
import re
import subprocess

from capricorn import BUILD, ROOT, SOURCES

SOURCE = SOURCES / "versioned.c"
FAULTS = {name.lower(): int(number) for name, number
          in re.findall(r"#define FAULT_(\w+) +(\d+)", SOURCE.read_text())}


def compiler(number, fault, source, target):
    """The command that makes that version of it."""
    return ["gcc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared",
            "-fvisibility=hidden", "-pthread", f"-DVERSION={number}", f"-DFAULT={FAULTS[fault]}",
            f"-I{ROOT}/sdk/include", "-o", str(target), str(source)]


def version(number, fault="none", name="versioned"):
    """The built file of that version."""
    source = SOURCES / f"{name}.c"
    target = BUILD / "test-plugins-by-hand" / f"{name}-{number}-{fault}.so"
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return target
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    subprocess.run(compiler(number, fault, source, fresh), check=True)
    fresh.rename(target)
    return target


def replace(server, built, name="versioned.so"):
    """Puts the built file into the server's plugin directory, by a rename."""
    target = server.plugin_dir / name
    fresh = target.with_name(f".{name}.tmp")
    fresh.write_bytes(built.read_bytes())
    fresh.chmod(0o755)
    fresh.rename(target)
    return target
