# SPDX-License-Identifier: MIT
"""A PostgreSQL for tests and benchmarks: started afresh, as a user of its own, on a Unix socket."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def other_user():
    """PostgreSQL does not run as root."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Postgres:
    """It serves until the end of the with statement; directory is that of its socket."""

    def __init__(self, wrapper=()):
        self.directory = Path(tempfile.mkdtemp(prefix="pg-"))
        self.conninfo = f"host={self.directory} user=tester dbname=postgres"
        self.process = None
        try:
            self._start(PROGRAMS[-1].parent, other_user(), wrapper)
        except BaseException:
            self.stop()
            raise

    def _start(self, programs, user, wrapper):
        if user:
            os.chown(self.directory, user["user"], user["group"])
        self.directory.chmod(0o755)
        subprocess.run([programs / "initdb", "-D", self.directory / "data", "-A", "trust", "-U",
                        "tester", "--no-sync", "--no-locale", "-E", "UTF8"],
                       check=True, stdout=subprocess.DEVNULL, cwd=self.directory, **user)
        log = self.directory / "log"
        with open(log, "w", encoding="utf-8") as told:
            self.process = subprocess.Popen(
                [*wrapper, programs / "postgres", "-D", self.directory / "data", "-k",
                 self.directory, "-F", "-c", "listen_addresses=", "-c", "shared_buffers=16MB",
                 "-c", "max_connections=50"],
                stdout=told, stderr=told, cwd=self.directory, **user)
        deadline = time.monotonic() + 60
        while subprocess.run([programs / "pg_isready", "-q", "-h", self.directory],
                             check=False).returncode:
            assert self.process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(30)
        shutil.rmtree(self.directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
