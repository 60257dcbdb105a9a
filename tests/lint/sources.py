# SPDX-License-Identifier: MIT
"""The project's files as the checks see them: found on disk, comments and strings told from code."""
import os
import pathlib
import re

SKIPPED_FOLDERS = {"build", ".git", "__pycache__", ".pytest_cache"}
C_SUFFIXES = {".c", ".h", ".cc"}
TOKEN = re.compile(r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
                   re.DOTALL | re.VERBOSE)


class File:
    """One text file. path is relative to the root, with slashes."""

    def __init__(self, root, path):
        self.root = root
        self.path = path
        self.text = (root / path).read_text(errors="replace")
        self.lines = self.text.split("\n")[:-1] if self.text.endswith("\n") else self.text.split("\n")
        self.suffix = pathlib.PurePosixPath(path).suffix
        self.folder = str(pathlib.PurePosixPath(path).parent)

    @property
    def is_c(self):
        return self.suffix in C_SUFFIXES

    def code(self):
        """The text with comments blanked and strings emptied; lines stay where they are."""
        def blank(match):
            found = match.group(0)
            if found[0] == "/":
                return re.sub(r"[^\n]", " ", found)
            return found[0] + " " * (len(found) - 2) + found[0]
        return TOKEN.sub(blank, self.text)

    def includes(self):
        """(line, name, is_ours) of each #include; ours are those in quotes."""
        for number, line in enumerate(self.lines, 1):
            match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
            if match:
                yield number, match.group(2), match.group(1) == '"'

    def functions(self):
        """(name, first line, body line, last line), as clang-format lays functions out: the braces
        in the first column."""
        lines = self.code().split("\n")
        for number, line in enumerate(lines):
            if not line.startswith("{") or number == 0 or not lines[number - 1].rstrip().endswith(")"):
                continue
            end = next((n for n in range(number, len(lines)) if lines[n].startswith("}")), number)
            first = number - 1
            while first > 0 and (lines[first].startswith((" ", "\t")) or lines[first].strip() == ""):
                first -= 1
            head = " ".join(lines[first:number])
            match = re.search(r"([A-Za-z_]\w*)\s*\(", head)
            yield (match.group(1) if match else "?"), first + 1, number + 1, end + 1


def files(root, *prefixes):
    """The text files below the root whose path starts with one of the prefixes (all: none given)."""
    root = pathlib.Path(root)
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - SKIPPED_FOLDERS)
        for name in sorted(names):
            path = (pathlib.Path(folder) / name).relative_to(root).as_posix()
            if prefixes and not path.startswith(prefixes):
                continue
            if is_text(root / path):
                yield File(root, path)


def is_text(path):
    with open(path, "rb") as opened:
        return b"\0" not in opened.read(8192)
