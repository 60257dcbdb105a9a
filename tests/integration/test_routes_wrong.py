# SPDX-License-Identifier: MIT
"""Wrong routes files: capricorn check says of each routes_wrong/NAME.json exactly what NAME.txt says."""

import shutil
import subprocess

import pytest

from capricorn import BINARY, ROOT, own_environment, plugin, seconds

WRONG = sorted((ROOT / "tests" / "integration" / "routes_wrong").glob("*.json"))
PLUGINS = ("weather", "weather_api", "hello", "timing", "mirror")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the files name: ./plugins, and a file that is none."""
    folder = tmp_path_factory.mktemp("routes")
    (folder / "plugins").mkdir(mode=0o755)
    for name in PLUGINS:
        shutil.copy(plugin(name), folder / "plugins" / f"{name}.so")
    (folder / "others").mkdir(mode=0o755)
    (folder / "others" / "broken.so").write_text("This is no library.\n")
    return folder


def run(folder, *arguments):
    result = subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True, text=True,
                            timeout=seconds(30), cwd=folder, env=own_environment())
    return result.returncode, result.stdout, result.stderr.replace(f"{folder}/", "FOLDER/")


def test_there_are_at_least_forty():
    assert len(WRONG) >= 40 and all(path.with_suffix(".txt").exists() for path in WRONG)


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_what_is_said_of_a_wrong_file(folder, path):
    shutil.copy(path, folder / path.name)
    status, said, complaint = run(folder, "check", path.name)
    assert complaint == path.with_suffix(".txt").read_text()
    assert (status, said) == (1, "")


@pytest.mark.parametrize("words, status", [(["run"], 3), (["run", "--check"], 3), (["routes"], 1),
                                           (["call", "GET /"], 1)])
def test_every_command_that_loads_tells_mistakes_of_both_kinds(folder, words, status):
    source = next(path for path in WRONG if path.stem == "mixed-texts-and-names")
    shutil.copy(source, folder / source.name)
    assert run(folder, *words, source.name) == (status, "", source.with_suffix(".txt").read_text())
