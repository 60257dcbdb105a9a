#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs clang-tidy on the sources of server/, sdk/ and plugins/, as .clang-tidy says: tidy.py JOBS.

It takes minutes, so it is a target of its own (make lint-tidy). Exit status 77: it is not installed.
"""
import concurrent.futures
import pathlib
import subprocess
import sys

import headers
import tools
from sources import files


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    try:
        command = tools.clang_tool("clang-tidy")
    except tools.Skip as why:
        print(why)
        return 77

    def judge(path):
        run = subprocess.run([command, "--quiet", path, "--", "-std=gnu11", *headers.flags(root)],
                             capture_output=True, text=True, cwd=root)
        return run.stdout if run.returncode else ""

    paths = [f.path for f in files(root, "server/", "sdk/src/", "plugins/") if f.suffix == ".c"]
    with concurrent.futures.ThreadPoolExecutor(int(sys.argv[1]) if len(sys.argv) > 1 else 1) as pool:
        found = list(pool.map(judge, paths))
    print("".join(found), end="")
    return 1 if any(found) else 0


if __name__ == "__main__":
    sys.exit(main())
