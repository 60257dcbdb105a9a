# SPDX-License-Identifier: MIT
"""The layout of every public struct, and the value of every constant, against a golden file for each
architecture. After a change that is meant: make test-abi UPDATE_LAYOUT=1, and read the diff."""

import os

import pytest

import abi

GOLDEN = abi.HERE / f"layout.{abi.MACHINE}.txt"


def layout_program(structs, constants, headers):
    """A C program that prints the layout; it fails where fields leave a gap or overlap."""
    lines = ["#include <stdio.h>", "#include <string.h>"]
    lines += [f"#include <{header}>" for header in headers]
    lines += ["static size_t end; static int failed;",
              "static void field(const char *owner, const char *name, size_t at, size_t size)", "{",
              "    if (at != end) failed = fprintf(stderr, \"%s.%s is at %zu, not %zu\\n\", owner,"
              " name, at, end);",
              "    end = at + size;",
              "    printf(\"    %-22s %4zu %4zu\\n\", name, at, size);", "}",
              "int main(void)", "{"]
    for name, fields in structs.items():
        lines.append(f'    printf("{name} size %zu align %zu\\n", sizeof(struct {name}), '
                     f"_Alignof(struct {name})); end = 0;")
        lines += [f'    field("{name}", "{f}", offsetof(struct {name}, {f}), '
                  f"sizeof(((struct {name} *)0)->{f}));" for f in fields]
        lines.append(f'    field("{name}", "(end)", sizeof(struct {name}), 0);')
    lines += [f'    printf("{name} %lld\\n", (long long){name});' for name in constants]
    return "\n".join([*lines, "    return failed != 0;", "}"])


def current_layout(folder, include=abi.INCLUDE):
    headers = abi.abi_headers(include)
    source, program = folder / "layout.c", folder / "layout"
    source.write_text(layout_program(abi.structs(headers, include),
                                     abi.constants(headers, include), headers))
    abi.run("gcc", "-std=c11", "-Wall", "-Werror", f"-I{include}", "-o", program, source)
    return abi.run(program).stdout


def test_layout_and_constants_are_those_of_the_golden_file(tmp_path):
    now = current_layout(tmp_path)
    if os.environ.get("UPDATE_LAYOUT"):
        GOLDEN.write_text(now)
    if not GOLDEN.exists():
        pytest.skip(f"no golden layout for {abi.MACHINE}: make test-abi UPDATE_LAYOUT=1 makes one")
    assert now == GOLDEN.read_text(), "the ABI's layout has changed: see 'Rules' in csgi.h"


def test_the_golden_file_knows_every_struct_and_a_fair_number_of_constants(tmp_path):
    now = current_layout(tmp_path)
    for name in ("csgi_str", "csgi_field", "csgi_scope", "csgi_host", "csgi_plugin",
                 "csgi_endpoint", "csgi_event", "csgi_http_start", "csgi_websocket_close"):
        assert f"{name} size " in now
    for line in ("CSGI_EINVAL -1", "CSGI_HTTP_RESPONSE_START 385", "CSGI_ABI_MAJOR 1",
                 "CSGI_OK 0", "CSGI_BLOCKING 65536"):
        assert line in now.splitlines()


@pytest.mark.parametrize("before, after", [
    ("uint32_t size, type;\n    uint64_t features", "uint32_t type, size;\n    uint64_t features"),
    ("CSGI_LOG_DEBUG = 10", "CSGI_LOG_DEBUG = 11"),
    ("csgi_str name, value;", "csgi_str value, name;"),
])
def test_a_change_is_seen(tmp_path, before, after):
    changed = tmp_path / "include"
    abi.shutil.copytree(abi.INCLUDE, changed)
    hits = 0
    for path in changed.rglob("*.h"):
        text = path.read_text()
        hits += text.count(before)
        path.write_text(text.replace(before, after))
    assert hits == 1, "the headers no longer have what this test changes"
    assert current_layout(tmp_path, changed) != current_layout(tmp_path)


def test_a_forgotten_field_is_noticed(tmp_path):
    program = layout_program({"csgi_field": ["name", "flags"]}, [], ["csgi/types.h"])
    (tmp_path / "layout.c").write_text(program)
    abi.run("gcc", f"-I{abi.INCLUDE}", "-o", tmp_path / "layout", tmp_path / "layout.c")
    assert abi.run(tmp_path / "layout", check=False).returncode != 0
