# SPDX-License-Identifier: MIT
"""The contract, section 4: start-up and shutdown of applications."""

import signal
import socket
import time

import pytest

from capricorn import Server, seconds, wait_until


def configured(**settings):
    """The instance's configuration, as the "lifespan" test plugin reads it."""
    members = ", ".join(f'"{key}": "{value}"' for key, value in settings.items())
    return {"lifespan": "{" + members + "}"}


def fails_to_start(**options):
    """Starts a server that must not come up: the log."""
    server = Server(start=False, **options).launch()
    try:
        assert server.wait() == 3, server.log()
        assert not [line for line in server.log() if "running on" in line]
        return server
    finally:
        server.kill()


def test_4_1_startup_is_answered_before_any_connection_is_served(serve):
    server = serve("lifespan", configs=configured(startup="slow"))
    lines = "\n".join(server.log())
    order = [lines.index(text) for text in
             ("Waiting for application startup.", "startup done", "Application startup complete.",
              "Capricorn running on")]
    assert order == sorted(order)
    assert server.get("/state").text == "made at start-up"


def test_4_1_several_apps_all_answer_first(serve):
    server = serve("lifespan", "tasks", "scope", configs=configured(startup="slow"))
    assert server.get("/hello").status == 200
    assert server.get("/state").text == "made at start-up"


def test_4_2_a_failed_startup_is_logged_and_the_exit_status_is_3():
    server = fails_to_start(plugins=["lifespan"], configs=configured(startup="fail"))
    server.wait_for_log("ERROR:.*lifespan.*the kettle is cold")


def test_4_2_one_failed_app_among_others_stops_the_start():
    server = fails_to_start(plugins=["lifespan", "tasks", "scope"],
                            configs=configured(startup="fail"))
    server.wait_for_log("ERROR:.*lifespan.*the kettle is cold")


def test_4_2_a_create_that_fails_says_why_and_the_exit_status_is_3():
    server = fails_to_start(plugins=["lifespan"], configs=configured(create="fail"))
    server.wait_for_log("ERROR:.*lifespan.*no such database: tea")


def test_4_3_an_app_without_a_lifespan_is_served(serve):
    assert serve("tasks").get("/hello").text == "hello"


def test_4_3_an_app_whose_lifespan_is_not_supported_is_served(serve):
    server = serve("lifespan", configs=configured(startup="notsup"))
    assert server.get("/state").status == 200
    server.stop()
    assert not [line for line in server.log() if line.startswith(("ERROR", "WARNING"))]


def test_4_3_an_app_that_fails_in_its_lifespan_is_an_error():
    server = fails_to_start(plugins=["lifespan"], configs=configured(startup="error"))
    server.wait_for_log("ERROR:.*lifespan.*the kettle is broken")


def test_4_3_an_app_that_returns_without_an_answer_is_an_error():
    server = fails_to_start(plugins=["lifespan"], configs=configured(startup="silent"))
    server.wait_for_log("ERROR:.*lifespan")


def test_4_4_shutdown_comes_after_the_last_request(serve):
    server = serve("lifespan")
    with server.connect() as connection:
        connection.send_request("GET", "/slow")
        head = connection.read_head()
        server.send_signal(signal.SIGTERM)
        assert connection.read_body(head).text == "hello\ngoodbye\n"
    assert server.wait() == 0
    lines = "\n".join(server.log())
    assert "shutdown begins with 0 running" in lines
    order = [lines.index(text) for text in ("shutdown begins", "shutdown done", "destroyed")]
    assert order == sorted(order)


def test_4_4_the_server_waits_for_the_shutdown(serve):
    server = serve("lifespan", configs=configured(shutdown="slow"))
    server.stop()
    lines = "\n".join(server.log())
    assert lines.index("shutdown begins") < lines.index("shutdown done")


def test_4_4_a_failed_shutdown_is_logged_by_name(serve):
    server = serve("lifespan", configs=configured(shutdown="fail"))
    server.send_signal(signal.SIGINT)
    server.wait()
    server.wait_for_log("ERROR:.*lifespan.*the tap drips")


def test_4_4_a_shutdown_that_hangs_is_waited_for_up_to_a_limit(serve):
    server = serve("lifespan", configs=configured(shutdown="hang"))
    server.send_signal(signal.SIGINT)
    server.wait(timeout=30)
    server.wait_for_log("(ERROR|WARNING):.*lifespan.*shut-?down")


def test_4_5_state_made_at_startup_is_in_every_call(serve):
    server = serve("lifespan")
    with server.connect() as connection:
        for _ in range(3):
            assert connection.exchange("GET", "/state").text == "made at start-up"


def test_a_second_sigint_ends_a_create_that_hangs():
    server = Server(["lifespan"], configs={"lifespan": '{"create": "hang"}'}, start=False)
    server.launch()
    server.wait_for_log("create hangs")
    server.send_signal(signal.SIGINT)
    assert server.process.poll() is None
    time.sleep(0.05)  # two of the same that wait become one
    server.send_signal(signal.SIGINT)
    assert server.wait(5) == 3
    server.wait_for_log("ERROR: .*stopped while plugins were being loaded")
    server.clean()


def test_a_second_sigint_cuts_a_shutdown_that_hangs(serve):
    server = serve("lifespan", configs={"lifespan": '{"shutdown": "hang"}'})
    server.send_signal(signal.SIGINT)
    server.wait_for_log("shutdown begins")
    server.send_signal(signal.SIGINT)
    assert server.wait(5) == 0
    server.wait_for_log("WARNING:.*lifespan: its shut-down is cut short")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_4_6_a_draining_notice_reaches_running_requests(serve, number):
    server = serve("lifespan")
    with server.connect() as connection:
        connection.send_request("GET", "/slow")
        head = connection.read_head()
        assert connection.read_chunk() == b"hello\n"
        assert connection.is_quiet(0.1)
        server.send_signal(number)
        assert connection.read_chunk() == b"goodbye\n"
        assert connection.read_chunk() == b""
        assert head.status == 200
    assert server.wait() == 0


def test_while_draining_no_new_connection_is_served(serve):
    server = serve("lifespan")
    with server.connect() as connection:
        connection.send_request("GET", "/slow")
        head = connection.read_head()
        server.send_signal(signal.SIGTERM)
        connection.read_body(head)

        def refused():
            try:
                with socket.create_connection(("127.0.0.1", server.port), seconds(5)):
                    return False
            except OSError:
                return True
        wait_until(refused, "new connections are refused")
    assert server.wait() == 0
