# SPDX-License-Identifier: MIT
"""Bad plugins, one fault each: what `capricorn check` and `capricorn run` say of each. None of them
may take `check` down, and each sentence names the file, what was found and what to do."""

import re
import shutil

import pytest

import abi
from capricorn import sanitized, seconds


def compiled(name, folder, *flags):
    return abi.compile_plugin(abi.HERE / "bad" / f"{name}.c", folder / f"{name}.so", flags=flags)


# ---- faults of the file itself ----


def text_file(folder):
    path = folder / "text.so"
    path.write_text("#!/bin/sh\necho this is no plugin\n")
    return path


def empty_file(folder):
    path = folder / "empty.so"
    path.write_bytes(b"")
    return path


def truncated(folder):
    whole = compiled("good", folder)
    path = folder / "truncated.so"
    path.write_bytes(whole.read_bytes()[:whole.stat().st_size * 2 // 3])
    return path


def other_machine(folder):
    """e_machine is the half word at 18 (System V ABI); 0x1234 is nobody's."""
    content = bytearray(compiled("good", folder).read_bytes())
    content[18:20] = b"\x12\x12"
    path = folder / "machine.so"
    path.write_bytes(content)
    return path


def other_class(folder):
    content = bytearray(compiled("good", folder).read_bytes())
    content[4] = 3 - content[4]
    path = folder / "class.so"
    path.write_bytes(content)
    return path


def object_file(folder):
    path = folder / "object.so"
    abi.run("gcc", "-c", "-fPIC", f"-I{abi.INCLUDE}", "-o", path, abi.HERE / "bad" / "good.c")
    return path


def missing(folder):
    return folder / "missing.so"


def source(name):
    return lambda folder: compiled(name, folder)


def said_of(path, pattern):
    """The file as it was given, a colon, then the pattern."""
    return rf"{re.escape(str(path))}: {pattern}"


# kind: (how to make the file, what is said of it after its name)
LOADER_FAULTS = {
    "missing": (missing, r"cannot be opened: No such file or directory"),
    "not ELF": (text_file, r"is not an ELF file, expected a shared object \(\.so\)"),
    "empty": (empty_file, r"is empty, expected a shared object"),
    "truncated": (truncated, r"is cut short: it has \d+ bytes, its headers speak of at least \d+; "
                             r"copy or build it again"),
    "wrong machine": (other_machine, r"is for another machine \(ELF machine 4626\), this server is "
                                     r"for \S+: compile it for this machine"),
    "wrong word size": (other_class, r"is a \d\d-bit file, this server is \d\d-bit: compile it"),
    "object file": (object_file, r"is an object file \(\.o\), expected a shared object: link it"),
    "no query symbol": (source("no_query"), r"exports no csgi_plugin_query, so it is no CSGI plugin: "
                                            r"end its source with CSGI_WEB_PLUGIN\(\.\.\.\) or "
                                            r"CSGI_PLUGIN\(plugin\)"),
    "NULL descriptor": (source("null_descriptor"),
                        r"csgi_plugin_query\(1\) returned no descriptor: the plugin has none for "
                        r"CSGI 1; build it against csgi\.h 1\.\d+, or use a server of its own major"),
    "bad magic": (source("bad_magic"), r"its descriptor has the magic word 0x21212121, expected "
                                       r"0x49475343 \(\"CSGI\"\): begin the descriptor with "
                                       r"CSGI_PLUGIN_HEAD"),
    "major mismatch": (source("other_major"), r"is for CSGI 2\.3, this server has 1\.\d+: use a "
                                              r"server for CSGI 2, or build the plugin against "
                                              r"csgi\.h 1\.\d+"),
    "minor too new": (source("minor_too_new"), r"needs CSGI 1\.7 or later, this server has 1\.\d+: "
                                               r"use a newer server, or build the plugin against "
                                               r"csgi\.h 1\.\d+"),
    "unknown flag of the plugin": (source("plugin_flag"),
                                   r"sets the plugin flags 0x80000000, which a server must "
                                   r"understand and this one \(CSGI 1\.\d+\) does not: use a newer "
                                   r"server"),
    "unknown flag of an endpoint": (source("endpoint_flag"),
                                    r"endpoint \"one\" sets the flags 0x80000000, which a server "
                                    r"must understand"),
    "unresolved symbol": (source("unresolved"),
                          r"needs the symbol \"frobnicate\", which neither it nor its libraries "
                          r"define: link what defines it into the plugin"),
    "endpoint without a function": (source("no_function"),
                                    r"endpoint \"one\" has neither call nor around, expected "
                                    r"exactly one of them"),
    "endpoint with both functions": (source("both_functions"),
                                     r"endpoint \"one\" has both call and around, expected exactly "
                                     r"one of them"),
}

# These run code of the plugin: (source, the words of check, the words of run).
CODE_FAULTS = {
    "create fails": ("create_fails", r"create_fails\.so.*: .*the reactor is too warm",
                     r"create_fails\.so.*: .*the reactor is too warm"),
    "create ends the process": ("create_exits",
                                r"create_exits\.so: ended the process in create \(exit status 7\)",
                                None),
    "crashes in create": ("crash_in_create", r"crash_in_create\.so: crashed in create "
                                             r"\(Segmentation fault\)",
                          r"(?i)crash.*\bbad\b.*create|create.*\bbad\b"),
    "crashes in query": ("crash_in_query", r"crash_in_query\.so: crashed in csgi_plugin_query "
                                           r"\(Aborted\)",
                         r"(?i)crash_in_query\.so.*csgi_plugin_query|csgi_plugin_query.*"
                         r"crash_in_query\.so"),
    "crashes on load": ("crash_on_load", r"crash_on_load\.so: crashed in dlopen \(Aborted\)",
                        r"(?i)crash_on_load\.so.*dlopen|dlopen.*crash_on_load\.so"),
    "start-up fails": ("startup_fails", None, r"start-up failed: the database is asleep"),
    "start-up hangs": ("startup_hangs", None, r"bad: start-up did not finish within 300 ms"),
}


def check(server, *files):
    return abi.run(server, "check", "--insecure-plugins", *files, check=False,
                   timeout=seconds(60))


def serve(server, folder, *files):
    """Runs the server on these files alone until it ends by itself."""
    plugins = folder / "served"
    plugins.mkdir()
    for file in files:
        shutil.copy(file, plugins)
    return abi.run(server, "run", "--port", "0", "--insecure-plugins", "--plugin-dir", plugins,
                   "--timeout-startup", "300ms", check=False, timeout=seconds(60))


def output(result):
    return result.stdout + result.stderr


def test_a_good_plugin_passes_and_says_what_it_is(server, tmp_path):
    result = check(server, compiled("good", tmp_path))
    assert result.returncode == 0, output(result)
    assert re.search(r"good\.so: would load: bad 1\.0\.0, CSGI 1\.\d+", output(result))


@pytest.mark.parametrize("kind", LOADER_FAULTS)
def test_check_says_what_is_wrong_with_a_file(server, kind, tmp_path):
    make, expected = LOADER_FAULTS[kind]
    file = make(tmp_path)
    result = check(server, file)
    assert result.returncode == 1, output(result)
    assert re.search(said_of(file, expected), output(result)), output(result)


@pytest.mark.parametrize("kind", [kind for kind in LOADER_FAULTS if kind != "missing"])
def test_run_refuses_to_start_with_the_same_words(server, kind, tmp_path):
    make, expected = LOADER_FAULTS[kind]
    file = make(tmp_path)
    result = serve(server, tmp_path, file)
    assert result.returncode == 3, output(result)
    assert re.search(said_of(tmp_path / "served" / file.name, expected), output(result)), \
        output(result)


@pytest.mark.parametrize("kind", [kind for kind, fault in CODE_FAULTS.items() if fault[1]])
def test_check_survives_what_a_plugins_code_does(server, kind, tmp_path):
    name, expected, _ = CODE_FAULTS[kind]
    if sanitized() and "crash" in name:
        pytest.skip("a sanitizer reports crashes itself")
    file = compiled(name, tmp_path)
    result = check(server, file)
    assert result.returncode == 1, output(result)
    assert re.search(expected, output(result)), output(result)


def test_check_goes_on_to_the_next_file_after_a_crash(server, tmp_path):
    result = check(server, compiled("crash_in_create", tmp_path), compiled("good", tmp_path))
    assert result.returncode == 1
    assert re.search(r"good\.so: would load", output(result)), output(result)


def test_check_gives_a_plugin_that_hangs_a_limited_time(server, tmp_path):
    result = check(server, compiled("create_hangs", tmp_path))
    assert result.returncode == 1
    assert re.search(r"create_hangs\.so: create did not return within \d+ s", output(result)), \
        output(result)


@pytest.mark.parametrize("kind", [kind for kind, fault in CODE_FAULTS.items() if fault[2]])
def test_run_names_the_plugin_whose_code_fails(server, kind, tmp_path):
    name, _, expected = CODE_FAULTS[kind]
    if sanitized() and "crash" in name:
        pytest.skip("a sanitizer reports crashes itself")
    result = serve(server, tmp_path, compiled(name, tmp_path))
    assert result.returncode == (3 if "crash" not in name else result.returncode), output(result)
    assert result.returncode != 0, output(result)
    assert re.search(expected, output(result)), output(result)


def test_run_refuses_two_plugins_of_one_name_and_names_both_files(server, tmp_path):
    good = compiled("good", tmp_path)
    twin = tmp_path / "twin.so"
    shutil.copy(good, twin)
    result = serve(server, tmp_path, good, twin)
    assert result.returncode == 3, output(result)
    line = next((line for line in output(result).splitlines()
                 if "good.so" in line and "twin.so" in line and "ERROR" in line), None)
    assert line and re.search(r"\bbad\b", line), output(result)


def test_run_tells_every_bad_file_at_once(server, tmp_path):
    result = serve(server, tmp_path, text_file(tmp_path), compiled("bad_magic", tmp_path))
    assert result.returncode == 3
    assert "text.so: is not an ELF file" in output(result)
    assert "bad_magic.so: its descriptor has the magic word" in output(result)


WARNINGS = {
    "extra symbols": (["-fvisibility=default"], "int helper_of_mine(void) { return 0; }",
                      r"exports other symbols as well: helper_of_mine"),
    "unique symbols": ([], '__asm__(".data\\n.globl mine\\n.type mine, %gnu_unique_object\\n'
                           'mine: .quad 1\\n.size mine, 8\\n.text\\n");',
                       r"has unique symbols \(STB_GNU_UNIQUE\): mine"),
    "$ORIGIN": (["-Wl,-rpath,$ORIGIN/lib"], "", r"looks for libraries in \$ORIGIN"),
    "static TLS": (["-ftls-model=initial-exec"],
                   "static __thread int mine; int *where(void); int *where(void) { return &mine; }",
                   r"uses static thread-local storage"),
    "text relocations": (["-Wl,-z,notext"], '__asm__(".text\\n.balign 8\\n.quad '
                                            'csgi_plugin_query\\n");',
                         r"has text relocations"),
}


@pytest.mark.parametrize("kind", WARNINGS)
def test_check_warns_of_what_loads_but_will_hurt(server, kind, tmp_path):
    flags, text, expected = WARNINGS[kind]
    spoiled = tmp_path / "spoiled.c"
    spoiled.write_text(f'#include "{abi.HERE}/bad/good.c"\n{text}\n')
    file = abi.compile_plugin(spoiled, tmp_path / "spoiled.so", flags=flags)
    result = check(server, file)
    assert result.returncode == 0, output(result)
    assert re.search(rf"spoiled\.so: warning: {expected}", output(result)), output(result)
