# SPDX-License-Identifier: MIT
"""What the ABI tests share: where things are, compiling, and the structs and constants of headers."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "abi"
BUILD = ROOT / (os.environ.get("CAPRICORN_BUILD") or "build")
SERVER = BUILD / "capricorn"
INCLUDE = ROOT / "sdk" / "include"
MACHINE = platform.machine()

# The headers that are frozen with the ABI's major; ext/draft may change, web.h is no ABI.
CORE = ["csgi.h", "event.h", "host.h", "plugin.h", "scope.h", "types.h"]

PLUGIN_FLAGS = ["-std=c11", "-fPIC", "-shared", "-fvisibility=hidden"]


def public_headers(include=INCLUDE):
    return sorted(str(path.relative_to(include)) for path in include.rglob("*.h"))


def abi_headers(include=INCLUDE):
    return [name for name in public_headers(include) if name != "csgi/web.h"]


def has(tool):
    return shutil.which(tool) is not None


def run(*command, check=True, timeout=120, **options):
    """Runs a command and returns its result; its output is in the message when it fails."""
    result = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, timeout=timeout, **options)
    if check and result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit status {result.returncode}\n"
                             f"{result.stdout}{result.stderr}")
    return result


def compile_plugin(source, target, include=INCLUDE, flags=()):
    """As a stranger would: one source, one set of headers, nothing else of this tree."""
    run("gcc", *PLUGIN_FLAGS, "-Wall", "-Wextra", "-Werror", *flags, f"-I{include}", "-o", target,
        source)
    return target


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)


def field_names(body):
    """The names that the declarations of a struct's body declare, in order."""
    names = []
    for declaration in filter(str.strip, body.split(";")):
        function = re.search(r"\(\*\s*(\w+)\)\s*\(", declaration)
        if function:
            names.append(function.group(1))
        else:
            names += [re.search(r"(\w+)\s*$", part).group(1) for part in declaration.split(",")]
    return names


def structs(headers, include=INCLUDE):
    """{name: [field, ...]} of every struct that those headers define."""
    found = {}
    for header in headers:
        text = without_comments((include / header).read_text())
        for name, body in re.findall(r"\bstruct\s+(csgi_\w+)\s*\{([^}]*)\}", text):
            found[name] = field_names(body)
    return found


def constants(headers, include=INCLUDE):
    """The names of all enumerators, error codes and numeric macros."""
    found = set()
    for header in headers:
        text = without_comments((include / header).read_text())
        for body in re.findall(r"\benum\s*\{([^}]*)\}", text):
            found |= set(re.findall(r"\b(CSGI_\w+)\s*(?==)", body))
        found |= set(re.findall(r"\bX\((CSGI_\w+),", text))
        found |= set(re.findall(r"#define\s+(CSGI_\w+)\s+(?:0x[0-9a-f]+|\d+)u\b", text))
    return sorted(found)
