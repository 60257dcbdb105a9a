# SPDX-License-Identifier: MIT
"""Reload by SIGHUP: what is new takes the place of what serves, or nothing changes."""

import json
import os
import signal
import subprocess

import pytest

from capricorn import sanitized, wait_until
from versions import replace, version


@pytest.fixture
def reloadable(serve, monkeypatch):
    """A server of version 1."""
    # A test runner under nohup must not make its servers ignore the signal.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)

    def start(*plugins, arguments=(), **options):
        server = serve(*plugins, arguments=arguments, start=False, **options)
        replace(server, version(1))
        server.start()
        return server

    yield start
    signal.signal(signal.SIGHUP, before)


def get(server, path="/version"):
    with server.connect() as connection:
        return connection.exchange("GET", path).text


def count(server, text):
    return sum(text in line for line in server.log())


def hang_up(server, says="Reloaded in"):
    """Asks for a reload and waits for its line."""
    before = count(server, says)
    server.send_signal(signal.SIGHUP)
    try:
        wait_until(lambda: count(server, says) > before, f"a line {says!r}")
    except AssertionError as missing:
        raise AssertionError(f"{missing}; the log:\n" + "\n".join(server.log())) from None


def test_a_new_file_is_served_and_connections_stay(reloadable):
    server = reloadable()
    with server.connect() as connection:
        assert connection.exchange("GET", "/version").text == "1"
        replace(server, version(2))
        hang_up(server)
        assert connection.exchange("GET", "/version").text == "2"
    assert count(server, "(CSGI 1.0, generation 2, 4 endpoints)") == 1
    assert count(server, "(SIGHUP): versioned generation 2") == 1


def test_a_request_ends_on_the_code_that_it_began_with(reloadable):
    server = reloadable()
    with server.connect() as connection:
        connection.send_request("GET", "/slow?ms=700")
        assert connection.is_quiet(0.1)
        replace(server, version(2))
        hang_up(server)
        assert get(server) == "2"
        assert count(server, "(1 request on generation 1)") == 1
        assert connection.read_response().text == "1"


@pytest.mark.skipif(bool(sanitized()), reason="under sanitizers nothing is unmapped")
def test_old_code_is_unmapped_and_its_copy_removed(reloadable):
    server = reloadable()
    for number in range(2, 8):
        replace(server, version(number))
        hang_up(server)

    def mapped():
        text = open(f"/proc/{server.process.pid}/maps").read()
        return {line.split()[-1] for line in text.splitlines() if "versioned." in line}

    wait_until(lambda: len(mapped()) == 1, "one version is mapped")
    (copy,) = mapped()
    assert os.listdir(os.path.dirname(copy)) == [os.path.basename(copy)]
    assert os.stat(os.path.dirname(copy)).st_mode & 0o777 == 0o700
    server.stop()
    assert not os.path.exists(os.path.dirname(copy))


def test_a_file_that_is_written_in_place_does_not_harm_what_is_mapped(reloadable):
    server = reloadable()
    target = server.plugin_dir / "versioned.so"
    with open(target, "r+b") as file:
        file.truncate(100)
    assert get(server) == "1"
    hang_up(server, "Reload failed")
    assert get(server) == "1"


def test_an_app_that_has_not_changed_is_kept(reloadable):
    server = reloadable("tasks")
    assert [get(server, "/count") for _ in range(3)] == ["1", "2", "3"]
    server.drop("scope")
    hang_up(server)
    assert get(server, "/count") == "4"
    assert get(server, "/made") == "1"


def test_another_configuration_makes_another_instance_of_the_same_code(reloadable):
    server = reloadable()
    assert get(server, "/count") == "1"
    server.write("versioned.json", '{"a": 1}')
    hang_up(server)
    assert get(server, "/count") == "1"
    assert get(server, "/made") == "2"


def test_a_plugin_that_is_taken_away_is_served_no_more(reloadable):
    server = reloadable("tasks")
    (server.plugin_dir / "versioned.so").unlink()
    hang_up(server)
    with server.connect() as connection:
        assert connection.exchange("GET", "/version").status == 404
        assert connection.exchange("GET", "/hello").text == "hello"


# A sanitizer makes an exit of it.
CRASHED = "ended the process" if sanitized() else "crashed"
BAD = [
    ("create", "the moon is in the wrong place"),
    ("startup", "no database"),
    ("crash_query", f"{CRASHED} in csgi_plugin_query"),
    ("crash_create", f"{CRASHED} in create"),
    ("exit_create", "a plugin must not exit"),
    ("undefined", "nobody_defines_this"),
    ("no_query", "csgi_plugin_query"),
    ("abi", "is for CSGI 2"),
]


@pytest.mark.parametrize("fault,says", BAD)
def test_a_bad_plugin_changes_nothing_and_says_why(reloadable, fault, says):
    server = reloadable()
    with server.connect() as connection:
        assert connection.exchange("GET", "/count").text == "1"
        replace(server, version(2, fault))
        hang_up(server, "Reload failed (SIGHUP): what served before goes on unchanged")
        assert count(server, says) >= 1
        assert connection.exchange("GET", "/version").text == "1"
        assert connection.exchange("GET", "/count").text == "2"
        replace(server, version(3))
        hang_up(server)
        assert connection.exchange("GET", "/version").text == "3"


def test_a_start_up_that_hangs_is_given_up(reloadable):
    server = reloadable(arguments=["--timeout-startup", "300ms"])
    replace(server, version(2, "hang_startup"))
    hang_up(server, "Reload failed")
    assert count(server, "versioned: start-up did not finish within 300 ms") == 1
    assert get(server) == "1"


def test_a_half_written_file_is_waited_for(reloadable):
    server = reloadable()
    content = version(2).read_bytes()
    target = server.plugin_dir / "versioned.so"
    with open(target, "wb") as file:
        file.write(content[:5000])
        file.flush()
        server.send_signal(signal.SIGHUP)
        assert get(server) == "1"
        file.write(content[5000:])
    wait_until(lambda: get(server) == "2", "version 2 is served")
    assert count(server, "Reload failed") == 0


def test_two_signals_at_once_make_what_came_last_serve(reloadable):
    server = reloadable()
    for number in range(2, 7):
        replace(server, version(number))
        server.send_signal(signal.SIGHUP)
    wait_until(lambda: get(server) == "6", "the last version is served")


def test_a_stop_in_the_middle_of_a_reload_is_a_stop(reloadable):
    server = reloadable()
    replace(server, version(2, "hang_startup"))
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: count(server, "generation 2"), "it is loaded")
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0


# ---- the routes file ----


def routes(server, *entries, **more):
    text = json.dumps({"plugins": {"dir": "plugins"}, "routes": list(entries)} | more)
    path = server.directory / "routes.json"
    path.write_text(text)
    return path


@pytest.fixture
def routed(serve):
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    server = serve("tasks", start=False)
    replace(server, version(1))
    path = routes(server, {"path": "/v", "app": "versioned:version"},
                  {"path": "/c", "app": "versioned:count"})
    server.command.append(str(path))
    server.start()
    yield server
    signal.signal(signal.SIGHUP, before)


def test_an_edited_routes_file_is_served_and_its_apps_are_kept(routed):
    assert [get(routed, "/c") for _ in range(2)] == ["1", "2"]
    routes(routed, {"path": "/w", "app": "versioned:version"},
           {"path": "/c", "app": "versioned:count"})
    hang_up(routed)
    assert get(routed, "/w") == "1"
    assert get(routed, "/c") == "3"
    with routed.connect() as connection:
        assert connection.exchange("GET", "/v").status == 404


def test_a_wrong_routes_file_changes_nothing_and_all_mistakes_are_told(routed):
    (routed.directory / "routes.json").write_text(
        '{ "plugins": { "dir": "plugins" },\n'
        '  "routes": [ { "path": "/v", "app": "versionedd" },\n'
        '              { "path": "nowhere", "app": "versioned:version" } ] }\n')
    hang_up(routed, "Reload failed")
    assert count(routed, "routes.json:") == 2, "\n".join(routed.log())
    assert get(routed, "/v") == "1"


def test_a_new_configuration_in_the_routes_file_makes_a_new_instance(routed):
    entries = ({"path": "/c", "app": "counting:count"},)
    routes(routed, *entries, apps={"counting": {"plugin": "versioned", "config": {"a": 1}}})
    hang_up(routed)
    assert [get(routed, "/c") for _ in range(2)] == ["1", "2"]
    routes(routed, *entries, apps={"counting": {"plugin": "versioned", "config": {"a": 2}}})
    hang_up(routed)
    assert get(routed, "/c") == "1"


def test_curl_sees_no_failure_while_the_code_changes(reloadable):
    server = reloadable()
    load = subprocess.Popen(["wrk", "-t1", "-c16", "-d2s", f"{server.url}/version"],
                            stdout=subprocess.PIPE, text=True)
    for number in range(2, 12):
        replace(server, version(number % 2 + 1))
        hang_up(server)
    text = load.communicate()[0]
    assert load.returncode == 0
    assert "Non-2xx" not in text and "Socket errors" not in text, text


# ---- watching ----


@pytest.fixture
def watched(reloadable):
    return reloadable(arguments=["--reload"])


def serves(server, text):
    wait_until(lambda: get(server) == text, f"version {text} is served")


def test_a_new_file_is_seen(watched):
    for number in (2, 3, 1):
        replace(watched, version(number))
        serves(watched, str(number))
    # The line comes behind the change.
    wait_until(lambda: count(watched, "Reloaded in") == 3, "three lines")
    assert count(watched, "(versioned.so changed): versioned generation 2") == 1


def test_a_touch_reloads_nothing(watched):
    target = watched.plugin_dir / "versioned.so"
    target.touch()
    target.write_bytes(version(1).read_bytes())
    replace(watched, version(1))
    (watched.plugin_dir / "notes.txt").write_text("nothing of ours")
    replace(watched, version(2))
    serves(watched, "2")
    wait_until(lambda: count(watched, "Reloaded in"), "its line")
    assert count(watched, "Reloaded in") == 1


def test_a_bad_file_is_said_once_and_mended_by_the_next(watched):
    replace(watched, version(2, "create"))
    wait_until(lambda: count(watched, "Reload failed"), "it is refused")
    (watched.plugin_dir / "versioned.so").touch()
    replace(watched, version(3))
    serves(watched, "3")
    assert count(watched, "Reload failed") == 1


def test_permissions_that_are_mended_are_seen(watched):
    target = watched.plugin_dir / "versioned.so"
    target.chmod(0o777)
    wait_until(lambda: count(watched, "chmod o-w"), "it is refused")
    assert get(watched) == "1"
    target.chmod(0o755)
    replace(watched, version(2))
    serves(watched, "2")


def test_a_stop_with_a_watch_is_a_stop(watched):
    watched.send_signal(signal.SIGTERM)
    assert watched.wait() == 0


def test_a_failed_start_with_a_watch_ends(serve):
    server = serve(start=False, arguments=["--reload"])
    replace(server, version(2, "create"))
    result = subprocess.run(server.command, capture_output=True, text=True, timeout=20)
    assert result.returncode == 3
    server.exit_code = result.returncode


def test_a_folder_that_an_edited_routes_file_names_is_watched_too(serve):
    server = serve(start=False, arguments=["--reload"])
    at = server.command.index("--plugin-dir")
    del server.command[at:at + 2]  # which would come before what the file says
    replace(server, version(1))
    entry = {"path": "/version", "app": "versioned:version"}
    server.command.append(str(routes(server, entry)))
    server.start()
    assert get(server) == "1"
    server.plugin_dir = server.directory / "others"
    server.plugin_dir.mkdir(mode=0o755)
    replace(server, version(2))
    routes(server, entry, plugins={"dir": "others"})
    wait_until(lambda: get(server) == "2", "the other folder is served")
    replace(server, version(3))
    wait_until(lambda: get(server) == "3", "a change in it is seen")
