# SPDX-License-Identifier: MIT
"""Every public header compiles alone, in C11 to C23 and C++11 to C++20, with gcc and clang, without a
warning; those of the ABI without padding too."""

import re

import pytest

import abi

C = ["c11", "c17", "c2x"]
CXX = ["c++11", "c++14", "c++17", "c++20"]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]
MATRIX = [(compiler, standard) for compilers, standards in
          ((("gcc", "clang"), C), (("g++", "clang++"), CXX))
          for compiler in compilers for standard in standards]


@pytest.mark.parametrize("compiler, standard", MATRIX)
def test_each_header_compiles_alone(compiler, standard, tmp_path):
    if not abi.has(compiler):
        pytest.skip(f"{compiler} is not installed")
    groups = {True: [], False: []}
    for header in abi.public_headers():
        is_abi = header in abi.abi_headers()
        source = tmp_path / (header.replace("/", "_") + (".cc" if "++" in standard else ".c"))
        # Twice, for its guard; an object of each struct, for clang looks for padding only then.
        source.write_text("\n".join([f"#include <{header}>"] * 2 + ["extern int nothing;"] + [
            f"extern char of_{name}[sizeof(struct {name})];"
            for name in abi.structs([header]) if is_abi]) + "\n")
        groups[is_abi].append(source)
    for is_abi, sources in groups.items():
        if sources:
            abi.run(compiler, f"-std={standard}", *WARNINGS, *(["-Wpadded"] if is_abi else []),
                    f"-I{abi.INCLUDE}", "-fsyntax-only", *sources)


@pytest.mark.parametrize("compiler", ["gcc", "clang", "g++", "clang++"])
def test_the_matrix_sees_padding_and_pedantry(compiler, tmp_path):
    if not abi.has(compiler):
        pytest.skip(f"{compiler} is not installed")
    source = tmp_path / ("bad.cc" if "++" in compiler else "bad.c")
    for text, flag in (("struct s { char c; long l; };\nextern char x[sizeof(struct s)];\n",
                        "-Wpadded"), ("struct s { int a[0]; };\n", "-Wpedantic")):
        source.write_text(text)
        assert abi.run(compiler, flag, "-Werror", "-fsyntax-only", source, check=False).returncode


def test_headers_of_the_abi_need_only_stddef_and_stdint():
    for header in abi.abi_headers():
        for included in re.findall(r"#include\s*[<\"]([^>\"]*)", (abi.INCLUDE / header).read_text()):
            assert included in ("stddef.h", "stdint.h") or included.startswith("csgi/"), header


def test_headers_of_the_abi_use_no_type_whose_size_may_differ():
    for header in abi.abi_headers():
        text = abi.without_comments((abi.INCLUDE / header).read_text())
        for body in re.findall(r"\bstruct\s+csgi_\w+\s*\{([^}]*)\}", text):
            assert not re.search(r"\b(long|short|int|unsigned|bool|_Bool|enum)\b", body), header
            assert not re.search(r":\s*\d", body), f"{header}: a bit-field"
