# SPDX-License-Identifier: MIT
"""An upstream that is asked over https, and certificates that are made as the test runs."""

import os
import socket
import ssl
import subprocess
import threading

from upstream import Upstream

CA_CONFIG = """
[ca]
default_ca = all
[all]
new_certs_dir = {folder}
database = {folder}/index
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = usual
[any]
commonName = supplied
[usual]
subjectAltName = DNS:localhost,IP:127.0.0.1
"""


class Certificates:
    """ca (whom a test trusts), other_ca; by ca: server, expired, wrong_name, client; by other_ca:
    unknown; and self_signed. Each is NAME.pem and NAME.key in the folder."""

    def __init__(self, folder):
        self.folder = folder
        for ca in ("ca", "other_ca"):
            self._make(ca, "-addext", "basicConstraints=critical,CA:TRUE")
        self._make("server", names="DNS:localhost,IP:127.0.0.1", by="ca")
        self._make("wrong_name", names="DNS:elsewhere.test", by="ca")
        self._make("client", names="DNS:client.test", by="ca")
        self._make("unknown", names="DNS:localhost,IP:127.0.0.1", by="other_ca")
        self._make("self_signed", names="DNS:localhost,IP:127.0.0.1")
        self._make_expired()

    def path(self, name, kind="pem"):
        return str(self.folder / f"{name}.{kind}")

    def _run(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    def _key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", self.path(name, "key"), "-subj", f"/CN={name}"]

    def _make(self, name, *more, names=None, by=None):
        arguments = ["req", "-x509", "-days", "2", *self._key(name), "-out", self.path(name), *more]
        if names:
            arguments += ["-addext", f"subjectAltName={names}"]
        if by:
            arguments += ["-CA", self.path(by), "-CAkey", self.path(by, "key")]
        self._run(*arguments)

    def _make_expired(self):
        """Only "openssl ca" makes one for the past."""
        (self.folder / "index").touch()
        (self.folder / "ca.cnf").write_text(CA_CONFIG.format(folder=self.folder))
        self._run("req", "-new", *self._key("expired"), "-out", self.path("expired", "csr"))
        self._run("ca", "-batch", "-config", self.path("ca", "cnf"), "-cert", self.path("ca"),
                  "-keyfile", self.path("ca", "key"), "-in", self.path("expired", "csr"),
                  "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-notext",
                  "-out", self.path("expired"))

    def context(self, name, wants_client=False):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.path(name), self.path(name, "key"))
        made.set_alpn_protocols(["http/1.1"])
        if wants_client:
            made.verify_mode = ssl.CERT_REQUIRED
            made.load_verify_locations(self.path("ca"))
        return made


class TlsUpstream(Upstream):
    """As Upstream, over TLS. resumed: of each connection, whether it went on with the session of an
    earlier one."""

    def __init__(self, respond, context):
        self.context, self.resumed = context, []
        super().__init__(respond)
        self.url = f"https://localhost:{self.port}"

    def _serve(self, connection):
        connection = self.context.wrap_socket(connection, server_side=True,
                                              do_handshake_on_connect=False)
        try:
            connection.do_handshake()
        except OSError:
            self._let_go(connection)
            return
        self.resumed.append(connection.session_reused)
        super()._serve(connection)


    @staticmethod
    def _let_go(connection):
        """With a reset the other side might not read the alert before it."""
        with connection:
            connection.settimeout(5)
            try:
                while os.read(connection.fileno(), 65536):
                    pass
            except OSError:
                pass


class SilentUpstream:
    """Accepts connections, and says no more than reply, once something has come; ended is how many
    of them the other side has closed."""

    def __init__(self, reply=b""):
        self.reply = reply
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.accepted, self.ended = 0, 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._wait, args=(connection,), daemon=True).start()

    def _wait(self, connection):
        with connection:
            try:
                while connection.recv(65536):
                    connection.sendall(self.reply)
            except OSError:
                pass
        self.ended += 1
