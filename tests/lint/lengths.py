# SPDX-License-Identifier: MIT
"""How long files and functions may be: 600 and 60 lines; 100 for a function that is one switch."""
import re

from sources import files

FILE_LINES = 600
FUNCTION_LINES = 60
SWITCH_LINES = 100
CHECKED = {".c", ".h", ".cc", ".py", ".sh"}


def check(root):
    for file in files(root):
        if file.suffix not in CHECKED and file.path != "Makefile":
            continue
        if len(file.lines) > FILE_LINES:
            yield file.path, 1, f"{len(file.lines)} lines; a file stops at {FILE_LINES}"
        if file.suffix in (".c", ".cc"):
            yield from long_functions(file)


def long_functions(file):
    code = file.code().split("\n")
    for name, first, body, last in file.functions():
        length = last - first + 1
        limit = SWITCH_LINES if is_flat_switch(code[body - 1 : last]) else FUNCTION_LINES
        if length > limit:
            yield file.path, first, f"{name} has {length} lines; it stops at {limit}"


def is_flat_switch(body):
    """Two thirds of the function are one switch at the function's own level."""
    for number, line in enumerate(body):
        if re.match(r" {4}switch \(", line):
            end = next((n for n in range(number, len(body)) if body[n].startswith("    }")), number)
            if 3 * (end - number) >= 2 * len(body):
                return True
    return False
