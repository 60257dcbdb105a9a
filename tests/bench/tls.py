# SPDX-License-Identifier: MIT
"""The upstream that is asked over https: nginx on the load's processor, with a certificate that is
made for it and that its peers trust."""

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from peers import HERE, need
from processes import LOAD_CPU, Started, free_port


def make_certificate(folder):
    """cert.pem, which vouches for itself, and key.pem."""
    program = need("openssl", "openssl")
    subprocess.run([program, "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, capture_output=True)
    (folder / "cert.pem").chmod(0o644)
    return folder / "cert.pem"


class HttpsUpstream(Started):
    """It serves until the end of the with statement; peers have to trust the certificate."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="capricorn-https-"))
        self.folder.chmod(0o755)
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        self.certificate = make_certificate(self.folder)
        text = (HERE / "https_upstream.conf").read_text()
        text = text.replace("@FOLDER@", str(self.folder)).replace("@PORT@", str(self.port))
        (self.folder / "nginx.conf").write_text(text)
        super().__init__([need("nginx-light", "nginx"), "-c", self.folder / "nginx.conf", "-e",
                          "stderr"], LOAD_CPU)
        self._wait_until_it_listens()

    def _wait_until_it_listens(self):
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                if time.monotonic() > end:
                    self.stop()
                    raise
                time.sleep(0.02)

    def stop(self):
        super().stop()
        shutil.rmtree(self.folder, ignore_errors=True)
