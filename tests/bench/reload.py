# SPDX-License-Identifier: MIT
"""How long it takes until new code answers, and what a reload costs those who are being served.

    make bench-reload [QUICK=1]

A file is saved, or a plugin's .so put in its place by a rename, and a client asks again and again,
on a connection of its own each time, until it hears of the new version. Then a plugin is replaced
a thousand times under wrk with 64 connections, whose bodies are all looked at."""

import argparse
import json
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import peers
import report
from peers import Missing, need
from processes import (BUILD, LOAD_CPU, PRIORITY, ROOT, SERVER_CPU, Started, free_port, prefix,
                       stop_on_signals)

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "harness"))

import capricorn  # noqa: E402  (the path comes first)
from reloading import FAILURES, Load, Reloads, mapped  # noqa: E402
from versions import SOURCE, replace, version  # noqa: E402

PAUSE_S = 0.0005
TIMEOUT_S = 30
# What is measured, the most it may be, and what would be very good.
BUDGETS = {
    ".so to first answer, --reload, ms": (50, 15),
    ".so to first answer, SIGHUP, ms": (50, 15),
    ".c to first answer, dev, ms": (400, 150),
    "requests failed": (0, None),
    "connections closed": (0, None),
    "mapped files of the plugin afterwards": (1, None),
}

UVICORN = """async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"@@"})
"""
FLASK = """from flask import Flask
app = Flask(__name__)

@app.route("/version")
def version():
    return "@@"
"""
NODE = """require("http").createServer((request, response) => response.end("@@"))
    .listen(Number(process.env.PORT), "127.0.0.1");
"""


def ask(port):
    """The body of the answer, or nothing: while it restarts, a server may refuse."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(b"GET /version HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            heard = b""
            while piece := client.recv(65536):
                heard += piece
            return heard.partition(b"\r\n\r\n")[2] if b" 200 " in heard[:16] else b""
    except OSError:
        return b""


def is_in(number, heard):
    """Chunked or not."""
    return str(number).encode() in heard.split()


def wait_for(port, number, limit_s=TIMEOUT_S):
    """Until that version answers. How often it was asked in vain: no answer at all."""
    end, refused = time.monotonic() + limit_s, 0
    while not is_in(number, heard := ask(port)):
        refused += not heard
        if time.monotonic() > end:
            raise RuntimeError(f"version {number} is not served within {limit_s} s")
        time.sleep(PAUSE_S)
    return refused


def times(port, change, count, rest_s, prepare=None):
    """So many changes: the milliseconds until each is served, and what was refused meanwhile. One
    comes first whose time is not counted."""
    found, refused = [], 0
    for number in range(1001, 1002 + count):
        if prepare:
            prepare(number)
        time.sleep(rest_s)
        began = time.monotonic_ns()
        change(number)
        refused += wait_for(port, number)
        found.append((time.monotonic_ns() - began) / 1e6)
    return {"ms": found[1:], "refused": refused}


# ---- ours ----


def so_times(by_signal, count):
    """All versions are built before; the rename, and the signal, begin what is timed."""
    built = {number: version(number) for number in range(1001, 1002 + count)}
    server = capricorn.Server(arguments=["--no-access-log", *([] if by_signal else ["--reload"])],
                              wrapper=prefix(SERVER_CPU, PRIORITY), start=False)
    replace(server, version(1))

    def prepare(number):
        shutil.copy(built[number], server.plugin_dir / ".ready")

    def change(_):
        (server.plugin_dir / ".ready").rename(server.plugin_dir / "versioned.so")
        if by_signal:
            server.send_signal(signal.SIGHUP)

    with server:
        server.start()
        return times(server.port, change, count, 0.1, prepare)


def written(path, text):
    return lambda number: path.write_text(text.replace("@@", str(number)))


def source_times(command, path, text, count, rest_s, environment=None):
    """A server that watches a source, which is saved again and again."""
    port = free_port()
    save = written(path, text)
    save(1000)
    with Started([str(part).replace("@PORT", str(port)) for part in command], SERVER_CPU,
                 cwd=path.parent, environment={"PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1",
                                               **(environment or {})}) as running:
        try:
            wait_for(port, 1000)
            return times(port, save, count, rest_s)
        except RuntimeError as how:
            raise RuntimeError(f"{how}; {command} said:\n{running.said()[-2000:]}") from None


def dev(folder, count):
    if subprocess.run([BUILD / "capricorn", "dev", "--help"], capture_output=True).returncode:
        raise Missing("this server has no capricorn dev")
    text = "#define VERSION @@\n" + SOURCE.read_text()
    return source_times([BUILD / "capricorn", "dev", "versioned.c", "--port", "@PORT"],
                        folder / "versioned.c", text, count, 0.3,
                        {"PKG_CONFIG_PATH": str(BUILD), "CPATH": str(ROOT / "sdk/include")})


# ---- the others ----


def uvicorn(folder, count):
    need("uvicorn", modules="uvicorn")
    return source_times([peers.PYTHON, "-m", "uvicorn", "app:app", "--reload", "--port", "@PORT"],
                        folder / "app.py", UVICORN, count, 1)


def flask(folder, count):
    need("python3-flask", modules="flask")
    return source_times([peers.PYTHON, "-m", "flask", "--app", "app", "--debug", "run", "--port",
                         "@PORT"], folder / "app.py", FLASK, count, 1)


def node(folder, count):
    program = need("nodejs", "node")
    if b"--watch" not in subprocess.run([program, "--help"], capture_output=True).stdout:
        raise Missing("a node that knows --watch")
    return source_times([program, "--watch", "app.js"], folder / "app.js", NODE, count, 1)


WAYS = {
    "capricorn run, SIGHUP, .so": lambda folder, count: so_times(True, count),
    "capricorn run --reload, .so": lambda folder, count: so_times(False, count),
    "capricorn dev, .c": dev,
    "uvicorn --reload, .py": uvicorn, "flask --debug, .py": flask, "node --watch, .js": node,
}


# ---- a thousand under load ----


def under_load(count, watches):
    """What a plugin's being replaced so often did to the others, and to the server."""
    arguments = ["--no-access-log", *(["--reload"] if watches else [])]
    server = capricorn.Server(arguments=arguments, start=False,
                              wrapper=prefix(SERVER_CPU, PRIORITY))

    def put(number):
        replace(server, version(number, name="ongoing"), "ongoing.so")

    put(1)
    with server:
        server.start()
        reloads = Reloads(server, by_signal=not watches)
        load = Load(server, connections=64, wrapper=prefix(LOAD_CPU, PRIORITY))
        memory = []
        try:
            began = time.monotonic()
            for number in range(count):
                if number == count // 10:
                    memory.append(server.memory_kib())
                reloads.after(lambda: put((number + 1) % 2 + 1), timeout=TIMEOUT_S)
            took = time.monotonic() - began
            memory.append(server.memory_kib())
        finally:
            found = load.stop()
        time.sleep(0.5)
        return {"reloads": count, "seconds": took, "requests": found["requests"],
                "failed": sum(found[name] for name in FAILURES), "lost": found["lost"],
                "kib": memory, "mapped": len(mapped(server, "ongoing"))}


# ---- the report ----


def time_table(found):
    rows = [(name, len(each["ms"]), report.show(statistics.median(each["ms"]), 1),
             report.show(min(each["ms"]), 1), report.show(max(each["ms"]), 1), each["refused"])
            for name, each in found.items()]
    return report.table(("change to first new answer", "changes", "median ms", "lowest", "highest",
                         "not answered meanwhile"), rows)


def load_table(found):
    rows = [(name, each["reloads"], report.show(each["requests"]), each["failed"], each["lost"],
             report.show(each["kib"][0]), report.show(each["kib"][1]), each["mapped"])
            for name, each in found.items()]
    return report.table(("replaced under load", "times", "requests", "failed", "connections closed",
                         "KiB after a tenth", "KiB at the end", "mapped versions"), rows)


def budget_table(ways, loads):
    medians = {name: statistics.median(each["ms"]) for name, each in ways.items()}
    figures = (medians.get("capricorn run --reload, .so"), medians.get("capricorn run, SIGHUP, .so"),
               medians.get("capricorn dev, .c"),
               *((max(each[key] for each in loads.values()) if loads else None)
                 for key in ("failed", "lost", "mapped")))
    rows = [(name, report.show(figure, 1), report.verdict(figure, most),
             report.verdict(figure, best))
            for (name, (most, best)), figure in zip(BUDGETS.items(), figures) if figure is not None]
    return report.table(("reload", "measured", "budget", "stretch"), rows)


def measure_ways(count, only):
    found, missing = {}, {}
    for name, way in WAYS.items():
        if only and not any(word in name for word in only):
            continue
        with tempfile.TemporaryDirectory(prefix="reload-bench-") as folder:
            try:
                found[name] = way(Path(folder), count)
            except Missing as how:
                missing[name] = str(how)
        print(f"reload: {name}", file=sys.stderr)
    return found, missing


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="a look whether it works")
    options.add_argument("--changes", type=int, default=20, help="of each server")
    options.add_argument("--reloads", type=int, default=1000, help="under load")
    options.add_argument("--only", nargs="+", help="servers with one of these words in their name")
    options.add_argument("--json", default=str(BUILD / "bench-reload.json"))
    options.add_argument("--document", help="put the tables into this document as well")
    asked = options.parse_args()
    if asked.quick:
        asked.changes, asked.reloads = 2, 20
    stop_on_signals()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the servers have it from us
    machine = report.machine()
    ways, missing = measure_ways(asked.changes, asked.only)
    loads = {name: under_load(asked.reloads, watches)
             for name, watches in (("SIGHUP", False), ("--reload", True))}
    result = {"when": time.strftime("%Y-%m-%d %H:%M", time.gmtime()), "machine": machine,
              "versions": peers.versions(), "ways": ways, "loads": loads, "missing": missing}
    with open(asked.json, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
    made = {"reload-machine": report.surroundings(result), "reload-times": time_table(ways),
            "reload-load": load_table(loads), "reload-budgets": budget_table(ways, loads)}
    print("\n\n".join(made.values()))
    for name, how in missing.items():
        print(f"\n{name}: left out: {how}")
    if asked.document:
        report.write_into(asked.document, made)
    return 0 if not any(each["failed"] or each["lost"] for each in loads.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
