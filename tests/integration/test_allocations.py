# SPDX-License-Identifier: MIT
"""In steady state a request with no upstream costs no heap allocation; a library counts."""

import mmap
import os
import struct
import subprocess

import pytest

from capricorn import BUILD, sanitized
from script import READ, REPORT, Script

COUNTER = r"""
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static _Atomic uint64_t *count;

__attribute__((constructor)) static void open_count(void)
{
    const char *path = getenv("ALLOCATION_COUNT");
    int fd = path ? open(path, O_RDWR) : -1;
    if (fd < 0) return;
    count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
}

static void note(void) { if (count) (*count)++; }

void *malloc(size_t size) { note(); return __libc_malloc(size); }
void *calloc(size_t n, size_t size) { note(); return __libc_calloc(n, size); }
void *realloc(void *old, size_t size) { note(); return __libc_realloc(old, size); }
void *memalign(size_t align, size_t size) { note(); return __libc_memalign(align, size); }
void *aligned_alloc(size_t align, size_t size) { note(); return __libc_memalign(align, size); }
int posix_memalign(void **out, size_t align, size_t size)
{
    note();
    *out = __libc_memalign(align, size);
    return *out ? 0 : 12;
}
"""


@pytest.fixture(scope="module")
def counting(tmp_path_factory):
    """Starts servers with the counter preloaded; count() says how many allocations there were."""
    if sanitized():
        pytest.skip("sanitizers bring their own allocator")
    import capricorn
    folder = tmp_path_factory.mktemp("counter")
    (folder / "counter.c").write_text(COUNTER)
    subprocess.run(["gcc", "-std=gnu11", "-O1", "-fPIC", "-shared", "-o", folder / "counter.so",
                    folder / "counter.c"], check=True)
    numbers = folder / "count"
    numbers.write_bytes(bytes(4096))
    with open(numbers, "r+b") as file, mmap.mmap(file.fileno(), 4096) as shared:
        with capricorn.Server(["tasks", "script", "scope", "streams", "around", "weather_api"],
                              environment={"LD_PRELOAD": str(folder / "counter.so"),
                                           "ALLOCATION_COUNT": str(numbers)}) as server:
            server.count = lambda: struct.unpack_from("Q", shared)[0]
            yield server


def allocations(server, connection, ask, rounds=1000, warm=200):
    """How many allocations that many rounds cost, once the pools are warm."""
    for _ in range(warm):
        ask(connection)
    before = server.count()
    for _ in range(rounds):
        ask(connection)
    return server.count() - before


def test_the_counter_counts(counting):
    assert counting.count() > 100, "starting allocates"


def test_a_plain_request_costs_no_allocation(counting):
    with counting.connect() as connection:
        def ask(connection):
            assert connection.exchange("GET", "/hello").text == "hello"
        assert allocations(counting, connection, ask) == 0


def test_a_request_that_sleeps_costs_no_allocation(counting):
    with counting.connect() as connection:
        def ask(connection):
            assert connection.exchange("GET", "/sleep?ms=0").text == "slept"
        assert allocations(counting, connection, ask) == 0


def test_a_small_body_costs_no_allocation(counting):
    with counting.connect() as connection:
        def ask(connection):
            assert connection.exchange("POST", "/echo", body=b"x" * 500).body == b"x" * 500
        assert allocations(counting, connection, ask) == 0


def test_a_404_costs_no_allocation(counting):
    with counting.connect() as connection:
        def ask(connection):
            assert connection.exchange("GET", "/nowhere").status == 404
        assert allocations(counting, connection, ask) == 0


def test_pipelined_requests_cost_at_most_one_allocation_for_each_read(counting):
    with counting.connect() as connection:
        def ask(connection):
            connection.send(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n" * 10)
            for _ in range(10):
                assert connection.read_response().text == "hello"
        assert allocations(counting, connection, ask, rounds=100) <= 100, \
            "what was read too early waits in a buffer that an idle connection does not keep"


def test_new_connections_do_not_allocate_without_end(counting):
    def ask(_):
        assert counting.get("/hello").text == "hello"
    assert allocations(counting, None, ask, rounds=200, warm=50) <= 200 * 12


def test_a_script_of_any_kind_frees_what_it_takes(counting):
    before = counting.memory_kib()
    for _ in range(300):
        assert counting.get(Script(READ, REPORT).target).status == 200
    assert counting.memory_kib() - before < 2048
    assert os.path.isdir(BUILD)
