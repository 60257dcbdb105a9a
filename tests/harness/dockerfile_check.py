#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the very steps of the Dockerfile where there is no Docker: in copies of bare Debian systems.

As root: make docker-check, or dockerfile_check.py [--base FOLDER] [--keep FOLDER]. FOLDER is a bare
system (debootstrap --variant=minbase) of the suite that the Dockerfile names, and is copied; without
it one is made. Each stage is such a copy, in which RUN runs by chroot; .dockerignore says what COPY
sees of the tracked files. In the end the entry point is started as USER, as process 1 of a PID
namespace of its own, asked for /weather and by the HEALTHCHECK's command, and told to stop.
"""
import argparse
import fnmatch
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def parse(text):
    """(INSTRUCTION, rest) of each step; lines that end with a backslash go on."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    for line in joined.splitlines():
        if line.strip():
            word, rest = line.strip().split(None, 1)
            yield word.upper(), rest.strip()


def exec_form(text):
    """["a", "b"]: what is run without a shell; that is the only form these steps may have."""
    words = json.loads(text)
    assert words and all(isinstance(word, str) for word in words), text
    return words


class Stage:
    """One image: a file system, and what the instructions said of how to run in it."""

    def __init__(self, root):
        self.root = root
        self.environment = {"PATH": DEFAULT_PATH}
        self.folder, self.user = "/", "0:0"
        self.entry, self.command, self.health = [], [], None
        self.volumes, self.ports = [], []

    def path(self, inside):
        return self.root / os.path.join(self.folder, inside).lstrip("/")

    def run(self, command, user="0:0", environment=None, **options):
        """In the image: a chroot, with nothing of this machine's environment."""
        variables = {**self.environment, **(environment or {})}
        words = ["env", "-i", *[f"{key}={value}" for key, value in variables.items()], *command]
        script = f"cd {shlex.quote(self.folder)} && exec {shlex.join(words)}"
        return subprocess.run(["chroot", f"--userspec={user}", self.root, "/bin/sh", "-c", script],
                              **options)


class Build:
    """Carries out the instructions, one after another."""

    def __init__(self, base, work):
        self.base, self.work = base, work
        self.stages = {}
        self.stage = None

    def step(self, word, rest):
        print(f"== {word} {rest}", flush=True)
        getattr(self, f"do_{word.lower()}")(rest)

    def do_from(self, rest):
        match = re.fullmatch(r"debian:(\w+)-slim(?: AS (\w+))?", rest)
        assert match, f"FROM {rest}: expected debian:SUITE-slim"
        name = match.group(2) or "final"
        root = self.work / name
        subprocess.run(["cp", "-a", self.find_base(match.group(1)), root], check=True)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
        self.stage = self.stages[name] = Stage(root)

    def find_base(self, suite):
        if not self.base:
            uris = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)"], check=True,
                                  capture_output=True, text=True).stdout.split()
            mirror = next(uri for uri in uris if re.search(r"/debian/*$", uri))
            self.base = self.work / "base"
            subprocess.run(["debootstrap", "--variant=minbase", suite, self.base, mirror], check=True)
        release = (self.base / "etc/os-release").read_text()
        assert f"VERSION_CODENAME={suite}" in release, f"{self.base} is not {suite}"
        return self.base

    def do_run(self, rest):
        environment = {"DEBIAN_FRONTEND": "noninteractive"}
        self.stage.run(["/bin/sh", "-c", rest], check=True, environment=environment,
                       user=self.stage.user)

    def do_copy(self, rest):
        words = rest.split()
        source = self.stages[words.pop(0)[len("--from="):]] if words[0].startswith("--from") else None
        *names, target = words
        into = self.stage.path(target)
        for name in names:
            if source:
                copy(source.path(name), into, target.endswith("/"))
            else:
                copy_context(name, into, target.endswith("/"))

    def do_workdir(self, rest):
        self.stage.folder = rest
        (self.stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def do_env(self, rest):
        self.stage.environment.update(pair.split("=", 1) for pair in shlex.split(rest))

    def do_user(self, rest):
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", rest), f"USER {rest}: expected numbers, not root"
        self.stage.user = rest

    def do_volume(self, rest):
        assert (self.stage.root / rest.lstrip("/")).is_dir(), rest
        self.stage.volumes.append(rest)

    def do_expose(self, rest):
        self.stage.ports.append(int(rest))

    def do_healthcheck(self, rest):
        self.stage.health = exec_form(rest.split(" CMD ", 1)[1])

    def do_entrypoint(self, rest):
        self.stage.entry = exec_form(rest)

    def do_cmd(self, rest):
        self.stage.command = exec_form(rest)

    def unmount(self):
        for stage in self.stages.values():
            subprocess.run(["umount", stage.root / "proc"], check=False)


def copy(source, into, is_folder):
    """As COPY does: what is in a folder, or a file, into a folder when the target ends with "/"."""
    if source.is_dir():
        shutil.copytree(source, into, symlinks=True, dirs_exist_ok=True)
        return
    target = into / source.name if is_folder else into
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def is_ignored(path, rules):
    """The last rule of .dockerignore that matches the path, or a folder above it, counts."""
    parts = path.split("/")
    above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    ignored = False
    for rule in rules:
        if any(fnmatch.fnmatchcase(name, rule.lstrip("!")) for name in above):
            ignored = not rule.startswith("!")
    return ignored


def copy_context(name, into, is_folder):
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    tracked = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], check=True, capture_output=True,
                             text=True).stdout.split("\0")
    found = [path for path in tracked if path and not is_ignored(path, rules)
             and (name == "." or path == name)]
    assert found, f"COPY {name}: .dockerignore leaves nothing of it"
    for path in found:
        copy(ROOT / path, into / path if name == "." else into, is_folder and name != ".")


# ---- the container ----


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Container:
    """The image's entry point, started as USER, as process 1 of its PID namespace."""

    def __init__(self, stage):
        self.stage = stage
        self.port = free_port()  # -e CAPRICORN_PORT: the network is this machine's
        self.environment = {"CAPRICORN_PORT": str(self.port)}
        variables = {**stage.environment, **self.environment}
        inside = ["chroot", f"--userspec={stage.user}", str(stage.root), "env", "-i",
                  *[f"{key}={value}" for key, value in variables.items()],
                  *stage.entry, *stage.command]
        script = f"mount -t proc proc {stage.root}/proc && exec {shlex.join(inside)}"
        self.process = subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--kill-child",
                                         "sh", "-c", script])

    def first(self):
        """The process id, outside, of the one that is process 1 inside."""
        pid = self.process.pid
        return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def health(self, *arguments):
        return self.stage.run([*self.stage.health, *arguments], user=self.stage.user,
                              environment=self.environment).returncode

    def await_health(self):
        end = time.monotonic() + 20
        while self.health() != 0:
            assert self.process.poll() is None, "it ended"
            assert time.monotonic() < end, "it did not become healthy"
            time.sleep(0.2)

    def get(self, target):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{target}", timeout=10) as answer:
            return answer.read().decode()


def check(stage):
    assert stage.volumes and stage.ports and stage.health and stage.entry
    container = Container(stage)
    try:
        container.await_health()
        print("health: well;", container.get("/weather?city=London"))
        first = container.first()
        status = pathlib.Path(f"/proc/{first}/status").read_text()
        uid = stage.user.split(":")[0]
        assert re.search(rf"^Uid:\t{uid}\t{uid}\t", status, re.M), status
        assert re.search(r"^NSpid:\t\d+\t1$", status, re.M), status
        assert '"temp_c"' in container.get("/weather?city=London")
        assert container.health("--ready") == 0
        os.kill(first, signal.SIGTERM)
        assert container.process.wait(20) == 0, "it did not stop with exit status 0"
        assert container.health() == 1, "somebody else is healthy"
    finally:
        if container.process.poll() is None:
            container.process.kill()
            container.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=pathlib.Path, help="a bare system of the Dockerfile's suite")
    parser.add_argument("--keep", type=pathlib.Path, help="make the stages here, and keep them")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("this takes root: it makes chroots")
    work = options.keep or pathlib.Path(tempfile.mkdtemp(prefix="dockerfile-"))
    work.mkdir(parents=True, exist_ok=True)
    work.chmod(0o755)
    build = Build(options.base, work)
    try:
        for word, rest in parse((ROOT / "Dockerfile").read_text()):
            build.step(word, rest)
        check(build.stage)
    finally:
        build.unmount()
        if not options.keep:
            shutil.rmtree(work, ignore_errors=True)
    print("== the Dockerfile's steps, its health check and its end are as they should be")


if __name__ == "__main__":
    main()
