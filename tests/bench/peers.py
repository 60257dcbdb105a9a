# SPDX-License-Identifier: MIT
"""The servers that are compared: how each is started, and how to get it. What they serve is in
peers/ and plugins/: GET / is thirteen bytes, GET /weather?city=London asks the upstream."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

from processes import BUILD, SERVER_CPU, Started, free_port

HERE = Path(__file__).resolve().parent / "peers"
PLAIN, WEATHER = "/", "/weather?city=London"
PYTHON = sys.executable
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"

# Where a server is to serve, what it may write to, where it asks for the weather, and whose
# certificate it trusts then.
Place = namedtuple("Place", "port folder upstream timeout_s certificate")


class Missing(Exception):
    """It is not installed; says how to get it."""


def need(packages, program=None, modules=""):
    """The program; raises Missing unless it and these modules of Debian's Python are there."""
    found = shutil.which(program, path=PATH) if program else PYTHON
    if not found or not all(map(importlib.util.find_spec, modules.split())):
        raise Missing(f"apt-get install {packages}")
    return found


def floor(place):
    return [BUILD / "bench/floor", place.port], {}


def capricorn(*plugins, arguments=("--no-access-log",)):
    """Ours, with these plugins of tests/bench/plugins and plugins/."""
    def command(place):
        target = place.folder / "plugins"
        target.mkdir(mode=0o755)
        for plugin in plugins:
            built = BUILD / ("plugins" if plugin == "weather" else "test-plugins") / f"{plugin}.so"
            if not built.exists():
                raise Missing("make bench-programs")
            shutil.copy(built, target)
        (target / "weather.json").write_text(
            f'{{"upstream": "{place.upstream}", "timeout_ms": {place.timeout_s * 1000}}}')
        return [BUILD / "capricorn", "run", "--port", place.port, "--plugin-dir", target,
                "--log-level", "warning", *arguments], {}
    return command


VERIFY = """
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate {};
            proxy_ssl_name localhost;
            proxy_ssl_server_name on;"""


def nginx(access_log=False):
    def command(place):
        program = need("nginx-light", "nginx")
        log = f"{place.folder}/access.log" if access_log else "off"
        text = (HERE / "nginx.conf").read_text()
        scheme, _, port = place.upstream.partition("://")
        for name, value in (("FOLDER", place.folder), ("ACCESS_LOG", log), ("PORT", place.port),
                            ("UPSTREAM", port.rsplit(":", 1)[-1] or 9), ("SCHEME", scheme or "http"),
                            ("VERIFY", VERIFY.format(place.certificate) if place.certificate
                             else "")):
            text = text.replace(f"@{name}@", str(value))
        (place.folder / "nginx.conf").write_text(text)
        return [program, "-c", place.folder / "nginx.conf", "-e", "stderr"], {}
    return command


def uvicorn(application, modules=""):
    def command(place):
        need("uvicorn python3-uvloop python3-httptools python3-fastapi python3-httpx",
             modules=f"uvicorn uvloop httptools {modules}")
        return [PYTHON, "-m", "uvicorn", f"{application}:app", "--app-dir", HERE, "--port",
                place.port, "--no-access-log", "--log-level", "warning", "--loop", "uvloop",
                "--http", "httptools"], {"UPSTREAM": place.upstream,
                                         "TIMEOUT_S": str(place.timeout_s),
                                         "PYTHONDONTWRITEBYTECODE": "1"}
    return command


def flask(place):
    need("gunicorn python3-flask python3-requests", modules="gunicorn flask requests")
    return [PYTHON, "-m", "gunicorn", "flask_app:app", "--chdir", HERE, "--bind",
            f"127.0.0.1:{place.port}", "--workers", "4", "--log-level", "warning"], {
                "UPSTREAM": place.upstream, "PYTHONDONTWRITEBYTECODE": "1"}


OURS = capricorn("plain", "weather")
OURS_WEB = capricorn("plain_web", "weather")
OURS_LOGGING = capricorn("plain", "weather", arguments=())
NGINX = nginx()
NGINX_LOGGING = nginx(access_log=True)
ASGI = uvicorn("asgi_app")
FASTAPI = uvicorn("fastapi_app", "fastapi httpx")
FLASK = flask


class Running:
    """A peer that serves, until the end of the with statement."""

    def __init__(self, peer, upstream="", timeout_s=5, wait=True, wrapper=(), certificate=None):
        self.folder = Path(tempfile.mkdtemp(prefix="capricorn-bench-"))
        self.folder.chmod(0o755)
        self.server = None
        try:
            self.port = free_port()
            self.command, self.environment = peer(
                Place(self.port, self.folder, upstream, timeout_s, certificate))
            if certificate:  # what OpenSSL trusts, and httpx
                self.environment["SSL_CERT_FILE"] = str(certificate)
            if wait:
                self.server = Started([*wrapper, *self.command], SERVER_CPU,
                                      environment=self.environment)
                self.server.wait_until_it_answers(self.port, timeout=60)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.server:
            self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def versions():
    """What is compared, as far as it is installed."""
    commands = {"capricorn": [BUILD / "capricorn", "--version"],
                "nginx": ["nginx", "-v"], "uvicorn": [PYTHON, "-m", "uvicorn", "--version"],
                "gunicorn": [PYTHON, "-m", "gunicorn", "--version"],
                "wrk": ["sh", "-c", "wrk -v || true"], "gcc": ["gcc", "-dumpfullversion"],
                "python": [PYTHON, "--version"]}
    modules = "fastapi starlette httpx flask requests uvloop httptools"
    for name in modules.split():
        commands[name] = [PYTHON, "-c", "import importlib.metadata as m, sys; "
                                        f"print(m.version('{name}'))"]
    found = {}
    for name, command in commands.items():
        try:
            run = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                                 timeout=20, env={**os.environ, "PATH": PATH})
            number = re.search(r"\d+(\.\d+)+", run.stdout + run.stderr)
            found[name] = number.group(0) if run.returncode == 0 and number else "not installed"
        except OSError:
            found[name] = "not installed"
    return found
