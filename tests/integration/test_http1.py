# SPDX-License-Identifier: MIT
"""HTTP/1.1 and 1.0 on the wire: connections, framing, back-pressure, and real clients."""

import json
import re
import subprocess
import threading

import httpx
import pytest

from capricorn import Server, sanitized, seconds, wait_until
from conftest import module_server
from script import READ, REPORT, Script, body, sleep, start, step

server = module_server("script", "scope", "tasks", "streams")

MIB = 1 << 20


# ---- connections ----


def test_a_connection_is_kept_for_many_requests(server):
    with server.connect() as connection:
        for _ in range(50):
            response = connection.exchange("GET", "/hello")
            assert response.text == "hello" and response.keeps_alive


def test_connection_close_is_answered_and_obeyed(server):
    for value in ("close", "Close", "keep-alive, close", "close, TE"):
        with server.connect() as connection:
            response = connection.exchange("GET", "/hello", [("Connection", value)])
            assert response.get("connection") == "close"
            assert connection.is_closed()


def test_http_1_0_is_closed_unless_asked(server):
    with server.connect() as connection:
        response = connection.exchange("GET", "/hello", version="1.0")
        assert response.text == "hello" and not response.get("connection") == "keep-alive"
        assert connection.is_closed()


def test_http_1_0_is_kept_when_asked(server):
    with server.connect() as connection:
        for _ in range(3):
            connection.send("GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
            response = connection.read_head()
            assert response.get("connection", "").lower() == "keep-alive"
            assert connection.read_exactly(int(response.get("content-length"))) == b"hello"


def test_responses_have_date_and_server(server):
    response = server.get("/hello")
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", response.get("date"))
    assert response.get("server")
    assert response.version == "1.1" and response.reason == "OK"


def test_an_idle_connection_is_closed_after_its_time(serve):
    server = serve("tasks", arguments=["--timeout-keep-alive", "300ms"])
    with server.connect() as connection:
        assert connection.exchange("GET", "/hello").status == 200
        assert connection.exchange("GET", "/sleep?ms=600").status == 200, "busy is not idle"
        assert connection.is_closed()


def test_several_connections_are_served_at_once(server):
    connections = [server.connect() for _ in range(50)]
    for connection in connections:
        connection.send_request("GET", "/sleep?ms=300")
    for connection in connections:
        assert connection.read_response().text == "slept"
        connection.close()


def test_a_request_in_single_bytes_is_understood(server):
    with server.connect() as connection:
        for byte in b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc":
            connection.send(bytes([byte]))
        assert connection.read_response().text == "abc"


def test_empty_lines_before_a_request_are_ignored(server):
    with server.connect() as connection:
        connection.send("\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n")
        assert connection.read_response().text == "hello"


def test_what_is_no_http_is_refused_and_the_connection_closes(server):
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), b"HELLO\r\n\r\n",
                 b"GET /hello HTTP/1.1\r\nno colon here\r\n\r\n"):
        with server.connect() as connection:
            connection.send(data)
            response = connection.read_response()
            assert response.status in (400, 501) and not response.keeps_alive
            assert connection.is_closed()
    assert server.get("/hello").status == 200


# ---- pipelining ----


def test_pipelined_requests_are_answered_in_order(server):
    scripts = [Script(sleep(60 - 10 * i), start(200), body(f"answer {i}")) for i in range(6)]
    with server.connect() as connection:
        connection.send("".join(f"GET {s.target} HTTP/1.1\r\nHost: h\r\n\r\n" for s in scripts))
        for i in range(6):
            assert connection.read_response().text == f"answer {i}"


def test_pipelined_requests_with_bodies_are_told_apart(server):
    with server.connect() as connection:
        request = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n{}"
        chunked = ("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\n{}\r\n0\r\n\r\n")
        connection.send(request.format("GET /") + chunked.format("abc") + request.format("12345"))
        assert [connection.read_response().text for _ in range(3)] == ["GET /", "abc", "12345"]


def test_hundreds_of_pipelined_requests_are_all_answered(server):
    with server.connect() as connection:
        thread = threading.Thread(target=connection.send, args=(
            b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n" * 2000,))
        thread.start()
        for _ in range(2000):
            assert connection.read_response().text == "hello"
        thread.join()


def test_what_follows_a_close_request_is_not_served(server):
    since = len(server.access_log())
    with server.connect() as connection:
        connection.send("GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
                        "GET /scope?second HTTP/1.1\r\nHost: h\r\n\r\n")
        assert connection.read_response().text == "hello"
        assert connection.is_closed()
    server.get("/scope?after-all")
    server.wait_for_access("after-all")
    assert not [line for line in server.access_log()[since:] if "/scope?second" in line]


def test_a_body_that_the_app_does_not_read_does_not_become_a_request(server):
    with server.connect() as connection:
        inner = b"GET /scope?smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
        script = Script(start(200), body("ignored"))
        response = connection.exchange("POST", script.target, body=inner)
        assert response.text == "ignored"
        if response.keeps_alive:
            assert connection.exchange("GET", "/hello").text == "hello"
        else:
            assert connection.is_closed()
    assert not [line for line in server.access_log() if "smuggled" in line]


# ---- bodies ----


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 3 * MIB])
def test_echo_of_any_size_with_a_length(server, size):
    sent = bytes(i * 7 % 256 for i in range(1000)) * (size // 1000 + 1)
    sent = sent[:size]
    assert server.request("POST", "/echo", body=sent, timeout=30).body == sent


def test_echo_chunked_both_ways(server):
    pieces = [b"a", b"b" * 1000, b"c" * 70000]
    with server.connect() as connection:
        connection.send_request("POST", "/echo", [("Transfer-Encoding", "Chunked")])
        head = None
        for piece in pieces:
            connection.send_chunk(piece)
            if head is None:
                head = connection.read_head()
                assert head.get("transfer-encoding") == "chunked"
                assert connection.read_chunk() == b"a", "an echo comes before the request's end"
        connection.send("0\r\n\r\n")
        rest = connection.read_body(head)
        assert rest.body == b"".join(pieces[1:])
        assert connection.exchange("GET", "/hello").text == "hello"


def test_chunk_extensions_and_uppercase_sizes_are_understood(server):
    with server.connect() as connection:
        connection.send_request("POST", "/up", [("Transfer-Encoding", "chunked")])
        connection.send("A;name=value\r\n0123456789\r\n00a;x=\"y z\"\r\n0123456789\r\n000\r\n\r\n")
        assert connection.read_response().text == "20"


def test_downloads_of_any_size(server):
    for size in (0, 1, 65536, 5 * MIB + 1):
        for length in (0, 1):
            assert len(server.get(f"/down?bytes={size}&length={length}").body) == size


def test_a_large_response_to_head_costs_nothing(server):
    response = server.request("HEAD", f"/down?bytes={100 * MIB}&length=1")
    assert response.get("content-length") == str(100 * MIB)


# ---- back-pressure ----


def test_a_slow_reader_does_not_grow_memory(serve):
    server = serve("streams", "tasks")
    server.get(f"/down?bytes={MIB}")
    before = server.memory_kib()
    slow = [server.connect(receive_buffer=65536) for _ in range(8)]
    for connection in slow:
        connection.send_request("GET", f"/down?bytes={64 * MIB}")
        connection.read_head()

    def settled():
        first = server.get("/sent").text
        return server.get("/sent").text == first
    wait_until(settled, "the senders wait")
    grown = server.memory_kib() - before
    for connection in slow:
        connection.close()
    assert grown < 8 * 1024 * (4 if sanitized() else 1), f"grew by {grown} KiB"


def test_a_slow_app_does_not_grow_memory(serve):
    server = serve("streams", "tasks")
    server.request("POST", "/up", body=b"x" * MIB)
    before = server.memory_kib()
    with server.connect() as connection:
        total = 10 * MIB
        connection.send_request("POST", "/up?pause=1", [("Content-Length", str(total))])
        sender = threading.Thread(target=connection.send, args=(b"x" * total,))
        sender.start()
        wait_until(lambda: int(server.get("/received").text) > MIB, "something was received")
        assert server.memory_kib() - before < 4 * 1024 * (4 if sanitized() else 1)
        sender.join()
        assert connection.read_response().text == str(total)


def test_while_the_app_does_not_read_the_client_cannot_send(server):
    script = Script(sleep(400), READ, REPORT)
    with server.connect() as connection:
        total = 15 * MIB
        connection.send_request("POST", script.target, [("Content-Length", str(total))])
        connection.socket.settimeout(0.2)
        sent = 0
        try:
            while sent < total:
                sent += connection.socket.send(b"y" * 65536)
        except OSError:
            pass
        assert sent < total, "the kernel's buffers alone cannot hold all of it"
        connection.socket.settimeout(seconds(10))
        connection.send(b"y" * (total - sent))
        assert connection.read_response().status == 200
    assert dict(script.results(server))["read"].startswith(f"{total}:")


# ---- disconnects ----


def test_a_client_that_goes_away_at_any_point_harms_nobody(server):
    request = b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789"
    descriptors = server.descriptors()
    for cut in range(0, len(request) + 1, 3):
        for end in ("close", "reset"):
            connection = server.connect()
            connection.send(request[:cut])
            getattr(connection, end)()
    assert server.get("/hello").text == "hello"
    wait_until(lambda: server.descriptors() <= descriptors + 1, "the connections are closed")


def test_a_client_that_half_closes_after_its_request_gets_its_answer(server):
    with server.connect() as connection:
        connection.send_request("GET", "/hello", [("Connection", "close")])
        connection.socket.shutdown(1)
        try:
            assert connection.read_response().text == "hello"
        except ConnectionError:
            pass  # a half-closed client may count as gone: what matters is that nothing hangs
    assert server.get("/hello").text == "hello"


def test_a_client_that_goes_away_behind_unread_requests_is_noticed(server):
    since = server.mark()
    with server.connect() as connection:
        connection.send("GET /gone HTTP/1.1\r\nHost: h\r\n\r\n")
        server.wait_for_log("gone waits 0", since=since)
        connection.send(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n" * 4000)
    server.wait_for_log("disconnect again 1", since=since)


def test_a_client_that_resets_behind_an_unread_body_is_noticed(server):
    script = Script(step("log", "begun"), sleep(60000))
    since = server.mark()
    with server.connect() as connection:
        connection.send_request("POST", script.target, [("Content-Length", "1000000")])
        connection.send(b"x" * 200000)
        server.wait_for_log("begun", since=since)
        connection.reset()
    assert dict(script.results(server))["sleep"] == -9


def test_a_client_that_sends_requests_and_reads_nothing_is_not_read_without_end(serve):
    server = serve("tasks")
    before = server.memory_kib()
    clients = [server.connect(receive_buffer=4096) for _ in range(10)]
    for client in clients:
        client.socket.settimeout(0.1)
        with pytest.raises(OSError):
            for _ in range(1000):
                client.send(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n" * 1000)
    assert server.get("/hello").text == "hello"
    assert server.memory_kib() - before < 8 * 1024 * (4 if sanitized() else 1)
    for client in clients:
        client.close()


def test_when_descriptors_run_out_connections_wait_and_the_log_says_so(serve):
    server = serve("tasks", wrapper=["prlimit", "--nofile=64:64"])
    clients = [server.connect() for _ in range(80)]
    server.wait_for_log("WARNING:.*[Tt]oo many open files")
    for client in clients[:40]:
        client.close()
    for client in clients[40:]:
        assert client.exchange("GET", "/hello").text == "hello"
        client.close()
    assert len([line for line in server.log() if "too many open files" in line.lower()]) <= 3


# ---- Unix socket, port 0 ----


def test_a_unix_socket_is_served_and_removed_at_the_end(serve):
    server = serve("tasks", "streams", uds=True)
    assert server.get("/hello").text == "hello"
    assert server.request("POST", "/echo", body=b"z" * 200000).body == b"z" * 200000
    result = subprocess.run(["curl", "-sS", "--unix-socket", server.socket_path,
                             "http://localhost/hello"], capture_output=True, text=True)
    assert result.stdout == "hello", result.stderr
    transport = httpx.HTTPTransport(uds=server.socket_path)
    with httpx.Client(transport=transport) as client:
        assert client.get("http://localhost/hello").text == "hello"


def test_port_0_picks_a_port_for_each(serve):
    first, second = serve("tasks"), serve("tasks")
    assert first.port != second.port
    assert first.get("/hello").text == second.get("/hello").text == "hello"


# ---- the access log ----


def test_the_access_line_is_uvicorns(serve):
    server = serve("tasks")
    with server.connect() as connection:
        connection.exchange("GET", "/hello?city=London")
        port = connection.port
    server.wait_for_access(
        rf'^INFO:     127\.0\.0\.1:{port} - "GET /hello\?city=London HTTP/1\.1" 200 OK$')
    server.get("/nowhere")
    server.wait_for_access(r'- "GET /nowhere HTTP/1\.1" 404 Not Found$')


def test_the_access_log_follows_a_format():
    form = '%(h)s %(l)s %(u)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s" %(D)s %(route)s'
    with Server(["tasks"], arguments=["--access-log-format", form]) as server:
        with server.connect() as connection:
            connection.exchange("GET", "/hello?x=1", [("User-Agent", 'a "b"')])
        line = server.wait_for_access(r"/hello")
    assert re.fullmatch(r'127\.0\.0\.1 - - "GET /hello\?x=1 HTTP/1\.1" 200 5 "-" "a \\x22b\\x22" \d+ /hello',
                        server.access_log()[0]), line


def test_both_logs_can_be_json():
    with Server(["tasks"], arguments=["--log-format", "json"], start=False, uds=True) as server:
        server.launch()

        def is_served():
            try:
                return server.get("/hello").status == 200
            except OSError:
                return False
        wait_until(is_served, "the server answers")
    entry = json.loads(server.access_log()[0])
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/hello", 200)
    assert (entry["app"], entry["route"], entry["bytes"]) == ("tasks", "/hello", 5)
    assert entry["duration_ms"] > 0 and entry["client"] == "unix"
    messages = [json.loads(line) for line in server.log()]
    assert messages[0]["level"] == "INFO" and messages[0]["message"].startswith("Started server")


def test_no_access_log_when_not_wanted():
    with Server(["tasks"], arguments=["--no-access-log"]) as server:
        assert server.get("/hello").status == 200
    assert server.access_log() == []


def test_the_access_log_escapes_what_came_from_outside(serve):
    server = serve("tasks")
    with server.connect() as connection:
        connection.send(b"GET /caf\xe9\x1b[31m HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        connection.read_response()
    server.get("/hello?last")
    server.wait_for_access("last")
    assert not any("\x1b" in line for line in server.access_log())


# ---- routes ----


def test_an_unknown_path_is_a_404(server):
    response = server.get("/nowhere")
    assert response.status == 404 and response.json() == {"detail": "Not Found"}


def test_another_method_is_a_405_with_allow(server):
    response = server.request("DELETE", "/hello")
    assert response.status == 405 and response.json() == {"detail": "Method Not Allowed"}
    allowed = {method.strip() for method in response.get("allow").split(",")}
    assert {"GET", "HEAD"} <= allowed <= {"GET", "HEAD", "OPTIONS"}
    both = server.request("DELETE", "/scope/two/1/x").get("allow")
    assert {"GET", "HEAD", "POST"} <= set(both.replace(" ", "").split(","))


def test_options_is_answered_from_the_table(server):
    response = server.request("OPTIONS", "/hello")
    assert response.status in (200, 204) and "GET" in response.get("allow")


def test_a_trailing_slash_is_redirected_to_the_form_that_exists(server):
    response = server.get("/hello/?a=b")
    assert response.status == 307 and response.get("location") == "/hello?a=b"


# ---- real clients ----


def test_curl_works(server):
    def curl(*arguments):
        return subprocess.run(["curl", "-sS", "--max-time", str(int(seconds(20))), *arguments],
                              capture_output=True)
    url = server.url
    assert curl(f"{url}/hello").stdout == b"hello"
    assert curl("-I", f"{url}/hello").stdout.startswith(b"HTTP/1.1 200 OK\r\n")
    assert curl("--http1.0", f"{url}/hello").stdout == b"hello"
    assert curl("-d", "a=b", f"{url}/echo").stdout == b"a=b"
    big = curl("-H", "Transfer-Encoding: chunked", "--data-binary", f"@{__file__}", f"{url}/echo")
    assert big.stdout == open(__file__, "rb").read()
    posted = curl("-H", "Expect: 100-continue", "--data-binary", f"@{__file__}", f"{url}/echo")
    assert posted.stdout == big.stdout
    twice = curl("-v", f"{url}/hello", f"{url}/hello")
    assert twice.stdout == b"hellohello"
    assert re.search(rb"Re-?using existing .*connection", twice.stderr), twice.stderr


def test_httpx_works(server):
    with httpx.Client(base_url=server.url, timeout=seconds(20)) as client:
        assert client.get("/hello").text == "hello"
        assert client.post("/echo", content=b"x" * 100000).content == b"x" * 100000

        def pieces():
            for i in range(20):
                yield b"%d" % i * 1000
        assert client.post("/echo", content=pieces()).content == b"".join(pieces())
        with client.stream("GET", f"/down?bytes={3 * MIB}") as response:
            assert sum(len(piece) for piece in response.iter_bytes()) == 3 * MIB
        assert client.head("/hello").headers["content-length"] == "5"


def test_h2load_works(server):
    result = subprocess.run(["h2load", "--h1", "-n", "2000", "-c", "20", f"{server.url}/hello"],
                            capture_output=True, text=True, timeout=seconds(60))
    assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in result.stdout, result.stdout
    assert "2000 2xx" in result.stdout


def test_wrk_works(server):
    result = subprocess.run(["wrk", "-t", "1", "-c", "20", "-d", "1s", f"{server.url}/hello"],
                            capture_output=True, text=True, timeout=seconds(60))
    assert result.returncode == 0, result.stderr
    assert "Socket errors" not in result.stdout and "Non-2xx" not in result.stdout, result.stdout
    assert int(re.search(r"(\d+) requests in", result.stdout).group(1)) > 0
