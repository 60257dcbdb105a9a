# SPDX-License-Identifier: MIT
"""What make install installs is enough to serve, and to build plugins far from this tree, as
docs/plugins.md says; make uninstall removes exactly that."""
import json
import os
import subprocess

import pytest

from capricorn import BUILD, ROOT, sanitized, seconds

PLAIN = {"PATH": "/usr/bin:/bin"}


def make(target, *variables):
    subprocess.run(["make", "-C", ROOT, target, f"BUILD={BUILD}", *variables], check=True, env=PLAIN,
                   capture_output=True)


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=seconds(30), **options)


def files(folder):
    return sorted(os.path.relpath(os.path.join(where, name), folder)
                  for where, _, names in os.walk(folder) for name in names)


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    if sanitized():
        pytest.skip("what is installed would be sanitized")
    prefix = tmp_path_factory.mktemp("install") / "prefix"
    make("install", f"PREFIX={prefix}")
    return prefix


@pytest.mark.parametrize("folder", ["examples/hello", "plugins/weather"])
def test_a_plugin_is_built_with_pkg_config_and_would_load(folder, prefix, tmp_path):
    for source in (ROOT / folder).glob("*.[ch]"):
        (tmp_path / source.name).write_text(source.read_text())
    plugin = tmp_path / "plugin.so"
    command = f"gcc -o {plugin} *.c $(pkg-config --cflags --libs csgi)"
    subprocess.run(["sh", "-ec", command], check=True, cwd=tmp_path,
                   env={**PLAIN, "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"})
    check = run(prefix / "bin/capricorn", "check", plugin)
    assert check.returncode == 0, check.stderr
    assert "warning" not in (check.stdout + check.stderr).lower()


@pytest.mark.parametrize("kind", ["", "client", "postgres", "middleware"])
def test_a_new_plugin_is_built_and_tested_with_what_is_installed(kind, prefix, tmp_path):
    if kind == "postgres" and subprocess.run(["pkg-config", "--exists", "libpq"]).returncode:
        pytest.skip("there is no libpq-dev")
    environment = {"PATH": f"{prefix}/bin:/usr/bin:/bin",
                   "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"}
    chosen = f"--with {kind}" if kind else ""
    steps = run("sh", "-ec", f"capricorn new hello {chosen} && cd hello && make && make test",
                cwd=tmp_path, env=environment)
    assert steps.returncode == 0, steps.stdout + steps.stderr
    assert str(ROOT) not in steps.stdout


def test_the_installed_plugins_are_served_unless_there_are_some_here(prefix, tmp_path):
    ask = [prefix / "bin/capricorn", "call", "/weather?city=London"]
    answer = run(*ask, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["city"] == "London"
    (tmp_path / "plugins").mkdir()
    assert run(*ask, cwd=tmp_path).returncode == 1
    assert run(*ask, "--plugin-dir", prefix / "lib/capricorn/plugins", cwd=tmp_path).returncode == 0
    (tmp_path / "plugins").rmdir()
    environment = {**os.environ, "CAPRICORN_PLUGIN_DIR": "plugins"}
    assert "plugins" in run(*ask, cwd=tmp_path, env=environment).stderr


def test_everything_lands_below_destdir_and_names_the_prefix_alone(prefix, tmp_path):
    make("install", f"DESTDIR={tmp_path}", "PREFIX=/opt/capricorn")
    assert os.listdir(tmp_path) == ["opt"]
    assert files(tmp_path / "opt/capricorn") == files(prefix)
    pc = (tmp_path / "opt/capricorn/lib/pkgconfig/csgi.pc").read_text()
    assert "prefix=/opt/capricorn\n" in pc and str(tmp_path) not in pc


def test_uninstall_removes_what_was_installed_and_nothing_else(prefix, tmp_path):
    make("install", f"PREFIX={tmp_path}")
    assert {"bin/capricorn", "include/csgi/web.h", "lib/pkgconfig/csgi.pc", "lib/libcsgi_web.a",
            "lib/capricorn/plugins/weather.so", "share/capricorn/routes.schema.json",
            "share/man/man1/capricorn.1", "share/bash-completion/completions/capricorn",
            "share/zsh/site-functions/_capricorn",
            "share/fish/vendor_completions.d/capricorn.fish"} <= set(files(tmp_path))
    mine = tmp_path / "lib/capricorn/plugins/mine.so"
    mine.write_text("")
    make("uninstall", f"PREFIX={tmp_path}")
    assert files(tmp_path) == ["lib/capricorn/plugins/mine.so"]
    mine.unlink()
    make("uninstall", f"PREFIX={tmp_path}")  # harmless when there is nothing
    assert not (tmp_path / "lib/capricorn").exists() and not (tmp_path / "include/csgi").exists()
