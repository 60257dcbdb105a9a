# SPDX-License-Identifier: MIT
"""Each check of lint.py finds what it is for, and leaves what is right alone."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import arrows  # noqa: E402  (the path comes first)
import docs  # noqa: E402
import headers  # noqa: E402
import lengths  # noqa: E402
import lint  # noqa: E402
import musts  # noqa: E402
import tools  # noqa: E402
import words  # noqa: E402

SPDX = "/* SPDX-License-Identifier: MIT\n * A fixture of the tests. */\n"
LONG = "int f(void)\n{\n" + "    step();\n" * 58 + "}\n"
SWITCH = "int f(int n)\n{\n    switch (n) {\n" + "    case 1:\n" * 90 + "    }\n}\n"
OPTIONS = ('    { .name = "port",\n      .fallback = "80",\n      .help = "which "\n"one" },\n'
           '    { .name = "uds",\n      .fallback = "",\n      .help = "a file",\n      .more = "x" },\n')
# A table of one case, with its requirement, and the document of it.
CASE = ("class case:\n    name, proves, statuses, end = 'a', ['9112-1/b'], [200], 'kept'\n"
        "class musts:\n    MUSTS = {'9112-1/b': ('MUST', 'B.')}\n"
        "    ELSEWHERE, NOT_OURS, OTHERWISE = [], [], []\n"
        "CASES, OPTIONS = [case], {'limits': ['--none']}\n")
TABLE_TEXT = (f"{musts.OPENING % '--none'}\n1 cases.\n\n## RFC 9112, section 1\n\nB. (MUST)\n\n- `a`: 200, kept\n"
              "\n## What is not for us\n\n\n## Where we do otherwise\n\n")
TABLE_AT, TABLE_DOCUMENT = musts.TABLE, musts.DOCUMENT
SCHEMA = ('{"$defs": {"a": {"required": ["x"], "properties": {"x": '
          '{"type": ["integer", "string"], "description": "some"}}}}}')
KEYS_TABLE = "| key | is | |\n|---|---|---|\n| `x` | number or text, required | some |\n"
PORT, UDS = "| `--port N` | `80` | which one |\n", "| `--uds` | | a `file` |\n"

# check, the files that are wrong, a word of what it must say
WRONG = [
    (arrows.check, {"server/base/a.c": '#include "log/log.h"\n'}, "does not stand lower"),
    (arrows.check, {"server/net/a.h": '#include "app/app.h"\n'}, "does not stand lower"),
    (arrows.check, {"server/http1/a.c": '#include "client/client.h"\n'}, "does not stand lower"),
    (arrows.check, {"server/http1/a.c": '#include "http2/h2.h"\n'}, "does not stand lower"),
    (arrows.check, {"server/http1/a.c": '#include "router/router.h"\n'}, "does not stand lower"),
    (arrows.check, {"server/plugin/a.c": '#include "router/router.h"\n'}, "does not stand lower"),
    (arrows.check, {"server/app/a.c": '#include "http1/http1.h"\n'}, "only the session"),
    (arrows.check, {"server/worker/a.c": '#include "http1/http1.h"\n'}, "only the session"),
    (arrows.check, {"server/router/a.c": '#include "client/client.h"\n'}, "outbound"),
    (arrows.check, {"server/app/a.c": '#include "app.h"\n'}, "with its folder"),
    (arrows.check, {"server/app/a.c": '#include "../sdk/src/text.h"\n'}, "no folder of the server"),
    (arrows.check, {"server/newer/a.c": "\n"}, "no place"),
    (arrows.check, {"server/app/a.c": "#include <uv.h>\n"}, "server/loop and server/net"),
    (arrows.check, {"server/net/a.c": "#include <llhttp.h>\n"}, "server/http1"),
    (arrows.check, {"server/loop/a.c": "#include <dlfcn.h>\n"}, "server/plugin"),
    (arrows.check, {"server/app/a.c": "#include <boost/context/all.hpp>\n"}, "server/loop"),
    (arrows.check, {"server/app/a.c": "void *jump_fcontext(void *to);\n"}, "switches stacks"),
    (arrows.check, {"server/app/a.c": "#include <csgi/web.h>\n"}, "framework"),
    (arrows.check, {"sdk/include/csgi/a.h": "#include <stdio.h>\n"}, "stddef.h and stdint.h"),
    (arrows.check, {"sdk/include/csgi/ext/a.h": "#include <uv.h>\n"}, "stddef.h and stdint.h"),
    (arrows.check, {"plugins/p/p.c": '#include "base/str.h"\n'}, "only public headers"),
    (lengths.check, {"server/a/a.c": "\n" * 601}, "601 lines"),
    (lengths.check, {"server/a/a.c": LONG}, "f has 61 lines"),
    (lengths.check, {"server/a/a.c": SWITCH.replace("case 1", "case 1:\n    case 2")}, "stops at 100"),
    (headers.alone, {"server/a/a.h": "size_t f(void);\n"}, "does not compile alone"),
    (headers.first, {"server/a/a.c": '#include <stdio.h>\n#include "a/a.h"\n', "server/a/a.h": ""},
     "includes a.h first"),
    (headers.documented, {"server/a/a.h": "/* Says. */\nint f(void);\n\nint g(int a,\n      int b);\n"},
     "g has no comment"),
    (headers.documented, {"sdk/include/csgi/a.h": "struct s {\n    int (*call)(int n);\n};\n"},
     "call has no comment"),
    (words.banned, {"server/a/a.c": "void f(char *s)\n{\n    strcpy(s, s);\n}\n"}, "strcpy is banned"),
    (words.banned, {"plugins/a/a.c": "int n = atoi(s);\n"}, "atoi is banned"),
    (words.marks, {"server/a/a.c": "/* TO" "DO: more */\n"}, "unfinished"),
    (words.opening, {"server/a/a.c": "/* What it is for. */\n"}, "SPDX"),
    (words.opening, {"server/a/a.c": "/* SPDX-License-Identifier: MIT */\nint n;\n"}, "sentence"),
    (words.opening, {"tests/a.py": "# SPDX-License-Identifier: MIT\nimport os\n"}, "sentence"),
    (words.machine, {"a.txt": "see ROOT/a.txt\n"}, "names this machine"),
    (docs.links, {"docs/a.md": "[b](../b.md)\n"}, "leads nowhere"),
    (docs.paths, {"server/README.md": "First `net/listener.c` reads.\n"}, "does not exist"),
    (docs.targets, {"Makefile": "all: ## all\n", "a.md": "Say `make everything`.\n"},
     "no make everything"),
    (docs.targets, {"Makefile": "all: ## all\n", "a.md": "```\nmake all\nmake T=x wrong\n```\n"},
     "no make wrong"),
    (docs.references, {"Makefile": "print-options:\n\t@echo one\n", "docs/options.md": "two\n"},
     "make fmt"),
    (docs.references, {"Makefile": "print-man:\n\tfalse\n", "docs/man/capricorn.1": ""}, "fails"),
    (docs.options, {"server/config/option_table.c": OPTIONS,
                    "README.md": PORT + UDS + "| `--old` | | |\n"}, "no option --old"),
    (docs.options, {"server/config/option_table.c": OPTIONS, "README.md": PORT.replace("80", "81") + UDS},
     "'80'"),
    (docs.quotes, {"a.c": "int n;\n", "a.md": "<!-- the whole of a.c -->\n```c\nint m;\n```\n"},
     "differs"),
    (docs.quotes, {"a.c": "int n;\n", "a.md": "<!-- from a.c -->\n```c\nint m;\n```\n"}, "differs"),
    (docs.quotes, {"a.md": "<!-- from a.c -->\n```c\nint m;\n```\n"}, "no such file"),
    (docs.keys, {docs.SCHEMA: SCHEMA, "a.md": "<!-- the keys of a -->\n\n" + KEYS_TABLE.replace("x", "y")},
     "make fmt"),
    (docs.keys, {docs.SCHEMA: SCHEMA, "a.md": "<!-- the keys of b -->\n\n" + KEYS_TABLE}, "make fmt"),
    (musts.check, {TABLE_AT: CASE, TABLE_DOCUMENT: "older\n"}, "make fmt"),
    (musts.check, {TABLE_AT: CASE + "case.proves = ['x']\n"}, "not in musts.py"),
    (musts.check, {TABLE_AT: CASE + "CASES = []\n"}, "no case proves"),
    (musts.check, {TABLE_AT: CASE + "musts.ELSEWHERE = [('9112-1', 'MUST', 'C.', 'a.py', 'f')]\n"},
     "there is no test f"),
    (tools.layout, {"server/a/a.c": "int   n;\n"}, "make fmt"),
    (tools.schema, {"build/capricorn": "#!/bin/sh\necho new\n", docs.SCHEMA: "old\n"}, "make fmt"),
    (tools.shell, {"a.sh": "if true; then\n"}, "a.sh"),
    (tools.python, {"a.py": "def f(:\n"}, "invalid syntax"),
]

RIGHT = [
    (arrows.check, {"server/app/a.c": '#include <csgi/csgi.h>\n#include "app/a.h"\n'
                                      '#include "client/client.h"\n#include "base/str.h"\n',
                    "server/loop/a.c": "#include <uv.h>\n",
                    "server/session/a.c": '#include "http1/http1.h"\n',
                    "plugins/p/p.c": '#include <csgi/web.h>\n#include "p.h"\n', "plugins/p/p.h": ""}),
    (lengths.check, {"server/a/a.c": SWITCH, "server/a/b.c": LONG.replace("    step();\n", "", 1)}),
    (headers.alone, {"server/a/a.h": "#include <stddef.h>\nsize_t f(void);\n"}),
    (headers.first, {"server/a/a.c": '#include "a/a.h"\n#include <stdio.h>\n', "server/a/a.h": ""}),
    (headers.documented, {"server/a/a.h": "/* Both: n. */\nint f(void);\nint g(int n);\n\n"
                                          "void a_init(a *self);\ntypedef int (*h)(void);\n"}),
    (words.banned, {"server/a/a.c": '/* no strcpy() */\nconst char *s = "atoi(s)";\nint my_atoi(int);\n'}),
    (words.marks, {"server/a/a.c": "int to_do;\n"}),
    (words.opening, {"server/a/a.c": SPDX, "tests/a.py": '# SPDX-License-Identifier: MIT\n"""What it is '
                                                         'for."""\n'}),
    (words.machine, {"a.txt": "see /usr/share and ./a.txt\n"}),
    (docs.links, {"docs/a.md": "[b](../b.md#part) [c](https://example.org/)\n", "b.md": ""}),
    (docs.paths, {"server/README.md": "`net/a.c`, `net/` and `a_function`\n", "server/net/a.c": ""}),
    (docs.targets, {"Makefile": "all: ## all\n", "a.md": "We make sure. `make all`, `make T=x all`\n"}),
    (docs.options, {"server/config/option_table.c": OPTIONS, "README.md": PORT}),
    (docs.references, {"Makefile": "print-options:\n\t@echo one\n", "docs/options.md": "one\n"}),
    (docs.quotes, {"a.c": "int n;\nint m;\n", "a.md": "<!-- from a.c -->\n```c\nint m;\n```\n"}),
    (docs.keys, {docs.SCHEMA: SCHEMA, "a.md": "<!-- the keys of a -->\n\n" + KEYS_TABLE + "\nText\n"}),
    (musts.check, {TABLE_AT: CASE, TABLE_DOCUMENT: TABLE_TEXT}),
    (tools.layout, {"server/a/a.c": "int n;\n"}),
    (tools.schema, {"build/capricorn": "#!/bin/sh\necho $1\n", docs.SCHEMA: "schema\n"}),
    (tools.shell, {"a.sh": "if true; then :; fi\n"}),
    (tools.python, {"a.py": "n = 1\n"}),
]


def findings(check, root, contents):
    for path, text in contents.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text.replace("ROOT", str(root)))
        (root / path).chmod(0o755)
    style = pathlib.Path(__file__).resolve().parents[2] / ".clang-format"
    (root / ".clang-format").write_text(style.read_text())
    try:
        return [f"{path}:{line}: {sentence}" for path, line, sentence in check(root)]
    except tools.Skip as why:
        pytest.skip(str(why))


def label(case):
    return f"{case[0].__module__}.{case[0].__name__}"


@pytest.mark.parametrize("check, contents, word", WRONG, ids=map(label, WRONG))
def test_a_check_finds_what_is_wrong(check, contents, word, tmp_path):
    found = findings(check, tmp_path, contents)
    assert any(word in line for line in found), found


@pytest.mark.parametrize("check, contents", RIGHT, ids=map(label, RIGHT))
def test_a_check_leaves_what_is_right_alone(check, contents, tmp_path):
    assert findings(check, tmp_path, contents) == []


def test_every_check_has_both():
    checks = set(lint.CHECKS.values())
    assert {case[0] for case in WRONG} == checks
    assert {case[0] for case in RIGHT} == checks
