# SPDX-License-Identifier: MIT
"""abidiff of two probe libraries, each using every type of the ABI: one built from the headers kept
of a release, one from today's. Mutations prove that it sees what it is there for.

abidiff's own suppression of fields at the end (has_data_member_inserted_at = end) would do too much:
in 2.2 it hides two fields that change places as well. So what was appended to a struct that may grow
is cut off a copy of the headers first, and what is left may not differ at all."""

import re
import shutil

import pytest

import abi

RELEASES = sorted(path.name for path in (abi.HERE / "frozen").iterdir() if path.is_dir())
CORE = [f"csgi/{name}" for name in abi.CORE]

pytestmark = pytest.mark.skipif(not abi.has("abidiff"),
                                reason="abidiff is not installed (abigail-tools)")


def grows(name, fields):
    """A struct that begins with its size may grow; the event head is frozen."""
    return fields[0] in ("size", "event") and name != "csgi_event"


def cut_declarations(body, late):
    """The body of a struct without the fields in late, which are its last."""
    kept = []
    for declaration in filter(str.strip, body.split(";")):
        names = abi.field_names(declaration)
        if all(name in late for name in names):
            continue
        for name in filter(late.__contains__, names):
            declaration = re.sub(rf",\s*\**{name}\b", "", declaration)
        kept.append(declaration)
    return ";".join([*kept, ""])


def cut_growth(folder, old, new):
    """A copy of the new headers without what was appended to structs that may grow."""
    include = folder / "cut"
    shutil.copytree(new, include)
    before, after = abi.structs(CORE, old), abi.structs(CORE, new)
    for header in CORE:
        text = abi.without_comments((include / header).read_text())
        for name, fields in before.items():
            late = after.get(name, [])[len(fields):]
            if not late or after[name][:len(fields)] != fields or not grows(name, fields):
                continue
            text = re.sub(rf"(struct\s+{name}\s*\{{)([^}}]*)(\}})", lambda match: match.group(1) +
                          cut_declarations(match.group(2), late) + match.group(3), text)
        (include / header).write_text(text)
    return include


def build_probe(folder, name, include):
    """A library with one exported function for each struct, which takes a pointer to it."""
    source, library = folder / f"{name}.c", folder / f"{name}.so"
    lines = ["#include <csgi/csgi.h>",
             "const csgi_plugin *csgi_plugin_query(uint32_t m) { (void)m; return NULL; }"]
    for struct in abi.structs(CORE, include):
        lines.append(f"CSGI_EXPORT void probe_{struct}(struct {struct} *p);")
        lines.append(f"void probe_{struct}(struct {struct} *p) {{ (void)p; }}")
    source.write_text("\n".join(lines) + "\n")
    abi.run("gcc", "-std=c11", "-g", "-O0", "-fPIC", "-shared", f"-I{include}", "-o", library,
            source)
    return library


def compare(folder, old, new):
    """abidiff's verdict: (does it break plugins?, its report)."""
    result = abi.run("abidiff", "--no-added-syms", build_probe(folder, "old", old),
                     build_probe(folder, "new", cut_growth(folder, old, new)), check=False)
    # 1: it failed, 2: usage; 4: a change, 8: an incompatible one.
    assert not result.returncode & 3, result.stdout + result.stderr
    return bool(result.returncode & 12), result.stdout


def frozen(release):
    return abi.HERE / "frozen" / release / "include"


def mutate(folder, header, before, after):
    """A copy of today's headers with one change."""
    include = folder / "include"
    shutil.copytree(abi.INCLUDE, include)
    path = include / "csgi" / header
    text = path.read_text()
    assert len(re.findall(before, text)) == 1, "the headers no longer have what this test changes"
    path.write_text(re.sub(before, after, text))
    return include


@pytest.mark.parametrize("release", RELEASES)
def test_plugins_of_a_release_run_on_todays_headers(release, tmp_path):
    breaks, report = compare(tmp_path, frozen(release), abi.INCLUDE)
    assert not breaks, report


def test_equal_headers_do_not_differ(tmp_path):
    breaks, report = compare(tmp_path, abi.INCLUDE, abi.INCLUDE)
    assert not breaks, report


BREAKING = {
    "two fields swapped": ("scope.h", r"client_port, server_port;", "server_port, client_port;"),
    "two functions swapped": (
        "plugin.h", r"(void \(\*destroy\)\(void \*instance\);)([^}]*?)(csgi_status \(\*lifespan\)"
        r"\([^;]*;)", r"\3\2\1"),
    "inserted in the middle": ("scope.h", r"(csgi_str method; )", r"csgi_str early; \1"),
    "inserted in the middle of the host": ("host.h", r"(uint64_t \(\*now_ns\))",
                                           r"void (*early)(void);\n    \1"),
    "a wider field": ("event.h", r"uint32_t code, reserved;", "uint64_t code, reserved;"),
    "a field that is both appended and swapped": (
        "scope.h", r"client_port, server_port;([^}]*const csgi_tls \*tls;)",
        r"server_port, client_port;\1 uint64_t late;"),
    "a field removed": ("scope.h", r"csgi_str root_path;", ""),
    "a frozen struct grown": ("types.h", r"(csgi_str name, value;\n    uint32_t flags, reserved;)",
                              r"\1 uint64_t late;"),
    "the event head grown": ("event.h", r"(uint32_t size, type;)", r"\1 uint64_t late;"),
    "an endpoint grown": ("plugin.h", r"(\(\*around\)\([^;]*;)", r"\1 void *late;"),
    "another parameter": ("host.h", r"(void \(\*log\)\([^)]*)\)", r"\1, uint32_t late)"),
}


@pytest.mark.parametrize("change", BREAKING)
def test_a_change_that_breaks_plugins_is_seen(change, tmp_path):
    breaks, report = compare(tmp_path, abi.INCLUDE, mutate(tmp_path, *BREAKING[change]))
    assert breaks, report


APPENDED = {
    "the scope": ("scope.h", r"(const csgi_tls \*tls;)", r"\1 uint64_t late;"),
    "the host": ("host.h", r"(int32_t \(\*is_draining\)\([^;]*;)", r"\1 void (*late)(void);"),
    "the plugin": ("plugin.h", r"(const void \*\(\*extension\)\([^;]*;)", r"\1 void *late;"),
    "the host, beside others": ("host.h", r"uint32_t worker, workers;([^}]*is_draining\)[^;]*;)",
                                r"uint32_t worker, workers;\1 uint32_t late, later;"),
    "an event": ("event.h", r"(csgi_fields trailers;)", r"\1 uint64_t late;"),
}


@pytest.mark.parametrize("struct", APPENDED)
def test_a_field_at_the_end_of_a_growing_struct_breaks_nothing(struct, tmp_path):
    breaks, report = compare(tmp_path, abi.INCLUDE, mutate(tmp_path, *APPENDED[struct]))
    assert not breaks, report
