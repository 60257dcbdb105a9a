# SPDX-License-Identifier: MIT
"""capricorn completion: the shells really complete by its scripts."""

import re
import shutil
import subprocess

import pytest

from capricorn import BINARY, own_environment, seconds


def script(shell):
    result = subprocess.run([BINARY, "completion", shell], capture_output=True, text=True,
                            timeout=seconds(10), env=own_environment())
    assert result.returncode == 0 and result.stderr == ""
    return result.stdout


def run_shell(shell, text, cwd, *options):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    result = subprocess.run([shell, *options, "-c", text], capture_output=True, text=True, cwd=cwd,
                            timeout=seconds(20))
    assert result.returncode == 0 and result.stderr == "", result.stderr
    return result.stdout


def commands():
    text = subprocess.run([BINARY, "--help"], capture_output=True, text=True,
                          timeout=seconds(10)).stdout
    return re.findall(r"^  ([a-z]+) ", text, re.MULTILINE)


def options_of(command):
    text = subprocess.run([BINARY, command, "--help"], capture_output=True, text=True,
                          timeout=seconds(10), env=own_environment()).stdout
    both = re.findall(r"^  (-[-a-zA-Z]+)(?: / (--[-a-z]+))?", text, re.MULTILINE)
    return {"--help", *(name for pair in both for name in pair if name)}


@pytest.fixture
def folder(tmp_path):
    for name in ("one.so", "two words.so", "routes.json", "notes.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "plugins").mkdir()
    return tmp_path


def complete_in_bash(folder, *words):
    """What bash offers for the last word; "=" is a word of its own, as bash has it."""
    quoted = " ".join(f"'{word}'" for word in ("capricorn", *words))
    text = (f"{script('bash')}\nCOMP_WORDS=({quoted})\nCOMP_CWORD={len(words)}\n_capricorn\n"
            'for reply in "${COMPREPLY[@]}"; do echo "$reply"; done\n')
    return set(run_shell("bash", text, folder, "--noprofile", "--norc").splitlines())


@pytest.mark.parametrize("words, offered", [
    (("",), {*commands(), "--help", "--version"}),
    (("ch",), {"check"}),
    (("run", "--log-l"), {"--log-level"}),
    (("run", "--no-a"), {"--no-access-log"}),
    (("run", "--log-level", "e"), {"error"}),
    (("run", "--log-level", ""), {"debug", "info", "warning", "error", "critical"}),
    (("run", "--log-format", "=", "j"), {"json"}),
    (("run", "--log-format", "="), {"text", "json"}),
    (("run", "--plugin-dir", ""), {"plugins"}),
    (("run", "--env-file", "n"), {"notes.txt"}),
    (("run", "--port", ""), set()),
    (("run", "--port", "1", ""), {"one.so", "two words.so", "routes.json", "plugins"}),
    (("check", "tw"), {"two words.so"}),
    (("check", "--po"), set()),
    (("call", "--pl"), {"--plugin-dir"}),
    (("health", "--re"), {"--ready"}),
    (("new", ""), set()),
    (("completion", ""), {"bash", "zsh", "fish"}),
])
def test_bash_completes(folder, words, offered):
    assert complete_in_bash(folder, *words) == offered


def test_bash_offers_the_options_that_the_help_has(folder):
    for command in commands():
        assert complete_in_bash(folder, command, "-") == options_of(command)


def test_bash_completes_what_is_typed(folder):
    text = f"{script('bash')}\ncomplete -p capricorn\n"
    assert run_shell("bash", text, folder, "--noprofile", "--norc") == \
        "complete -F _capricorn capricorn\n"


@pytest.mark.parametrize("line, offered", [
    ("capricorn ch", {"check"}),
    ("capricorn run --log-level ", {"debug", "info", "warning", "error", "critical"}),
    ("capricorn run --no-acc", {"--no-access-log"}),
    ("capricorn run --plugin-dir ", {"plugins/"}),
    ("capricorn check --port", set()),
    ("capricorn completion ", {"bash", "zsh", "fish"}),
])
def test_fish_completes(folder, line, offered):
    text = f"{script('fish')}\ncomplete -C '{line}'\n"
    out = run_shell("fish", text, folder, "--no-config")
    assert {entry.split("\t")[0] for entry in out.splitlines()} == offered


def test_zsh_reads_the_script_and_knows_the_command(folder):
    (folder / "_capricorn").write_text(script("zsh"))
    run_shell("zsh", "zsh -n _capricorn", folder, "-f")
    out = run_shell("zsh", "autoload -U compinit; compinit -D; . ./_capricorn; "
                           "echo $_comps[capricorn]; whence -w _capricorn", folder, "-f")
    assert out == "_capricorn\n_capricorn: function\n"


def test_zsh_gets_the_options_that_the_help_has(folder):
    # The function's own list is what it hands to _arguments.
    text = script("zsh") + """
        _arguments() { printf '%s\\n' "$@" }
        words=(capricorn run --) CURRENT=3
        _capricorn
    """
    out = run_shell("zsh", f"compdef() {{ }}; {text}", folder, "-f")
    names = set(re.findall(r"^(?:\([-a-z]+\)|\*)?(--[-a-z]+)", out, re.MULTILINE))
    assert names == options_of("run")


@pytest.mark.parametrize("arguments", [(), ("tcsh",), ("bash", "zsh"), ("--port", "1")])
def test_another_shell_is_a_usage_error(arguments):
    result = subprocess.run([BINARY, "completion", *arguments], capture_output=True, text=True,
                            timeout=seconds(10), env=own_environment())
    assert result.returncode == 2 and result.stdout == ""
    assert "capricorn completion --help" in result.stderr


def test_mistakes_in_the_environment_do_not_keep_a_shell_from_starting():
    result = subprocess.run([BINARY, "completion", "bash"], capture_output=True, text=True,
                            timeout=seconds(10), env={**own_environment(), "CAPRICORN_PORT": "x"})
    assert result.returncode == 0 and result.stderr == ""
