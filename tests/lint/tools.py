# SPDX-License-Identifier: MIT
"""What other programs judge: layout by clang-format, scripts by their interpreters."""
import pathlib
import re
import shutil
import subprocess

from sources import files

# clang-format lays out differently in each release; the sources are settled for this one.
CLANG_VERSION = "14"


class Skip(Exception):
    """The check cannot run here; the text says why."""


def clang_tool(name):
    """The tool's command in the version that counts, else Skip."""
    for command in (f"{name}-{CLANG_VERSION}", name):
        if shutil.which(command):
            said = subprocess.run([command, "--version"], capture_output=True, text=True).stdout
            if re.search(rf"version {CLANG_VERSION}\.", said):
                return command
    raise Skip(f"{name} {CLANG_VERSION} is not installed")


def layout(root):
    """The C sources are as make fmt leaves them."""
    command = clang_tool("clang-format")
    paths = [f.path for f in files(root, "server/", "sdk/", "plugins/", "examples/", "tests/") if f.is_c]
    if not paths:
        return
    run = subprocess.run([command, "--dry-run", "-Werror", "--ferror-limit=1", *paths],
                         capture_output=True, text=True, cwd=root)
    wrong = {}
    for match in re.finditer(r"^(\S+?):(\d+):\d+: error", run.stderr, re.MULTILINE):
        wrong.setdefault(match.group(1), int(match.group(2)))
    for path, line in wrong.items():
        yield path, line, "make fmt would change this"
    if run.returncode and not wrong:
        yield paths[0], 1, run.stderr.strip()


def shell(root):
    """Shell scripts parse."""
    for file in files(root):
        if file.text.startswith("#!/bin/sh") or file.suffix == ".sh":
            run = subprocess.run(["sh", "-n", file.path], capture_output=True, text=True, cwd=root)
            if run.returncode:
                yield file.path, 1, run.stderr.strip()


def python(root):
    """Python files compile."""
    for file in files(root):
        if file.suffix == ".py":
            try:
                compile(file.text, file.path, "exec")
            except SyntaxError as error:
                yield file.path, error.lineno or 1, str(error)


def schema(root):
    """docs/routes.schema.json is what the server prints; asked only of one that is up to date."""
    root = pathlib.Path(root)
    server, document = root / "build/capricorn", root / "docs/routes.schema.json"
    if not server.exists() or not document.exists():
        raise Skip("build/capricorn is not built")
    built = server.stat().st_mtime
    if any(path.stat().st_mtime > built for path in root.glob("server/*/*.[ch]")):
        raise Skip("build/capricorn is older than its sources")
    said = subprocess.run([str(server), "schema"], capture_output=True, text=True, cwd=root)
    if said.returncode or said.stdout != document.read_text():
        yield "docs/routes.schema.json", 1, "it is not what capricorn schema prints: make fmt"
