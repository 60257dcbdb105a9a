# SPDX-License-Identifier: MIT
"""What can be said of the Dockerfile without running it; make docker-check runs its steps."""

import re
import subprocess

import pytest

import dockerfile_check as docker
from capricorn import BINARY, ROOT

STEPS = list(docker.parse((ROOT / "Dockerfile").read_text()))
RULES = [line for line in (ROOT / ".dockerignore").read_text().splitlines()
         if line and not line.startswith("#")]


def rest_of(word):
    return [rest for found, rest in STEPS if found == word]


def test_the_check_knows_every_instruction():
    for word, _ in STEPS:
        assert hasattr(docker.Build, f"do_{word.lower()}"), word


def test_the_image_is_not_root_and_starts_without_a_shell():
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", rest_of("USER")[-1])
    assert docker.exec_form(rest_of("ENTRYPOINT")[-1]) == ["capricorn"]
    assert docker.exec_form(rest_of("CMD")[-1]) == ["run"]


def test_health_check_and_command_are_commands_of_the_server():
    health = docker.exec_form(rest_of("HEALTHCHECK")[-1].split(" CMD ", 1)[1])
    for command in (health[1:], docker.exec_form(rest_of("CMD")[-1])):
        told = subprocess.run([str(BINARY), *command, "--help"], capture_output=True, text=True)
        assert told.returncode == 0 and told.stdout.startswith("Usage: capricorn")


def test_the_environment_names_options():
    told = subprocess.run([str(BINARY), "run", "--help"], capture_output=True, text=True).stdout
    for pair in rest_of("ENV")[-1].split():
        assert f"; {pair.split('=')[0]}]" in told


def test_the_plugin_directory_is_the_volume():
    assert f"CAPRICORN_PLUGIN_DIR={rest_of('VOLUME')[-1]}" in rest_of("ENV")[-1]


@pytest.mark.parametrize("path, ignored", [
    ("server/cli/main.c", False), ("Makefile", False), (".ci/deps", False), ("sdk/csgi.pc.in", False),
    ("plugins/weather/weather.c", False), ("build/capricorn", True), (".git/config", True),
    ("tests/unit/app/fixture.h", True), (".ci/run", True), ("README.md", True),
    ("docs/routes.schema.json", False)])
def test_the_context_is_what_building_takes_and_no_more(path, ignored):
    assert docker.is_ignored(path, RULES) == ignored


def test_lines_that_go_on_are_one_step():
    assert list(docker.parse("# x\nRUN a \\\n && b\n\nCMD [\"c\"]")) == [("RUN", "a   && b"),
                                                                   ("CMD", '["c"]')]
    with pytest.raises(ValueError):
        docker.exec_form("capricorn run")
