# SPDX-License-Identifier: MIT
"""What no file may say: unsafe functions, marks of unfinished work, where it was written; and what
each must begin with."""
import pathlib
import re
import socket

from sources import files

BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atoll|atof|"
                    r"alloca|strtok|setjmp|longjmp|asctime|ctime|tmpnam)\s*\(")
MARKS = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"]) + r")\b")
SOURCES = ("server/", "sdk/", "plugins/", "examples/", "tests/")
COMMENTED = {".c", ".h", ".cc", ".py", ".sh"}
# A parent folder so common that its name says nothing of this machine.
COMMON_FOLDERS = {"/", "/tmp", "/home", "/root", "/srv", "/src", "/usr/src", "/build", "/app", "/opt"}


def banned(root):
    """Functions that overflow, hide state or leave the stack; setjmp is cmocka's affair in tests."""
    for file in files(root, *SOURCES):
        if not file.is_c:
            continue
        for number, line in enumerate(file.code().split("\n"), 1):
            for match in BANNED.finditer(line):
                yield file.path, number, f"{match.group(1)} is banned"


def marks(root):
    """Unfinished work is an issue, not a comment."""
    for file in files(root, *SOURCES):
        for number, line in enumerate(file.lines, 1):
            match = MARKS.search(line)
            if match:
                yield file.path, number, f"a mark of unfinished work: {match.group(1)}"


def opening(root):
    """Each source begins with its licence and a sentence on what it is for."""
    for file in files(root, *SOURCES, ".ci/"):
        if file.suffix not in COMMENTED and not file.text.startswith("#!"):
            continue
        lines = [line for line in file.lines if not line.startswith("#!")]
        if not lines or not re.match(r"(/\*|//|#) SPDX-License-Identifier: MIT\b", lines[0]):
            yield file.path, 1, "the first line is the SPDX identifier"
        elif len(re.findall(r"\w+", " ".join(lines[1:3]))) < 3 or not is_comment(lines[1]):
            yield file.path, 2, "after the SPDX identifier a sentence says what the file is for"


def is_comment(line):
    return line.lstrip().startswith(("*", "//", "#", '"""'))


def machine(root):
    """Nothing tells where it was written: no path or name of this machine."""
    parent = str(pathlib.Path(root).resolve().parent)
    names = [] if parent in COMMON_FOLDERS else [f"{parent}/"]
    host = socket.gethostname()
    if len(host) > 5 and host not in ("localhost", "debian", "capricorn"):
        names.append(host)
    for file in files(root):
        for number, line in enumerate(file.lines, 1):
            for name in names:
                if re.search(rf"(?<![\w.\-]){re.escape(name)}", line):
                    yield file.path, number, f"names this machine: {name}"
