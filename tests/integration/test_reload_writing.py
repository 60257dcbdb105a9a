# SPDX-License-Identifier: MIT
"""The ways in which editors, tools and deployments write files, all seen by a server that watches:
each change is served, once, and no request fails meanwhile."""

import os
import re
import shutil
import subprocess
import time

import pytest

from capricorn import SOURCES, sanitized, wait_until
from reloading import Load
from versions import compiler, replace, version

NAME = "versioned.so"


@pytest.fixture(name="server")
def start(serve):
    server = serve(start=False, arguments=["--no-access-log", "--reload"])
    replace(server, version(1))
    return server.start()


def get(server, path="/version"):
    with server.connect() as connection:
        return connection.exchange("GET", path).text


def count(server, what):
    return sum(what in line for line in server.log())


def serves(server, number, path="/version"):
    wait_until(lambda: get(server, path) == str(number), f"version {number} is served")


def settled(server, reloads):
    """It has reloaded so often, and does not once more."""
    time.sleep(0.3)
    assert count(server, "Reloaded in") == reloads, "\n".join(server.log())
    assert count(server, "Reload failed") == 0, "\n".join(server.log())


# ---- tools ----


def in_place(built, target):
    with open(target, "r+b") as file:
        file.truncate()
        file.write(built.read_bytes())


def in_small_steps(built, target):
    content = built.read_bytes()
    with open(target, "wb") as file:
        for at in range(0, len(content), 4096):
            file.write(content[at:at + 4096])
            file.flush()
            time.sleep(0.005)


def by_rename(built, target):
    shutil.copy(built, target.with_name("fresh.tmp"))
    target.with_name("fresh.tmp").rename(target)


def by_backup(built, target):
    """As vim does: what was there becomes name~, then a new file is written."""
    target.rename(f"{target}~")
    shutil.copy(built, target)
    os.unlink(f"{target}~")


def run(*command):
    return lambda built, target: subprocess.run([*command, built, target], check=True)


WAYS = {
    "in place": in_place, "in small steps": in_small_steps, "rename": by_rename,
    "backup": by_backup, "cp": run("cp"), "cp -f": run("cp", "--remove-destination"),
    "install": run("install", "-m", "755"), "ln": run("ln", "-sf"), "mv": by_rename,
    "rsync": run("rsync", "-a"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_way_of_writing(server, way):
    if way == "rsync" and not shutil.which("rsync"):
        pytest.skip("rsync is not installed")
    for number in (2, 3):
        WAYS[way](version(number), server.plugin_dir / NAME)
        serves(server, number)
    settled(server, 2)


def test_gcc_writes_straight_into_the_directory(server):
    for number in (2, 3):
        subprocess.run(compiler(number, "none", SOURCES / "versioned.c",
                                server.plugin_dir / NAME), check=True)
        serves(server, number)
    settled(server, 2)


def test_what_changes_nothing_is_no_reload(server):
    target = server.plugin_dir / NAME
    lines = len(server.log())
    target.touch()
    in_place(version(1), target)
    by_rename(version(1), target)
    run("install", "-m", "755")(version(1), target)
    time.sleep(0.3)
    assert len(server.log()) == lines, "\n".join(server.log())


# ---- links and directories ----


def test_a_symbolic_link_is_switched(server):
    target = server.plugin_dir / NAME
    for number in (2, 3):
        fresh = server.plugin_dir / ".link"
        fresh.symlink_to(version(number))
        fresh.rename(target)
        serves(server, number)
    settled(server, 2)


def releases(server, *numbers):
    """Directories beside the plugin directory, each with one version."""
    for number in numbers:
        made = server.directory / f"release-{number}"
        made.mkdir(mode=0o755)
        shutil.copy(version(number), made / NAME)
    return server.directory


def test_the_directory_is_replaced_by_another(server):
    parent = releases(server, 2, 3)
    for number in (2, 3):
        server.plugin_dir.rename(parent / f"before-{number}")
        (parent / f"release-{number}").rename(server.plugin_dir)
        serves(server, number)
    by_rename(version(4), server.plugin_dir / NAME)  # the new directory is watched
    serves(server, 4)
    assert count(server, "Reloaded in") >= 3


@pytest.fixture(name="linked")
def start_linked(serve):
    """A server whose plugin directory is a link to a release."""
    server = serve(start=False, arguments=["--no-access-log", "--reload"])
    server.plugin_dir.rmdir()
    releases(server, 1, 2, 3)
    server.plugin_dir.symlink_to(server.directory / "release-1")
    return server.start()


def test_the_link_to_the_directory_is_switched(linked):
    for number in (2, 3):
        fresh = linked.directory / ".current"
        fresh.symlink_to(linked.directory / f"release-{number}")
        fresh.rename(linked.plugin_dir)
        serves(linked, number)
    by_rename(version(4), linked.directory / "release-3" / NAME)
    serves(linked, 4)
    settled(linked, 3)


# ---- much at once ----


def test_many_files_at_once(server):
    names = [f"other{i}.json" for i in range(300)]
    for name in names:
        (server.plugin_dir / name).write_text("{}")
    by_rename(version(2), server.plugin_dir / NAME)
    for name in names:
        (server.plugin_dir / name).unlink()
    serves(server, 2)
    server.drop("tasks")
    server.drop("scope")
    wait_until(lambda: server.get("/hello").status == 200, "the others are served")
    assert count(server, "Reload failed") == 0


def test_more_events_than_the_system_keeps(server):
    """Overflow: the server is stopped while it is told too much."""
    limit = int(open("/proc/sys/fs/inotify/max_queued_events").read())
    a, b = server.plugin_dir / "a.txt", server.plugin_dir / "b.txt"
    server.send_signal(subprocess.signal.SIGSTOP)
    try:
        a.touch()
        for _ in range(limit // 2 + 10):  # each tells twice
            a.rename(b)
            a, b = b, a
        by_rename(version(2), server.plugin_dir / NAME)
    finally:
        server.send_signal(subprocess.signal.SIGCONT)
    serves(server, 2)
    by_rename(version(3), server.plugin_dir / NAME)
    serves(server, 3)
    settled(server, 2)


@pytest.mark.parametrize("way", ["in place", "rename", "cp", "gcc"])
def test_ten_quick_saves_end_with_the_last_one_served(server, way):
    built = [version(number) for number in range(2, 12)]
    for each in built:
        WAYS.get(way, run("cp"))(each, server.plugin_dir / NAME)
    serves(server, 11)
    time.sleep(0.3)
    lines = [line for line in server.log() if "Reloaded in" in line or "Reload failed" in line]
    served = [re.search(r"generation (\d+)", line).group(1) for line in lines]
    assert 1 <= len(lines) <= 10 and not count(server, "Reload failed"), "\n".join(lines)
    assert len(set(served)) == len(served), "served once more:\n" + "\n".join(lines)
    assert get(server, "/made") == "1"


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
def test_all_of_them_under_load(server):
    replace(server, version(1, name="ongoing"), "ongoing.so")
    wait_until(lambda: server.get("/whole").status == 200, "both are served")
    with Load(server, "/whole", 8):
        number = 1
        for way in ("in place", "in small steps", "rename", "backup", "cp", "install"):
            for name in ("versioned", "ongoing"):
                number += name == "versioned"
                WAYS[way](version(number % 2 + 1, name=name), server.plugin_dir / f"{name}.so")
            serves(server, number % 2 + 1)
            serves(server, number % 2 + 1, "/timers")


# ---- the routes file ----


def write_routes(server, *paths, app="versioned:version", more=""):
    entries = ", ".join(f'{{ "path": "{path}", "app": "{app}" }}' for path in paths)
    count = ', { "path": "/count", "app": "versioned:count" }'
    fresh = server.directory / ".routes"
    fresh.write_text(f'{{ "plugins": {{ "dir": "plugins" }}, "routes": [ {entries}{count}{more} ] }}')
    fresh.rename(server.directory / "routes.json")


@pytest.fixture(name="routed")
def start_routed(serve):
    server = serve(start=False, arguments=["--no-access-log", "--reload"])
    replace(server, version(1))
    write_routes(server, "/a")
    server.command.append(str(server.directory / "routes.json"))
    return server.start()


def test_an_edited_routes_file_is_served_and_its_app_goes_on(routed):
    assert [get(routed, "/count") for _ in range(2)] == ["1", "2"]
    write_routes(routed, "/a", "/b")
    serves(routed, 1, "/b")
    assert get(routed, "/count") == "3"
    write_routes(routed, "/a", "/b")  # nothing new
    (routed.directory / "routes.json").touch()
    settled(routed, 1)


def test_a_wrong_routes_file_is_told_and_the_mended_one_served(routed):
    assert get(routed, "/count") == "1"
    write_routes(routed, "b", "/c", more=', { "path": "/d", "app": "nobody" }')
    wait_until(lambda: count(routed, "Reload failed"), "it is refused")
    told = [line for line in routed.log() if line.startswith("ERROR")]
    assert len(told) == 3, told  # both mistakes, and what becomes of it
    assert get(routed, "/a") == "1"
    write_routes(routed, "/a", "/b")
    serves(routed, 1, "/b")
    assert get(routed, "/count") == "2"


def test_a_routes_file_that_is_gone_for_a_moment_changes_nothing(routed):
    path = routed.directory / "routes.json"
    content = path.read_text()
    path.unlink()
    wait_until(lambda: count(routed, "Reload failed"), "it is missed")
    assert get(routed, "/a") == "1"
    path.write_text(content)
    wait_until(lambda: count(routed, "Reloaded in"), "it is back")
    write_routes(routed, "/b")
    serves(routed, 1, "/b")
