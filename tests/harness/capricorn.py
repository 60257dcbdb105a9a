# SPDX-License-Identifier: MIT
"""Starts and stops a real server for the integration tests, and reads its two logs."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from wire import Connection

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CAPRICORN_BUILD") or ROOT / "build")
if not BUILD.is_absolute():
    BUILD = ROOT / BUILD
BINARY = BUILD / "capricorn"
SOURCES = ROOT / "tests" / "integration" / "plugins"

RUNNING = re.compile(r"Capricorn running on (\S+(?: socket \S+)?) \(Press CTRL\+C to quit\)")
SANITIZER = re.compile(
    r"ERROR: AddressSanitizer|WARNING: ThreadSanitizer|ERROR: LeakSanitizer|runtime error:"
    r"|FATAL: ThreadSanitizer|SUMMARY: UndefinedBehaviorSanitizer"
)


def sanitized():
    """The sanitizer of the build under test: "asan", "tsan", or ""."""
    code = BINARY.read_bytes() if BINARY.exists() else b""
    for name, symbol in (("asan", b"__asan_init"), ("tsan", b"__tsan_init")):
        if symbol in code:
            return name
    return ""


# How much longer than plain things take: set CAPRICORN_SLOW on a loaded machine.
SLOW = float(os.environ.get("CAPRICORN_SLOW") or (4 if sanitized() else 1))


def seconds(plain):
    """A time limit, longer where everything is slower."""
    return plain * SLOW


def own_environment():
    """The environment without what is said to these tests, and not to the server."""
    return {name: value for name, value in os.environ.items()
            if name != "PORT" and not name.startswith(("CAPRICORN_", "SSL_CERT_"))
            and not name.lower().endswith("_proxy")}


def wait_until(claim, what, timeout=10.0):
    """Polls until claim() is true, and returns what it returned."""
    end = time.monotonic() + seconds(timeout)
    while True:
        result = claim()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds(timeout):g} s: {what}")
        time.sleep(0.005)


def plugin(name):
    """A built plugin: a test's, one of plugins/, or an example. Compiles a test's if need be."""
    for folder in ("test-plugins", "plugins", "examples"):
        built = BUILD / folder / f"{name}.so"
        if built.exists():
            return built
    return compile_plugin(name)


def compile_plugin(name):
    """As a stranger would: one source, the public headers, nothing else of this tree."""
    source = next((SOURCES / f"{name}{end}" for end in (".c", ".cc")
                   if (SOURCES / f"{name}{end}").exists()), None)
    assert source, f"there is no test plugin {name}.c or {name}.cc, and no built {name}.so"
    target = BUILD / "test-plugins-by-hand" / f"{name}.so"
    target.parent.mkdir(parents=True, exist_ok=True)
    newest = max(path.stat().st_mtime for path in [source, *SOURCES.glob("*.h")])
    if target.exists() and target.stat().st_mtime >= newest:
        return target
    compiler = ["gcc", "-std=c11"] if source.suffix == ".c" else ["g++", "-std=c++17",
                                                                  "-fno-gnu-unique"]
    fresh = target.with_name(f".{name}.{os.getpid()}.so")
    subprocess.run([*compiler, "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared",
                    "-fvisibility=hidden", "-fstack-clash-protection", "-pthread",
                    f"-I{ROOT}/sdk/include", "-o", str(fresh), str(source)], check=True)
    fresh.rename(target)
    return target


class Server:
    """One `capricorn run`, with a plugin directory of its own."""

    def __init__(self, plugins=(), configs=None, arguments=(), environment=None, uds=False,
                 log_level=None, start=True, plugin_dir=None, wrapper=(), pass_fds=()):
        self.directory = Path(tempfile.mkdtemp(prefix="capricorn-"))
        self.directory.chmod(0o755)
        self.plugin_dir = plugin_dir or self.directory / "plugins"
        if plugin_dir is None:
            self.plugin_dir.mkdir(mode=0o755)
            self.plugin_dir.chmod(0o755)
        for name in plugins:
            self.drop(name)
        for name, config in (configs or {}).items():
            self.write(f"{name}.json", config)
        self.socket_path = str(self.directory / "s.sock") if uds else None
        where = ["--uds", self.socket_path] if uds else ["--port", "0"]
        self.command = [*wrapper, str(BINARY), "run", *where, "--plugin-dir",
                        str(self.plugin_dir)]
        if log_level:
            self.command += ["--log-level", log_level]
        self.command += list(arguments)
        # Where its control socket is: the commands find it by the same environment.
        self.environment = {**own_environment(), "XDG_RUNTIME_DIR": str(self.directory),
                            **(environment or {})}
        self.pass_fds = pass_fds
        self.process = None
        self.stderr, self.stdout = [], []
        self.changed = threading.Condition()
        self.port, self.url, self.exit_code = None, None, None
        if start:
            self.start()

    # ---- the plugin directory ----

    def drop(self, name, as_name=None):
        """Puts a plugin's file into the directory."""
        target = self.plugin_dir / (as_name or f"{name}.so")
        shutil.copyfile(plugin(name), target)
        target.chmod(0o755)
        return target

    def write(self, name, text, mode=0o644):
        path = self.plugin_dir / name
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text)
        path.chmod(mode)
        return path

    # ---- the process ----

    def launch(self):
        """Starts the process and does not wait for anything."""
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=self.environment, cwd=self.directory,
                                        pass_fds=self.pass_fds)
        self.readers = [
            threading.Thread(target=self._read, args=(self.process.stderr, self.stderr),
                             daemon=True),
            threading.Thread(target=self._read, args=(self.process.stdout, self.stdout),
                             daemon=True),
        ]
        for reader in self.readers:
            reader.start()
        return self

    def start(self):
        """Starts the process and waits until it says where it serves."""
        self.launch()
        try:
            where = self.wait_for_log(RUNNING, timeout=20).group(1)
        except AssertionError:
            self.kill()
            raise
        if where.startswith("http://"):
            self.url = where
            self.port = int(where.rsplit(":", 1)[1])
        return self

    def _read(self, pipe, lines):
        for raw in pipe:
            with self.changed:
                lines.append(raw.decode("utf-8", "backslashreplace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            lines.append(None)
            self.changed.notify_all()

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        """All lines of the server's log so far."""
        with self.changed:
            return [line for line in self.stderr if line is not None]

    def access_log(self):
        with self.changed:
            return [line for line in self.stdout if line is not None]

    def mark(self):
        """Where the log is now: pass it to wait_for_log to look at what comes later only."""
        with self.changed:
            return len(self.stderr)

    def wait_for_log(self, pattern, timeout=10.0, since=0, lines=None, count=1):
        """Waits for that many lines that match, and returns the last one's match."""
        lines = self.stderr if lines is None else lines
        end = time.monotonic() + seconds(timeout)
        with self.changed:
            while True:
                found = [match for match in (re.search(pattern, line) for line in lines[since:]
                                             if line is not None) if match]
                if len(found) >= count:
                    return found[count - 1]
                over = None in lines
                left = end - time.monotonic()
                if over or left <= 0:
                    raise AssertionError(
                        f"no line matches {pattern!r} ({len(found)} of {count})"
                        f"{', and the server has ended' if over else ''}; lines:\n"
                        + "\n".join(line for line in lines if line is not None))
                self.changed.wait(left)

    def wait_for_access(self, pattern, timeout=10.0, count=1):
        return self.wait_for_log(pattern, timeout, 0, self.stdout, count)

    def wait(self, timeout=20.0):
        """Waits for the end of the process, and of its logs."""
        self.exit_code = self.process.wait(seconds(timeout))
        for reader in self.readers:
            reader.join(seconds(5))
        return self.exit_code

    def send_signal(self, number):
        self.process.send_signal(number)

    def stop(self, expect=0, number=signal.SIGINT):
        """Ends the server gracefully; checks how it went, and that no sanitizer complained."""
        if self.process is None:
            return
        try:
            if self.process.poll() is None:
                self.send_signal(number)
            self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the server did not stop; log:\n" + "\n".join(self.log()))
        finally:
            self.clean()
        text = "\n".join(self.log())
        assert not SANITIZER.search(text), text
        assert self.exit_code == expect, f"exit {self.exit_code}, not {expect}; log:\n{text}"

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.wait()
        self.clean()

    def clean(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            self.kill()
            if kind is not None and self.stderr:
                print("server's log:\n" + "\n".join(self.log()[-60:]))
        else:
            self.stop()

    # ---- talking to it ----

    def connect(self, timeout=10.0, **options):
        return Connection(self.socket_path or ("127.0.0.1", self.port), seconds(timeout),
                          **options)

    def request(self, method, target, headers=(), body=b"", timeout=10.0):
        """One request on a connection of its own."""
        with self.connect(timeout) as connection:
            connection.send_request(method, target, headers, body)
            return connection.read_response(method)

    def get(self, target, headers=(), timeout=10.0):
        return self.request("GET", target, headers, timeout=timeout)

    def memory_kib(self, key="VmRSS"):
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{key}:\s+(\d+) kB", text, re.M).group(1))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))
