/* SPDX-License-Identifier: MIT
 * Blocking handlers on the framework: all that it offers, from a thread. */
#include <csgi/web.h>
#include <unistd.h>

CSGI_BLOCKING_GET(ask, "/ask/{city}", CSGI_QUERY_INT("days", .default_value = "2", .ge = "1"));
CSGI_BLOCKING_GET(several, "/several");
CSGI_BLOCKING_ROUTE(fail, "PUT,PATCH", "/fail");
CSGI_GET(tell, "/tell/{city}", CSGI_QUERY_INT("days"));

static csgi_status tell(csgi_call *call)
{
    return csgi_reply_json(call, 200, "{'city': %s, 'days': %ld, 'temp': %g}",
                           csgi_path_str(call, "city"), (long)csgi_query_int(call, "days"), 21.5);
}

static csgi_status ask(csgi_call *call)
{
    csgi_json told = csgi_get_json(call, "/tell/%s?days=%ld", csgi_path_str(call, "city"),
                                   (long)csgi_query_int(call, "days"));

    usleep(1000);
    csgi_reply_header(call, "x-kind", "blocking");
    return csgi_reply_json(call, 200, "{'told': %s, 'days': %ld, 'temp': %g}",
                           csgi_json_str(told, "city"), (long)csgi_json_int(told, "days"),
                           csgi_json_double(told, "temp"));
}

static csgi_status note(csgi_call *call, void *arg)
{
    (void)arg;
    csgi_log(call, CSGI_LOG_WARNING, "noted");
    return CSGI_OK;
}

static csgi_status double_it(csgi_call *call, void *arg)
{
    int *number = arg;

    csgi_sleep(call, 20);
    *number *= 2;
    return CSGI_OK;
}

static csgi_status square(void *arg)
{
    int *number = arg;

    *number *= *number;
    return CSGI_OK;
}

static csgi_status several(csgi_call *call)
{
    int numbers[] = { 1, 2, 3 };
    size_t len;

    csgi_each(call, double_it, numbers, 3);
    csgi_offload(call, square, &numbers[2]);
    csgi_read_file(call, "/proc/self/comm", &len);
    csgi_background(call, note, NULL, 0);
    return csgi_reply_json(call, 200, "[%d, %d, %d, %i]", numbers[0], numbers[1], numbers[2],
                           len > 0);
}

static csgi_status fail(csgi_call *call)
{
    return csgi_fail(call, 409, "no, %s", "not now");
}

CSGI_WEB_PLUGIN("threads_web", "1.0.0", "Blocking handlers", CSGI_ROUTES(ask, several, fail, tell));
