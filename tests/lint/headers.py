# SPDX-License-Identifier: MIT
"""Headers: each compiles alone, stands first in its own .c, and documents what it declares."""
import os
import pathlib
import re
import shlex
import subprocess

from sources import files

HEADERS = ("server/", "sdk/")


def flags(root):
    """The include flags that the Makefile builds with."""
    given = os.environ.get("LINT_CPPFLAGS")
    by_hand = ["-D_GNU_SOURCE", "-isystem", "/usr/share/include/llhttp", f"-I{root}/server",
               f"-I{root}/sdk/include"]
    return shlex.split(given) if given else by_hand


def alone(root):
    """Every header compiles as the only thing in a file."""
    compiler = os.environ.get("LINT_CC", "gcc")
    for file in files(root, *HEADERS):
        if file.suffix != ".h":
            continue
        run = subprocess.run(
            [compiler, "-std=gnu11", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *flags(root),
             "-x", "c", "-include", str(file.root / file.path), "/dev/null"],
            capture_output=True, text=True, cwd=root)
        if run.returncode:
            yield file.path, 1, f"does not compile alone: {run.stderr.strip()}"


def first(root):
    """name.c includes name.h before anything else."""
    for file in files(root, "server/", "sdk/src/"):
        header = pathlib.PurePosixPath(file.path).with_suffix(".h")
        if file.suffix != ".c" or not (file.root / header).exists():
            continue
        names = [name for _, name, _ in file.includes()]
        if not names or pathlib.PurePosixPath(names[0]).name != header.name:
            yield file.path, 1, f"includes {header.name} first, so that it is known to compile alone"


def documented(root):
    """A function declared in a header has a comment: its own, or that of the lines it stands with.

    x_init(x *self), x_fini and x_free say all by their names."""
    for file in files(root, *HEADERS):
        if file.suffix == ".h":
            yield from undocumented(file)


def undocumented(file):
    code = file.code().split("\n")
    has_comment, depth = False, 0
    for number, line in enumerate(file.lines):
        bare = code[number]
        if not line.strip():
            has_comment = False
        if bare.strip() != line.strip():  # a comment, or the end of one
            has_comment = True
        name = declared_function(code, number, depth)
        if name and not has_comment:
            yield file.path, number + 1, f"{name} has no comment"
        if not bare.lstrip().startswith("#"):
            depth += bare.count("{") - bare.count("}")
        if 'extern "' in line and "{" in bare:  # code() empties the string; the brace is no block
            depth = 0


def declared_function(code, number, depth):
    """The name of a function, or of a function pointer in a struct, whose declaration starts here."""
    line = code[number]
    if depth == 0 and re.match(r"[A-Za-z_]", line):
        if re.match(r"(typedef|static|struct|enum|union|extern \"|#)", line):
            return None
        whole = " ".join(code[number : number + 8])
        match = re.match(r"[\w\s*]*?\b([A-Za-z_]\w*)\s*\([^{;]*\)[^{;]*;", whole)
        if not match or re.match(r"void \w+_(init|fini|free)\(\w+ \*self\);", line):
            return None
        return match.group(1)
    match = re.match(r"\s+[\w\s*]+\(\*\s*(\w+)\)\s*\(", line)
    return match.group(1) if match and depth == 1 else None
