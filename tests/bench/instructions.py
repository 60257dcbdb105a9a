# SPDX-License-Identifier: MIT
"""How many instructions a request takes in the server, by valgrind: a number that repeats on a busy
machine, for seeing what a change has gained or lost. The kernel's part is not in it.

    python3 tests/bench/instructions.py [--requests 2000] [--functions 25] [plain ...]
"""

import argparse
import http.client
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from peers import OURS, OURS_LOGGING, OURS_WEB, PLAIN, WEATHER, Running
from processes import stop_on_signals, upstream
from report import table, write_into

WARM_UP = 500
CASES = {"plain": (OURS, PLAIN), "plain_web": (OURS_WEB, PLAIN), "logged": (OURS_LOGGING, PLAIN),
         "weather": (OURS, WEATHER)}


def ask(port, path, count):
    """So many requests, one after the other, on one connection."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(count):
        client.request("GET", path)
        answer = client.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
    client.close()


def control(server, *what):
    subprocess.run(["callgrind_control", *what, str(server.pid)], check=True, timeout=60,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def annotate(profile, functions, total):
    """The dearest functions, each with its own instructions; not those that were running all the
    time, to which the tool gives everything."""
    text = subprocess.run(["callgrind_annotate", "--auto=no", "--threshold=100", str(profile)],
                          check=True, capture_output=True, text=True).stdout
    lines = re.findall(r"^\s*([\d,]+) \([\s\d.]+%\)\s+(.*)$", text, re.M)
    rows = [(int(count.replace(",", "")), re.sub(r"^\S*/|\s*\[.*$", "", name))
            for count, name in lines if int(count.replace(",", "")) < 0.9 * total]
    return rows[:functions]


def find_dump(folder, seconds=10):
    """The profile of the requests, and its sum, which is at its end. A server that sleeps writes it
    when it wakes the next time, and that may be after it was asked to."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for file in folder.glob("profile*"):
            text = file.read_text(errors="replace")
            total = re.search(r"^(?:totals|summary): (\d+)", text, re.M)
            if total and "dump requests" in text[:2000]:
                return file, int(total.group(1))
        time.sleep(0.05)
    raise RuntimeError(f"callgrind has written no profile within {seconds} s")


def count(case, asked, functions=0):
    """The instructions of one request, and of the dearest functions in it."""
    peer, path = CASES[case]
    with tempfile.TemporaryDirectory(prefix="capricorn-bench-") as folder, upstream() as source:
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/profile",
                    "--log-file=/dev/null"]
        with Running(peer, f"http://127.0.0.1:{source.port}", wrapper=valgrind) as running:
            ask(running.port, path, WARM_UP)
            control(running.server, "--zero")
            ask(running.port, path, asked)
            control(running.server, "--dump=requests")
            profile, total = find_dump(Path(folder))
        rows = [(own / asked, name) for own, name in annotate(profile, functions, total)]
    return total / asked, rows


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--requests", type=int, default=2000)
    options.add_argument("--functions", type=int, default=0, help="show the dearest so many")
    options.add_argument("--json", action="store_true")
    options.add_argument("--document", help="put the table into this document as well")
    options.add_argument("cases", nargs="*", default=list(CASES))
    asked = options.parse_args()
    if not shutil.which("valgrind"):
        print("valgrind is not installed: apt-get install valgrind")
        return 0
    stop_on_signals()
    found = {}
    for case in asked.cases:
        found[case], rows = count(case, asked.requests, asked.functions)
        if not asked.json:
            print(f"{case}: {found[case]:.0f} instructions a request")
        for own, name in rows:
            print(f"  {own:7.0f}  {name}")
    if asked.json:
        print(json.dumps(found))
    if asked.document:
        rows = [(case, f"{number:,.0f}") for case, number in found.items()]
        write_into(asked.document, {"instructions": table(("instructions", "a request"), rows)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
