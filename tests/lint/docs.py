# SPDX-License-Identifier: MIT
"""The documents against the code: paths, links, make targets, options and quoted files are real."""
import json
import os
import pathlib
import posixpath
import re
import subprocess

from sources import files

FENCE = re.compile(r"^```[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
QUOTE = re.compile(r"^<!-- (the whole of|from) (\S+) -->\n+(```[^\n]*\n.*?^```$)?",
                   re.DOTALL | re.MULTILINE)
KEYS = re.compile(r"^<!-- the keys of (\w+) -->\n+((?:\|[^\n]*\n)*)", re.MULTILINE)
SCHEMA = "docs/routes.schema.json"
TYPES = {"string": "text", "boolean": "`true` or `false`", "number": "number", "integer": "number",
         "array": "list", "object": "object"}
SPAN = re.compile(r"`([^`\n]+)`")


def documents(root):
    return [file for file in files(root) if file.suffix == ".md"]


def line_of(file, position):
    return file.text.count("\n", 0, position) + 1


def links(root):
    """A link in a document leads to a file that exists."""
    for file in documents(root):
        for match in re.finditer(r"\]\(([^)\s]+)\)", FENCE.sub(blank, file.text)):
            target = match.group(1).split("#")[0]
            if not target or re.match(r"[a-z]+:", target):
                continue
            if not (file.root / posixpath.normpath(posixpath.join(file.folder, target))).exists():
                yield file.path, line_of(file, match.start()), f"{match.group(1)} leads nowhere"


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def paths(root):
    """A path named in server/README.md (`http1/parse.c`, relative to server/ or the root) exists."""
    for file in documents(root):
        if file.path != "server/README.md":
            continue
        for match in SPAN.finditer(FENCE.sub(blank, file.text)):
            name = match.group(1)
            is_path = re.fullmatch(r"[\w.-]+(/[\w.-]+)*(/|\.(c|h|py|md|map))", name)
            if is_path and not any((file.root / base / name).exists() for base in ("server", "")):
                yield file.path, line_of(file, match.start()), f"{name} does not exist"


def targets(root):
    """`make TARGET` in a document is a target of the Makefile."""
    makefile = next((f for f in files(root, "Makefile") if f.path == "Makefile"), None)
    known = set(re.findall(r"^([a-z][a-z-]*):", makefile.text, re.MULTILINE)) if makefile else set()
    for file in documents(root):
        for code in [*FENCE.finditer(file.text), *SPAN.finditer(FENCE.sub(blank, file.text))]:
            for match in re.finditer(r"(?:^|[;&|]\s*|\$ )make ((?:[A-Z_]+=\S* )*)([a-z][a-z-]*)",
                                     code.group(1), re.MULTILINE):
                if match.group(2) not in known:
                    line = line_of(file, code.start(1) + match.start())
                    yield file.path, line, f"there is no make {match.group(2)}"


def options(root):
    """What the README's option table has is the server's: its default and its words."""
    table = next((f for f in files(root, "server/config/option_table.c")), None)
    readme = next((f for f in files(root, "README.md") if f.path == "README.md"), None)
    if not table or not readme:
        return
    real = {match.group(1): (match.group(2), "".join(re.findall(r'"((?:[^"]|\\.)*)"', match.group(3))))
            for match in re.finditer(r'\.name = "([\w-]+)",.*?\.fallback = "([^"]*)",\s*\.help = '
                                     r'((?:"[^"]*"\s*)+)', table.text, re.DOTALL)}
    told = {}
    for number, line in enumerate(readme.lines, 1):
        match = re.match(r"\| `--([\w-]+)[^|]*\|([^|]*)\|([^|]*)\|", line)
        if match:
            told[match.group(1)] = number
            words = tuple(cell.replace("`", "").strip() for cell in match.groups()[1:])
            if match.group(1) in real and words != real[match.group(1)]:
                yield readme.path, number, f"the option table has {real[match.group(1)]}"
    for name in sorted(set(told) - set(real)):
        yield readme.path, told[name], f"there is no option --{name}"


# What make prints from the tables of options and commands, and where it is kept.
REFERENCES = {"docs/options.md": "print-options", "docs/man/capricorn.1": "print-man"}


def references(root):
    """docs/options.md and the manual page are what the tables of options and commands say."""
    for path, target in REFERENCES.items():
        kept = pathlib.Path(root) / path
        if not kept.exists():
            continue
        environment = {name: value for name, value in os.environ.items()
                       if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        made = subprocess.run(
            ["make", "-s", "--no-print-directory", f"-j{os.cpu_count()}", target,
             f"BUILD={os.environ.get('BUILD_ROOT', 'build')}"], cwd=root, env=environment,
            capture_output=True, text=True)
        if made.returncode != 0:
            yield path, 1, f"make {target} fails: {made.stderr[-400:]}"
        elif made.stdout != kept.read_text():
            yield path, 1, "it is not what the tables say: make fmt writes it again"


def quotes(root):
    """A block after "<!-- the whole of FILE -->" is that file; after "<!-- from FILE -->", a part."""
    for file in documents(root):
        for match in QUOTE.finditer(file.text):
            extent, name, block = match.groups()
            source = file.root / name
            line = line_of(file, match.start())
            if not block or not source.exists():
                yield file.path, line, f"{name}: no such file, or no block after the marker"
                continue
            quoted, text = FENCE.fullmatch(block).group(1), source.read_text()
            if text != quoted if extent == "the whole of" else quoted not in text:
                yield file.path, line, f"the block differs from {name}: copy it again"


def key_table(schema, name):
    """The rows of an object of the routes file; name is "file" or one of the schema's definitions."""
    shape = schema if name == "file" else schema["$defs"].get(name)
    if not shape:
        return None
    rows = ["| key | is | |\n|---|---|---|\n"]
    for key, value in shape["properties"].items():
        types = value.get("type", "object")
        types = " or ".join(dict.fromkeys(TYPES[each] for each in
                                          ([types] if isinstance(types, str) else types)))
        needed = ", required" if key in shape.get("required", []) else ""
        words = value["description"].replace("|", "\\|").replace("<", "&lt;")
        rows.append(f"| `{key}` | {types}{needed} | {words} |\n")
    return "".join(rows)


def keys(root):
    """A table after "<!-- the keys of OBJECT -->" has the keys that the routes file's schema has."""
    schema = pathlib.Path(root) / SCHEMA
    for file in documents(root):
        for match in KEYS.finditer(file.text):
            known = json.loads(schema.read_text()) if schema.exists() else {"$defs": {}}
            table = key_table(known, match.group(1)) if schema.exists() else None
            if table is None or match.group(2) != table:
                yield file.path, line_of(file, match.start()), f"{SCHEMA} has other keys: make fmt"


def quote_again(root):
    """Copies the files that are quoted whole, and the schema's keys, into the documents (make fmt)."""
    schema = json.loads((root / SCHEMA).read_text())

    def copy(match):
        extent, name, block = match.groups()
        if extent != "the whole of" or not block:
            return match.group(0)
        language = block.split("\n", 1)[0]
        return f"<!-- the whole of {name} -->\n{language}\n{(root / name).read_text()}```"

    for file in documents(root):
        text = KEYS.sub(lambda match: f"<!-- the keys of {match.group(1)} -->\n\n"
                                      f"{key_table(schema, match.group(1))}", file.text)
        text = QUOTE.sub(copy, text)
        if text != file.text:
            (file.root / file.path).write_text(text)


if __name__ == "__main__":
    quote_again(pathlib.Path(__file__).resolve().parents[2])
