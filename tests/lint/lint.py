#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the checks of this folder on the project: lint.py [WORD], only those with WORD in their name.

Prints "passed NAME", "failed NAME" with an indented line for each place, or "skipped NAME: why".
"""
import pathlib
import sys

import arrows
import docs
import headers
import lengths
import musts
import tools
import words

# Each check takes the root folder and yields (path, line, sentence) for what is wrong.
CHECKS = {
    "includes point downwards": arrows.check,
    "files and functions are short": lengths.check,
    "headers compile alone": headers.alone,
    "a source includes its own header first": headers.first,
    "declared functions are documented": headers.documented,
    "banned functions are not called": words.banned,
    "nothing is marked as unfinished": words.marks,
    "files begin with licence and purpose": words.opening,
    "nothing names this machine": words.machine,
    "links in documents lead somewhere": docs.links,
    "paths in server/README.md exist": docs.paths,
    "make targets in documents exist": docs.targets,
    "the README's options are the table's": docs.options,
    "docs/options.md and the manual page are the tables'": docs.references,
    "quoted files are quoted exactly": docs.quotes,
    "tables of keys are the schema's": docs.keys,
    "docs/http-conformance.md is the table's": musts.check,
    "layout is clang-format's": tools.layout,
    "docs/routes.schema.json is the server's": tools.schema,
    "shell scripts parse": tools.shell,
    "Python files compile": tools.python,
}


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    failed = False
    for name, check in CHECKS.items():
        if word not in name:
            continue
        try:
            wrong = list(check(root))
        except tools.Skip as why:
            print(f"skipped {name}: {why}")
            continue
        print(f"{'failed' if wrong else 'passed'} {name}")
        for path, line, sentence in wrong:
            print(f"  {path}:{line}: {sentence}".replace("\n", "\n    "))
        failed = failed or bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
