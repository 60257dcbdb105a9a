# SPDX-License-Identifier: MIT
"""docs/http-conformance.md is what the table in tests/integration/conformance says (make fmt writes
it again), and the table proves what it claims to."""
import importlib.util
import itertools
import pathlib
import sys

DOCUMENT = "docs/http-conformance.md"
TABLE = "tests/integration/conformance/__init__.py"
serial = itertools.count()

OPENING = """# HTTP/1.1 conformance

What RFC 9112, and the parts of RFC 9110 about messages, ask of a server, in our words, and the tests of it. Generated from the
table in tests/integration/conformance by `make fmt`: change it there. Each case is said to a real server whole (over TCP), byte
by byte, and split at every offset (over a Unix socket, where each piece is known to have been read by itself), with the same
outcome. After every connection that must be closed comes one more request, which nobody may see. The limits are tested with
small ones (%s).
"""


def load(root):
    """The table's package, of that root."""
    path = pathlib.Path(root) / TABLE
    name = f"conformance_{next(serial)}"
    spec = importlib.util.spec_from_file_location(name, path,
                                                  submodule_search_locations=[str(path.parent)])
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)
    return package


def code(text):
    ticks = "``" if "`" in text else "`"
    pad = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def order(section):
    """RFC 9112 first; sections by number."""
    rfc, _, number = section.partition("-")
    ranks = {"9112": 0, "9110": 1}
    return ranks.get(rfc, 2), [(0, int(n), "") if n.isdigit() else (1, 0, n)
                               for n in number.split(".")]


def title(section):
    rfc, _, number = section.partition("-")
    return f"RFC {rfc}, section {number}" if number else "Our own rules"


def text(package):
    """The document."""
    sections = {}
    for key, (level, sentence) in package.musts.MUSTS.items():
        lines = sections.setdefault(key.split("/")[0], [])
        lines.append(f"\n{sentence}" + ("" if level == "ours" else f" ({level})") + "\n")
        for case in (case for case in package.CASES if key in case.proves):
            statuses = " ".join(map(str, case.statuses)) or "no answer"
            lines.append(f"- {code(case.name)}: {statuses}, {case.end}")
    for section, level, sentence, file, name in package.musts.ELSEWHERE:
        lines = sections.setdefault(section, [])
        lines += [f"\n{sentence} ({level})\n", f"- {code(name)} in {file}"]
    document = [OPENING % " ".join(package.OPTIONS["limits"]), f"{len(package.CASES)} cases."]
    for section in sorted(sections, key=order):
        document += [f"\n## {title(section)}", *sections[section]]
    document.append("\n## What is not for us\n")
    for section, sentence, why in package.musts.NOT_OURS:
        document.append(f"- {title(section)}. {sentence} {why}")
    document.append("\n## Where we do otherwise\n")
    for section, sentence, why in package.musts.OTHERWISE:
        document.append(f"- {title(section)}. {sentence} {why}")
    return "\n".join(document) + "\n"


def check(root):
    """The document is the table's; each requirement has a test, and each test a requirement."""
    root = pathlib.Path(root)
    if not (root / TABLE).exists():
        return
    package = load(root)
    musts = package.musts
    for case in package.CASES:
        for key in case.proves:
            if key not in musts.MUSTS:
                yield TABLE, 1, f"{case.name} proves {key}, which is not in musts.py"
    proved = {key for case in package.CASES for key in case.proves}
    for key in musts.MUSTS:
        if key not in proved:
            yield TABLE, 1, f"no case proves {key}"
    for section, _, _, file, name in musts.ELSEWHERE:
        if not (root / file).exists() or name not in (root / file).read_text():
            yield TABLE, 1, f"there is no test {name} in {file} for {section}"
    document = root / DOCUMENT
    if not document.exists() or document.read_text() != text(package):
        yield DOCUMENT, 1, "it is not what the table says: make fmt"


if __name__ == "__main__":
    top = pathlib.Path(__file__).resolve().parents[2]
    (top / DOCUMENT).write_text(text(load(top)))
