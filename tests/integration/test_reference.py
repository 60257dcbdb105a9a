# SPDX-License-Identifier: MIT
"""The manual page and the help, as their readers' programs see them."""

import re
import shutil
import subprocess

import pytest

from capricorn import BINARY, ROOT, own_environment, seconds

MAN = ROOT / "docs" / "man" / "capricorn.1"
TOO_LATE_FOR_THE_FILE = {"--env-file", "--routes"}


def run(*command, **more):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=seconds(30), env={**own_environment(), **more})


def needs(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


def commands():
    return re.findall(r"^  ([a-z]+) ", run(BINARY, "--help").stdout, re.MULTILINE)


def options():
    """Those of the table; run's own stand before them."""
    table = run(BINARY, "run", "--help").stdout.split("\nListening:\n")[1]
    return set(re.findall(r"^  (--[a-z-]+)", table, re.MULTILINE))


def page():
    """The manual page as text, without overstriking."""
    needs("groff")
    result = run("groff", "-ww", "-man", "-Tascii", "-P-c", MAN)
    assert result.returncode == 0 and result.stderr == "", "groff complains"
    return re.sub(".\b", "", result.stdout)


def test_the_manual_page_has_every_command_and_option():
    text = page()
    for command in commands():
        assert f"capricorn {command}" in text
    assert len(options()) > 40
    for option in options():
        assert re.search(rf"^       {option}\b", text, re.MULTILINE), option


def test_a_stricter_reader_finds_nothing_wrong_with_the_manual_page():
    needs("mandoc")
    assert run("mandoc", "-Tlint", MAN).stdout == ""


def test_man_shows_the_page():
    needs("man")
    result = run("man", "-l", MAN, MANPAGER="cat", MANWIDTH="80")
    if "has been minimized" in result.stdout:
        pytest.skip("this system has no manual pages")
    assert result.returncode == 0 and "capricorn - serve C applications" in result.stdout


def test_the_reference_has_every_option_with_its_variable_and_key():
    text = (ROOT / "docs" / "options.md").read_text()
    for option in options():
        name = option[2:]
        assert f"### `{option}" in text
        entry = text.split(f"### `{option}", 1)[1].split("###", 1)[0]
        where = "not" if option in TOO_LATE_FOR_THE_FILE else f'`"{name.replace("-", "_")}"`'
        assert f"`CAPRICORN_{name.upper().replace('-', '_')}`; {where} in the routes file" in entry


def test_every_help_fits_a_hundred_columns():
    for command in commands():
        text = run(BINARY, command, "--help").stdout
        assert text.startswith(f"Usage: capricorn {command}")
        assert max(len(line) for line in text.splitlines()) <= 100


def test_each_form_of_a_command_stands_once_in_synopsis_and_help():
    forms = {"FILE.so ...", "ROUTES.json [FILE.so ...]"}
    synopsis = page().split("\nSYNOPSIS\n")[1].split("\nDESCRIPTION\n")[0]
    usage = run(BINARY, "check", "--help").stdout.split("\n\n")[0].removeprefix("Usage:")
    for text in (synopsis, usage):
        lines = [line.strip() for line in text.splitlines()]
        own = [line for line in lines if line.startswith("capricorn check")]
        assert sorted(own) == sorted(f"capricorn check [OPTION ...] {form}" for form in forms)
