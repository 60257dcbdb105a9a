# SPDX-License-Identifier: MIT
"""Plugins built from the headers that were kept of each release, on today's server: applications,
a middleware around an application of a later minor, and that later minor itself."""

import re
import shutil

import pytest

import abi
import capricorn

FROZEN = abi.HERE / "frozen"
RELEASES = sorted(path.name for path in FROZEN.iterdir() if path.is_dir())


def number(name, include=abi.INCLUDE):
    return int(re.search(rf"#define CSGI_ABI_{name} +(\d+)u",
                         (include / "csgi" / "types.h").read_text()).group(1))


# ---- the copies ----


def code(path):
    return " ".join(abi.without_comments(path.read_text()).split())


def test_the_headers_of_a_minor_do_not_change():
    release = f"{number('MAJOR')}.{number('MINOR')}"
    kept = FROZEN / release / "include" / "csgi"
    assert kept.exists(), f"no headers are kept of {release}: run tests/abi/freeze"
    remedy = ("it is declared: raise CSGI_ABI_MINOR, and run tests/abi/freeze"
              if (FROZEN / release / "DECLARED").exists() else
              "it is not declared yet: add a line to the change log in types.h, and run "
              "tests/abi/freeze")
    for name in abi.CORE:
        assert code(abi.INCLUDE / "csgi" / name) == code(kept / name), (
            f"{name} differs from what is kept of {release}, whose number it has; {remedy}")


def test_every_core_header_is_kept():
    now = {path.name for path in (abi.INCLUDE / "csgi").glob("*.h")} - {"web.h"}
    assert now == set(abi.CORE)
    for release in RELEASES:
        kept = {path.name for path in (FROZEN / release / "include" / "csgi").iterdir()}
        assert kept <= now, "a header of a release is gone"


# ---- the plugins ----


def serve(folder, plugins, configs=None):
    """A server with those plugin files."""
    server = capricorn.Server(start=False, configs=configs)
    for path in plugins:
        shutil.copy(path, server.plugin_dir)
    return server.start()


def frozen(release, name, folder):
    """A plugin of a release; two releases' are served side by side under their own names."""
    return abi.compile_plugin(FROZEN / release / f"{name}.c", folder / f"frozen_{name}.so",
                              FROZEN / release / "include")


GROWN = [
    ("scope.h", r"(const csgi_tls \*tls;)", r"\1 uint64_t late_scope;"),
    ("host.h", r"(int32_t \(\*is_draining\)\([^;]*;)", r"\1 void (*late_host)(void);"),
    ("plugin.h", r"(const void \*\(\*extension\)\([^;]*;)", r"\1 const void *late_plugin;"),
    ("event.h", r"(\} csgi_http_start;)", r"uint64_t late_start; \1"),
    ("event.h", r"(\} csgi_http_body;)", r"uint64_t late_body; \1"),
    ("types.h", r"#define CSGI_ABI_MINOR +\d+u", "#define CSGI_ABI_MINOR 7u"),
]


def newer(folder):
    """The plugin of a later minor, and the headers it is built from."""
    include = folder / "later"
    shutil.copytree(abi.INCLUDE, include)
    for header, before, after in GROWN:
        path = include / "csgi" / header
        text = path.read_text()
        assert len(re.findall(before, text)) == 1, f"{header} no longer has {before}"
        path.write_text(re.sub(before, after, text))
    return abi.compile_plugin(abi.HERE / "newer.c", folder / "newer.so", include)


def lines(response):
    return dict(line.split("=", 1) for line in response.text.splitlines())


@pytest.mark.parametrize("release", RELEASES)
class TestApplication:
    @pytest.fixture
    def server(self, release, tmp_path):
        with serve(tmp_path, [frozen(release, "app", tmp_path)],
                   {"frozen_app": '{"a":1}'}) as server:
            yield server
            server.stop()
            assert any("1.0 destroyed" in line for line in server.log())

    def test_it_is_given_the_scope_as_promised(self, server):
        response = server.get("/v1/scope/-7/a%20b/c?x=%20y")
        assert response.status == 200
        assert lines(response) == {
            "method": "GET", "path": "/v1/scope/-7/a b/c", "raw": "/v1/scope/-7/a%20b/c",
            "query": "x=%20y", "id": "-7", "rest": "a b/c",
            "route": "/v1/scope/{id:int}/{rest:path}", "app": "frozen_app", "endpoint": "scope",
            "version": "1.1", "scheme": "http", "locals": "0", "has": "1"}

    def test_it_streams_bodies(self, server):
        body = bytes(range(256)) * 1000
        assert server.request("POST", "/v1/echo", body=body).body == body
        assert server.request("PUT", "/v1/echo").body == b""

    def test_each_function_of_the_host_works(self, server):
        first = lines(server.get("/v1/host"))
        assert first == {
            "major": "1", "app": "frozen_app", "workers": "0 of 1", "generation": "1",
            "plugin_dir": "1", "server_url": server.url, "extension": "0", "fail": "1",
            "last_error": "as an example", "alloc": "1", "arena": "1", "copy_event": "1",
            "derive": "1", "now": "1", "deadline": "1", "draining": "0", "defer": "1",
            "post": "1", "greeting": '{"a":1}', "started": "1", "deferred": "0", "posted": "0"}
        second = lines(server.get("/v1/host"))
        assert (second["deferred"], second["posted"]) == ("1", "1")
        server.wait_for_log("frozen_app.*a line of the log")

    def test_its_failure_is_a_500_with_its_reason_in_the_log(self, server):
        assert server.get("/v1/fails").status == 500
        server.wait_for_log("frozen_app.*fails.*as 1.0 fails")


def test_a_plugin_of_a_later_minor_runs_on_this_server(tmp_path):
    with serve(tmp_path, [newer(tmp_path)]) as server:
        server.wait_for_log(r"Loaded newer 7\.0\.0 .*CSGI 1\.7")
        for path in ("/newer/first", "/newer/second"):
            response = server.get(path)
            assert response.status == 201
            text = response.text
            assert "host has late field: 0\nscope has late field: 0\n" in text
            assert re.search(r"unknown event: -[13]\n", text), text


@pytest.mark.parametrize("release", RELEASES)
def test_an_old_middleware_goes_around_a_newer_application(release, tmp_path):
    plugins = [frozen(release, "app", tmp_path), frozen(release, "wrap", tmp_path),
               newer(tmp_path)]
    with serve(tmp_path, plugins) as server:
        for path in ("/newer/first", "/newer/second"):
            response = server.get(path)
            assert response.status == 201
            assert response.get("x-wrapped") == "by 1.0"
            assert response.get("content-type") == "text/plain"
            assert "locals: 1\n" in response.text
            assert re.search(r"unknown event: -[13]\n", response.text), response.text
        assert lines(server.get("/v1/scope/1/x"))["locals"] == "1"
        assert server.request("POST", "/v1/echo", body=b"abc").body == b"abc"


def test_a_plugin_that_needs_the_later_minor_is_refused(tmp_path):
    newer(tmp_path)
    needing = abi.compile_plugin(abi.HERE / "newer.c", tmp_path / "needing.so", tmp_path / "later",
                                 ["-DCSGI_ABI_MINOR_REQUIRED=7u"])
    result = abi.run(abi.SERVER, "check", "--insecure-plugins", needing, check=False)
    assert result.returncode == 1
    assert (f"needing.so: needs CSGI 1.7 or later, this server has 1.{number('MINOR')}"
            in result.stdout + result.stderr)
