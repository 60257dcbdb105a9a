# SPDX-License-Identifier: MIT
"""capricorn dev: sources are compiled and served, again whenever they change."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from capricorn import BINARY, ROOT, SANITIZER, Server, sanitized, seconds, wait_until

SOURCE = """#include <csgi/web.h>
CSGI_GET(greet, "/NAME");
static csgi_status greet(csgi_call *call)
{
    return csgi_reply_text(call, 200, TEXT);
}
CSGI_WEB_PLUGIN("NAME", "1.0.0", "Says a text", CSGI_ROUTES(greet));
"""
HTML = [("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")]
JSON = [("Accept", "application/json")]

pytestmark = pytest.mark.skipif(sanitized() == "tsan", reason="plugins are compiled without TSan")


def source(text, name="hello"):
    return SOURCE.replace("NAME", name).replace("TEXT", text)


class Dev(Server):
    """One `capricorn dev`, in a folder with the given files."""

    def __init__(self, files, *arguments, environment=None, start=True, wrapper=()):
        super().__init__(start=False, environment=environment)
        for name, text in files.items():
            self.save(name, text)
        self.command = [*wrapper, str(BINARY), "dev", "--port", "0", *arguments]
        if start:
            self.start()

    def save(self, name, text):
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def text(self, path="/hello"):
        return self.get(path).text

    def wait_for_text(self, text, path="/hello"):
        wait_until(lambda: self.text(path) == text, f"{text!r} at {path}", timeout=30)

    def wait_for_broken(self, count=1):
        self.wait_for_log("does not compile", timeout=30, count=count)
        wait_until(lambda: self.get("/hello", HTML).status == 500, "an error page")


@pytest.fixture
def develop():
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    made = []

    def start(files, *arguments, **options):
        made.append(Dev(files, *arguments, **options))
        return made[-1]

    yield start
    signal.signal(signal.SIGHUP, before)
    for server in made:
        server.stop()


def test_what_is_saved_is_served(develop):
    server = develop({"hello.c": source('"one"')}, "hello.c")
    assert server.text() == "one"
    began = time.monotonic()
    server.save("hello.c", source('"two"'))
    server.wait_for_text("two")
    print(f"save to served: {1000 * (time.monotonic() - began):.0f} ms")
    server.wait_for_log(r"Reloaded in \d+ ms \(hello.c, compiled in \d+ ms\): hello generation 2$")


def test_a_mistake_is_told_and_the_last_good_code_goes_on_serving(develop):
    server = develop({"hello.c": source('"one"')}, "hello.c")
    server.save("hello.c", source("missing"))
    server.wait_for_broken()
    assert any("hello.c:5:" in line and "error:" in line for line in server.log())
    assert server.text() == "one"
    assert server.get("/hello", [("Accept", "*/*")]).text == "one"
    answer = server.get("/hello", JSON)
    assert answer.status == 500 and answer.get("content-type") == "application/json"
    found = json.loads(answer.text)
    assert found["detail"] == "hello.c does not compile"
    first = found["errors"][0]
    assert (first["file"], first["line"]) == ("hello.c", 5) and "missing" in first["message"]
    server.save("hello.c", source('"two"'))
    server.wait_for_text("two")
    assert server.get("/hello", JSON).text == "two" and server.get("/hello", HTML).text == "two"


def test_the_page_shows_the_source_and_escapes_it(develop):
    server = develop({"hello.c": source("\"<b>&'\" + missing")}, "hello.c")
    server.wait_for_broken()
    page = server.get("/hello", HTML)
    assert page.status == 500 and page.get("content-type") == "text/html; charset=utf-8"
    assert "<mark><b>    5</b>" in page.text and "<code>hello.c:5:" in page.text
    assert "&lt;b&gt;&amp;&#39;&quot; + missing" in page.text and "<b>&" not in page.text


def test_before_anything_compiles_everybody_gets_the_error(develop):
    server = develop({"hello.c": source("missing")}, "hello.c")
    answer = server.get("/hello")
    assert answer.status == 500 and json.loads(answer.text)["errors"]
    server.save("hello.c", source('"one"'))
    server.wait_for_text("one")


def test_who_asks_by_name_is_told(develop):
    html, told = "text/html; charset=utf-8", "application/json"
    server = develop({"hello.c": source('"one"')}, "hello.c")
    server.save("hello.c", source("missing"))
    server.wait_for_broken()
    for accept, kind in (("text/html", html), ("application/json", told),
                         ("text/html;q=0.5, application/json", told),
                         ("application/json;q=0.9, TEXT/HTML", html),
                         ("*/*", None), ("text/*", None), ("text/html;q=0", None),
                         ("image/png", None)):
        answer = server.get("/hello", [("Accept", accept)])
        assert answer.status == (500 if kind else 200), accept
        assert not kind or answer.get("content-type") == kind, accept


def test_health_is_answered_all_the_same(develop):
    server = develop({"hello.c": source("missing")}, "hello.c")
    assert server.get("/healthz", HTML).status == 200


def test_a_header_counts(develop):
    files = {"hello.c": '#include "words.h"\n' + source("WORDS"),
             "words.h": '#define WORDS "one"\n'}
    server = develop(files, "hello.c")
    assert server.text() == "one"
    server.save("words.h", '#define WORDS "two"\n')
    server.wait_for_text("two")
    server.save("words.h", "#define WORDS missing\n")
    server.wait_for_broken()
    server.save("words.h", '#define WORDS "three"\n')
    server.wait_for_text("three")


def test_a_header_that_appears_mends_it(develop):
    server = develop({"hello.c": '#include "words.h"\n' + source("WORDS")}, "hello.c")
    server.save("words.h", '#define WORDS "one"\n')
    server.wait_for_text("one")


def test_cxx_is_compiled_too(develop):
    text = Path(ROOT / "examples/cpp_throw/cpp_throw.cc").read_text()
    server = develop({"thrower.cpp": text}, "thrower.cpp")
    before = server.get("/throw/x").status
    assert before != 404
    server.save("thrower.cpp", text.replace('"/throw/', '"/hurl/'))
    wait_until(lambda: server.get("/hurl/x").status == before, "the new route", timeout=60)


def test_ten_quick_saves_end_with_the_last_one(develop):
    server = develop({"hello.c": source('"0"')}, "hello.c")
    for number in range(1, 11):
        server.save("hello.c", source(f'"{number}"'))
        time.sleep(0.02)
    server.wait_for_text("10")
    time.sleep(0.5)
    assert server.text() == "10"
    reloads = [line for line in server.log() if "Reloaded in" in line]
    assert len(reloads) == 2, reloads


def test_a_deleted_source_changes_nothing_until_it_is_back(develop):
    server = develop({"hello.c": source('"one"')}, "hello.c")
    (server.directory / "hello.c").unlink()
    server.wait_for_broken()
    assert server.text() == "one"
    assert "no such file" in server.get("/hello", JSON).text
    server.save("hello.c", source('"two"'))
    server.wait_for_text("two")


def test_of_two_sources_one_may_be_broken(develop):
    server = develop({"hello.c": source('"one"'), "other.c": source("missing", "other")})
    assert server.text() == "one"
    server.save("hello.c", source('"two"'))
    server.wait_for_text("two")
    assert server.get("/hello", JSON).status == 500
    server.save("other.c", source('"three"', "other"))
    server.wait_for_text("three", "/other")
    assert server.get("/hello", JSON).text == "two"


def test_a_plugin_that_crashes_is_refused_and_told(develop):
    server = develop({"hello.c": source('"one"')}, "hello.c")
    crash = "__attribute__((constructor)) static void crash(void) { *(volatile int *)8 = 0; }\n"
    server.save("hello.c", source('"two"') + crash)
    server.wait_for_log("Reload failed", timeout=30)
    assert server.text() == "one"
    answer = server.get("/hello", JSON)
    assert answer.status == 500 and "was not taken" in answer.text
    assert sanitized() or "crashed" in answer.text
    server.save("hello.c", source('"three"'))
    server.wait_for_text("three")
    assert server.get("/hello", JSON).status == 200


MAKEFILE = """hello.so: hello.c
	cc -g -DMADE='"$(shell cat made.txt)"' -o $@ $< $$(pkg-config --cflags --libs csgi)
"""


def test_a_start_up_that_crashes_is_refused_and_told(develop):
    crashing = source('"two"').replace(
        '"Says a text", ', '"Says a text", CSGI_ON_STARTUP(begin), ').replace(
        "CSGI_WEB_PLUGIN", "static csgi_status begin(csgi_call *call)\n{\n"
        "    (void)call;\n    __builtin_trap();\n}\nCSGI_WEB_PLUGIN").replace(
        "CSGI_ROUTES(greet)", "CSGI_ROUTES(greet)")
    crashing = crashing.replace('CSGI_ON_STARTUP(begin), CSGI_ROUTES(greet)',
                                'CSGI_ROUTES(greet), CSGI_ON_STARTUP(begin)')
    server = develop({"hello.c": source('"one"')}, "hello.c")
    server.save("hello.c", crashing)
    server.wait_for_log("Reload failed", timeout=30)
    assert any("in start-up" in line and "hello" in line for line in server.log())
    assert server.text() == "one"
    server.save("hello.c", source('"three"'))
    server.wait_for_text("three")


@pytest.mark.skipif(bool(sanitized()), reason="under sanitizers nothing is unmapped")
def test_the_last_generations_stay_mapped_and_no_more(develop):
    server = develop({"hello.c": source('"0"')}, "hello.c")
    for number in range(1, 8):
        server.save("hello.c", source(f'"{number}"'))
        server.wait_for_text(str(number))

    def mapped():
        text = Path(f"/proc/{server.process.pid}/maps").read_text()
        return {line.split()[-1] for line in text.splitlines() if "/hello." in line}

    wait_until(lambda: len(mapped()) == 5, "the one that serves, and four before it")


def test_a_start_up_is_tried_and_shut_down_elsewhere_first(develop):
    noting = source('"one"').replace(
        "CSGI_WEB_PLUGIN", "static csgi_status begin(csgi_call *call)\n{\n"
        '    csgi_log(call, CSGI_LOG_INFO, "started for %s", TEXT_);\n'
        "    return CSGI_OK;\n}\nCSGI_WEB_PLUGIN").replace(
        "CSGI_ROUTES(greet)", "CSGI_ROUTES(greet), CSGI_ON_STARTUP(begin)")
    server = develop({"hello.c": noting.replace("TEXT_", '"a"')}, "hello.c")
    server.save("hello.c", noting.replace("TEXT_", '"b"'))
    server.wait_for_log("started for b", timeout=30)
    server.wait_for_log("Reloaded in", timeout=30)
    assert sum("started for b" in line for line in server.log()) == 1, "the other's is not shown"


def test_a_makefile_beside_it_wins(develop):
    server = develop({"src/hello.c": source('MADE " one"'), "src/Makefile": MAKEFILE,
                      "src/made.txt": "made"}, "src/hello.c")
    assert server.text() == "made one"
    server.save("src/hello.c", source("missing"))
    server.wait_for_broken()
    assert server.text() == "made one"
    assert "<mark>" in server.get("/hello", HTML).text
    server.save("src/hello.c", source('MADE " two"'))
    server.wait_for_text("made two")


def test_build_says_how(develop):
    command = "cc -DBUILT='\"built\"' -o hello.so hello.c $(pkg-config --cflags --libs csgi)"
    server = develop({"src/hello.c": source("BUILT")}, "--build", command, "src/hello.c")
    assert server.text() == "built"
    assert (server.directory / "src" / "hello.so").exists()


def test_flags_come_from_the_environment(develop):
    server = develop({"hello.c": source("WORDS"), "words.h": '#define WORDS "flag"\n'}, "hello.c",
                     environment={"CFLAGS": "-include words.h"})
    assert server.text() == "flag"


def test_configuration_beside_the_source_counts(develop):
    text = source('csgi_config_str(call, "word")').replace(
        "CSGI_ROUTES(greet)", 'CSGI_ROUTES(greet), CSGI_CONFIG_STR("word", .default_value = "x")')
    server = develop({"hello.c": text}, "hello.c")
    assert server.text() == "x"
    server.save("hello.json", '{"word": "configured"}')
    server.wait_for_text("configured")


def test_a_routes_file_counts(develop):
    routes = ('{"apps": {"hi": {"plugin": "hello"}},'
              ' "routes": [{"path": "PATH", "app": "hi:greet"}]}')
    server = develop({"hello.c": source('"one"'), "routes.json": routes.replace("PATH", "/a")},
                     "routes.json", "hello.c")
    assert server.text("/a") == "one"
    server.save("routes.json", routes.replace("PATH", "/b"))
    server.wait_for_text("one", "/b")
    assert server.get("/a").status == 404


def test_a_closed_terminal_ends_it(develop):
    server = develop({"hello.c": source('"one"')}, "hello.c")
    server.send_signal(signal.SIGHUP)
    assert server.wait() == 0


def test_it_can_be_stopped_while_it_compiles_first(develop):
    server = develop({"hello.c": source('"one"')}, "--build", "sleep 60", "hello.c", start=False)
    server.launch()
    server.wait_for_log("Started server process")
    time.sleep(0.3)
    server.send_signal(signal.SIGINT)
    assert server.wait(timeout=10) == 0


def dev(*arguments, cwd):
    result = subprocess.run([str(BINARY), "dev", *arguments], capture_output=True, text=True,
                            cwd=cwd, timeout=seconds(30))
    assert not SANITIZER.search(result.stderr), result.stderr
    return result


@pytest.mark.parametrize("arguments, says", [
    (["gone.c"], "gone.c: cannot be read"), (["a.txt"], "a.txt: expected a source"),
    (["."], "there is no source in it"), (["--build"], "--build: expected a command"),
    (["--host", "0.0.0.0", "x.so"], "listens on this machine only"),
    (["--bind", "192.0.2.1:0", "x.so"], "listens on this machine only"),
])
def test_wrong_usage_is_told(arguments, says, tmp_path):
    result = dev(*arguments, cwd=tmp_path)
    assert result.returncode == 2 and says in result.stderr, result.stderr


@pytest.mark.skipif(bool(sanitized()), reason="the server is sanitized itself")
def test_sanitize_finds_a_heap_overflow(develop):
    text = source("say()").replace("CSGI_GET", """#include <stdlib.h>
#include <string.h>
static const char *say(void)
{
    char *room = malloc(4);
    volatile size_t size = 5;

    memset(room, 'x', size);
    return "alive";
}
CSGI_GET""", 1)
    server = develop({"hello.c": text}, "--sanitize", "hello.c")
    with server.connect() as connection:
        connection.send_request("GET", "/hello")
        server.wait_for_log("ERROR: AddressSanitizer: heap-buffer-overflow", timeout=30)
        server.wait_for_log(r"#\d+ .* in say .*hello.c:9", timeout=30)
    server.wait()
    server.process = None
    server.clean()


def test_its_directory_is_removed(develop, tmp_path):
    server = develop({"hello.c": source('"one"')}, "hello.c",
                     environment={"TMPDIR": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)})
    assert os.listdir(tmp_path)
    server.send_signal(signal.SIGTERM)
    server.wait()
    assert not list(tmp_path.glob("capricorn-*"))
