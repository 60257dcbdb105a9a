# SPDX-License-Identifier: MIT
"""State that outlives a reload: the example cache, and other builds of it."""

import shlex
import signal
import subprocess

import pytest

from capricorn import BUILD, ROOT, sanitized
from versions import replace

SOURCE = ROOT / "examples" / "cache" / "cache.c"
STATE = "CSGI_STATE(1, save, restore)"
NUMBER = '"1.0.0"'


def build(folder, *changes):
    """Another build of the example, with texts of its source changed."""
    text = SOURCE.read_text()
    for old, new in changes:
        assert text.count(old) == 1, f"{SOURCE.name} has {old} once"
        text = text.replace(old, new)
    source = folder / "cache.c"
    source.write_text(text)
    target = folder / "cache.so"
    flags = ["-fsanitize=address,undefined"] if sanitized() == "asan" else []
    libraries = subprocess.run(["pkg-config", "--libs", "libcjson"], check=True,
                               capture_output=True, text=True).stdout
    subprocess.run(["gcc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC",
                    "-shared", "-fvisibility=hidden", *flags, f"-I{ROOT}/sdk/include",
                    "-o", str(target), str(source), str(BUILD / "libcsgi_web.a"),
                    "-Wl,--exclude-libs,ALL", *shlex.split(libraries), "-lm"], check=True)
    return target


@pytest.fixture(autouse=True)
def sighup():
    # A test runner under nohup must not make its servers ignore the signal.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def cache(serve):
    server = serve("cache")
    for key, value in VALUES.items():
        assert put(server, key, value).status == 200
    return server


VALUES = {"ada": "1815", "S%C3%A3o": "%22Paulo%22%0A", "empty": ""}
SHOWN = {"ada": "1815", "S%C3%A3o": '"Paulo"\n', "empty": ""}


def put(server, key, value):
    return server.request("PUT", f"/cache/{key}?value={value}")


def shown(server):
    replies = {key: server.get(f"/cache/{key}") for key in VALUES}
    return {key: reply.json()["value"] for key, reply in replies.items() if reply.status == 200}


def hang_up(server, says):
    mark = server.mark()
    server.send_signal(signal.SIGHUP)
    server.wait_for_log(says, since=mark)


def test_a_cache_keeps_what_it_is_given(cache):
    assert shown(cache) == SHOWN
    assert put(cache, "ada", "1852").status == 200
    assert cache.get("/cache/ada").json() == {"value": "1852"}
    reply = cache.get("/cache/nobody")
    assert (reply.status, reply.json()) == (404, {"detail": "no value for nobody"})
    assert cache.request("PUT", "/cache/ada").status == 422


def test_values_survive_reloads_to_other_builds(cache, tmp_path):
    for number in (2, 3):
        replace(cache, build(tmp_path, (NUMBER, f'"{number}.0.0"')), "cache.so")
        hang_up(cache, r"cache took over the state of its predecessor \(version 1, \d+ bytes\)")
        cache.wait_for_log(rf"cache {number}\.0\.0 ")
        assert shown(cache) == SHOWN
        assert put(cache, "since", str(number)).status == 200
    assert cache.get("/cache/since").json() == {"value": "3"}


def test_an_empty_cache_is_handed_over_too(serve, tmp_path):
    server = serve("cache")
    replace(server, build(tmp_path, (NUMBER, '"2.0.0"')), "cache.so")
    hang_up(server, r"cache took over the state of its predecessor")
    assert shown(server) == {}


def test_another_version_of_the_state_is_a_fresh_start(cache, tmp_path):
    replace(cache, build(tmp_path, (STATE, "CSGI_STATE(2, save, restore)")), "cache.so")
    hang_up(cache, "cache starts afresh: it does not know version 1 of its predecessor's state")
    assert shown(cache) == {}
    assert put(cache, "ada", "1852").status == 200


def test_a_new_version_may_read_the_old_one(cache, tmp_path):
    later = "CSGI_STATE(2, save, restore, .oldest = 1)"
    replace(cache, build(tmp_path, (STATE, later)), "cache.so")
    hang_up(cache, r"cache took over the state of its predecessor \(version 1, ")
    assert shown(cache) == SHOWN


def test_a_restore_that_fails_keeps_the_old_code_serving(cache, tmp_path):
    broken = build(tmp_path, ('csgi_saved_json(call), "values")', 'csgi_saved_json(call), "worth")'))
    replace(cache, broken, "cache.so")
    hang_up(cache, "Reload failed")
    cache.wait_for_log(r'cache could not take over the state \(version 1, \d+ bytes\): .*'
                       r'the saved state has no array "worth"')
    assert shown(cache) == SHOWN
    assert put(cache, "after", "all").status == 200
    replace(cache, build(tmp_path, (NUMBER, '"2.0.0"')), "cache.so")
    hang_up(cache, "cache took over the state")
    assert shown(cache) == SHOWN
    assert cache.get("/cache/after").json() == {"value": "all"}


def test_a_save_that_fails_is_a_fresh_start(serve, tmp_path):
    server = serve("cache")
    failing = build(tmp_path, ('    csgi_json_write(call, "]}");\n    return CSGI_OK;',
                               '    return csgi_fail(call, 500, "the pen broke");'))
    replace(server, failing, "cache.so")
    hang_up(server, "Reloaded in")
    assert put(server, "ada", "1815").status == 200
    replace(server, build(tmp_path, (NUMBER, '"2.0.0"')), "cache.so")
    hang_up(server, "cache starts afresh: its predecessor could not save its state: .*the pen broke")
    assert server.get("/cache/ada").status == 404
