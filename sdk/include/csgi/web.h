/* SPDX-License-Identifier: MIT
 * The framework: routes, checked parameters, JSON, configuration and outbound requests for
 * plugins written in C. It is no ABI: it stands on csgi.h and ext/ alone, and each plugin links
 * its own copy (libcsgi_web.a, then libcjson). A whole plugin:
 *
 *     #include <csgi/web.h>
 *
 *     CSGI_GET(get_item, "/items/{id}", CSGI_QUERY_STR("unit", .default_value = "kg"));
 *
 *     static csgi_status get_item(csgi_call *call)
 *     {
 *         const char *id = csgi_path_str(call, "id");
 *         csgi_json item = csgi_get_json(call, "http://127.0.0.1:9000/items/%s", id);
 *
 *         return csgi_reply_json(call, 200, "{'id': %s, 'weight': %g, 'unit': %s}", id,
 *                                csgi_json_double(item, "weight"), csgi_query_str(call, "unit"));
 *     }
 *
 *     CSGI_WEB_PLUGIN("items", "1.0.0", "Tells what items weigh", CSGI_ROUTES(get_item));
 *
 * What fails, sticks, as an exception would: the first failure of a call (csgi_fail, an upstream
 * that is down, an answer without the member) is kept and becomes the response, whatever the
 * handler returns. From then on the functions here (but csgi_log) do nothing, and give "" or 0; so
 * a handler reads straight on, and asks csgi_failed only before it does something of its own that
 * must not happen.
 *
 * Every string is UTF-8, ends with NUL, has none inside, and lives as long as the call. All
 * functions that take a call are [task]; those that may suspend say so. */
#ifndef CSGI_WEB_H
#define CSGI_WEB_H

#include <csgi/csgi.h>
#include <csgi/ext/draft/client.h>
#include <csgi/ext/draft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CSGI_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define CSGI_PRINTF(at, first)
#endif

/* One call of a handler, or of a start-up or shutdown function. The first four are what csgi.h
 * gives, for what the framework does not do. */
typedef struct csgi_call {
    const csgi_host *host;
    const csgi_scope *scope;
    csgi_receive *receive;
    csgi_send *send;
    struct csgi_web_call *own; /* the framework's own */
} csgi_call;

/* Answers a call: reply once and return CSGI_OK, which is what the reply functions return. */
typedef csgi_status csgi_handler(csgi_call *call);

/* ---- what a route or a plugin declares ---- */

enum {
    CSGI_IN_END, /* ends a list */
    CSGI_IN_QUERY,
    CSGI_IN_PATH,
    CSGI_IN_CONFIG,
    CSGI_IN_SUMMARY,
    CSGI_IN_STARTUP,
    CSGI_IN_SHUTDOWN,
    CSGI_IN_HEADER,
    CSGI_IN_STATE
};

enum { CSGI_TYPE_STR = 1, CSGI_TYPE_INT };

/* One thing declared. Use the macros below; what they take after the name are these fields:
 * CSGI_QUERY_INT("days", .default_value = "3", .description = "how far to look ahead"). */
typedef struct csgi_declaration {
    uint32_t in, type; /* CSGI_IN_*, CSGI_TYPE_* */
    const char *name;
    const char *default_value; /* as it would be written in a query; NULL: required */
    int optional;              /* 1: may be missing; a str is then NULL, an int 0 */
    const char *ge, *le;       /* of an int: the least and the greatest; NULL: none */
    const char *description;
    csgi_handler *run; /* start-up, shutdown, save */
    uint32_t version;  /* of the state */
    csgi_handler *restore;
    uint32_t oldest; /* version that restore reads; 0: that one alone */
} csgi_declaration;

/* Items of CSGI_GET and its like: parameters of the query, the path and the headers. A missing or
 * malformed one is answered with 422 before the handler is called. Of several values in a query the
 * last counts, of several headers the first. A str of the path needs no declaration. An int does,
 * even of "/items/{id:int}", which alone makes another path a 404; "/items/{id}" with
 * CSGI_PATH_INT("id") makes it a 422. A header's name has no case, and its "_" stand for "-":
 * CSGI_HEADER_STR("user_agent") is User-Agent. */
#define CSGI_QUERY_STR(...)  CSGI_DECLARE_(CSGI_IN_QUERY, CSGI_TYPE_STR, __VA_ARGS__)
#define CSGI_QUERY_INT(...)  CSGI_DECLARE_(CSGI_IN_QUERY, CSGI_TYPE_INT, __VA_ARGS__)
#define CSGI_PATH_STR(...)   CSGI_DECLARE_(CSGI_IN_PATH, CSGI_TYPE_STR, __VA_ARGS__)
#define CSGI_PATH_INT(...)   CSGI_DECLARE_(CSGI_IN_PATH, CSGI_TYPE_INT, __VA_ARGS__)
#define CSGI_HEADER_STR(...) CSGI_DECLARE_(CSGI_IN_HEADER, CSGI_TYPE_STR, __VA_ARGS__)
#define CSGI_HEADER_INT(...) CSGI_DECLARE_(CSGI_IN_HEADER, CSGI_TYPE_INT, __VA_ARGS__)
#define CSGI_SUMMARY(text)   CSGI_DECLARE_(CSGI_IN_SUMMARY, 0, "summary", .description = "" text)

/* Items of CSGI_WEB_PLUGIN: keys of the configuration (an unknown key, a wrong type or a required
 * key that is missing: the plugin is not loaded, and the log says why); functions to run before the
 * first and after the last request. When a start-up function fails, so does the start. */
#define CSGI_CONFIG_STR(...)      CSGI_DECLARE_(CSGI_IN_CONFIG, CSGI_TYPE_STR, __VA_ARGS__)
#define CSGI_CONFIG_INT(...)      CSGI_DECLARE_(CSGI_IN_CONFIG, CSGI_TYPE_INT, __VA_ARGS__)
#define CSGI_ON_STARTUP(handler)  CSGI_DECLARE_(CSGI_IN_STARTUP, 0, #handler, .run = (handler))
#define CSGI_ON_SHUTDOWN(handler) CSGI_DECLARE_(CSGI_IN_SHUTDOWN, 0, #handler, .run = (handler))

/* An item of CSGI_WEB_PLUGIN: state that outlives a reload. CSGI_STATE(3, save, restore): save
 * writes it down in the old code, restore reads it in the new one, whose start-up functions have
 * run; nothing comes between them. Both are handlers without anybody to reply to, and run [loop]:
 * they must not wait.
 *     static csgi_status save(csgi_call *call)
 *     {
 *         csgi_json_write(call, "{'visits': %d}", visits);
 *         return CSGI_OK;
 *     }
 *     static csgi_status restore(csgi_call *call)
 *     {
 *         visits = (int)csgi_json_int(csgi_saved_json(call), "visits");
 *         return CSGI_OK;
 *     }
 * The number is the version of what save writes, 1 or more. What another version wrote is not read:
 * the new code starts afresh, and the log says so; unless it is not below .oldest, as in
 * CSGI_STATE(3, save, restore, .oldest = 2). A restore that fails (csgi_fail, a member that is
 * missing) is the end of the reload, and the old code goes on; a save that fails is a fresh start.
 * csgi_alloc in restore lasts until the shutdown functions have run, in save until it returns. */
#define CSGI_STATE(number, save, ...)                                            \
    CSGI_DECLARE_(CSGI_IN_STATE, 0, "state", .run = (save), .version = (number), \
                  .restore = __VA_ARGS__)

/* Declares a handler and its route; it stands above the handler, like a decorator:
 * CSGI_GET(get_weather, "/weather", CSGI_QUERY_STR("city")); */
#define CSGI_GET(handler, ...)    CSGI_ROUTE(handler, "GET", __VA_ARGS__)
#define CSGI_POST(handler, ...)   CSGI_ROUTE(handler, "POST", __VA_ARGS__)
#define CSGI_PUT(handler, ...)    CSGI_ROUTE(handler, "PUT", __VA_ARGS__)
#define CSGI_PATCH(handler, ...)  CSGI_ROUTE(handler, "PATCH", __VA_ARGS__)
#define CSGI_DELETE(handler, ...) CSGI_ROUTE(handler, "DELETE", __VA_ARGS__)
/* The same for any methods: CSGI_ROUTE(save, "PUT,PATCH", "/items/{id}"); */
#define CSGI_ROUTE(handler, methods, ...) \
    CSGI_ROUTE_(handler, 0, methods, __VA_ARGS__, { .in = CSGI_IN_END })

/* The same for handlers that block (a library that knows no other way, a long computation): each
 * call runs on a thread of its own, several at once, so what they share needs locks. All functions
 * here work there, and block that thread alone. What they start (csgi_background) runs on the
 * worker's thread, as start-up functions do, and must not block. */
#define CSGI_BLOCKING_GET(handler, ...)    CSGI_BLOCKING_ROUTE(handler, "GET", __VA_ARGS__)
#define CSGI_BLOCKING_POST(handler, ...)   CSGI_BLOCKING_ROUTE(handler, "POST", __VA_ARGS__)
#define CSGI_BLOCKING_PUT(handler, ...)    CSGI_BLOCKING_ROUTE(handler, "PUT", __VA_ARGS__)
#define CSGI_BLOCKING_PATCH(handler, ...)  CSGI_BLOCKING_ROUTE(handler, "PATCH", __VA_ARGS__)
#define CSGI_BLOCKING_DELETE(handler, ...) CSGI_BLOCKING_ROUTE(handler, "DELETE", __VA_ARGS__)
#define CSGI_BLOCKING_ROUTE(handler, methods, ...) \
    CSGI_ROUTE_(handler, CSGI_BLOCKING, methods, __VA_ARGS__, { .in = CSGI_IN_END })

/* Declares the plugin, once, at the end of the file:
 * CSGI_WEB_PLUGIN("name", "version", "summary", CSGI_ROUTES(handler, ...), items...); */
#define CSGI_WEB_PLUGIN(name, version, summary, ...) \
    CSGI_WEB_PLUGIN_(name, version, summary, __VA_ARGS__, { .in = CSGI_IN_END })
/* The handlers that the plugin serves, 32 at most. */
#define CSGI_ROUTES(...) (__VA_ARGS__)

/* ---- what was declared, read by name ---- */

/* A declared parameter of the query; of the path; of the headers, by its name as declared; a key of
 * the configuration. Asking for what is not declared, or not as that type, fails the call with 500
 * and a line in the log. */
const char *csgi_query_str(csgi_call *call, const char *name);
int64_t csgi_query_int(csgi_call *call, const char *name);
const char *csgi_path_str(csgi_call *call, const char *name);
int64_t csgi_path_int(csgi_call *call, const char *name);
const char *csgi_header_str(csgi_call *call, const char *name);
int64_t csgi_header_int(csgi_call *call, const char *name);
const char *csgi_config_str(csgi_call *call, const char *name);
int64_t csgi_config_int(csgi_call *call, const char *name);

/* What the start-up function has kept for the handlers; NULL before. It is the plugin's own: free
 * it in the shutdown function, or take it from csgi_alloc, which at start-up lasts until then. */
void *csgi_state(const csgi_call *call);
void csgi_set_state(csgi_call *call, void *state);

/* ---- replies and failures ---- */

/* Sends a JSON body made by the template, which is JSON with single quotes:
 * csgi_reply_json(call, 200, "{'city': %s, 'temp_c': %g}", city, temp_c)
 *   %s   a string, escaped and in quotes; NULL is null
 *   %d   an int; %u, %ld, %lu, %lld, %llu, %zu, %jd, and PRId64 as well
 *   %g   a double, in the shortest form that reads back the same, as 21.5 or 14.0; not NaN
 *   %i   an int, as true or false
 * White space is left out, and a comma that is missing between two values is put in. A template
 * that does not make JSON fails the call with 500, and the log says where it is wrong. [suspends]
 */
csgi_status csgi_reply_json(csgi_call *call, int status, const char *json_template, ...)
    CSGI_PRINTF(3, 4);

/* Writes the beginning of a JSON body, or a further piece; csgi_reply_json adds the end:
 *     csgi_json_write(call, "{'cities': [");
 *     for (i = 0; i < count; i++)
 *         csgi_json_write(call, "%s", cities[i]);
 *     return csgi_reply_json(call, 200, "]}"); */
void csgi_json_write(csgi_call *call, const char *json_template, ...) CSGI_PRINTF(2, 3);

/* Sends plain text, made as printf makes it. [suspends] */
csgi_status csgi_reply_text(csgi_call *call, int status, const char *format, ...) CSGI_PRINTF(3, 4);

/* Adds a header to the reply that follows; several of one name are all sent. A content-type takes
 * the place of the reply's own. What frames a message (content-length and the like) is the
 * server's. The answer to a call that fails has none of them: where a client needs both, as with a
 * 401, reply with csgi_reply_json(call, 401, ...). */
void csgi_reply_header(csgi_call *call, const char *name, const char *value);

/* Fails the call: its response will be {"detail":"..."} with that status (400-599). Returns
 * CSGI_EFAIL, so that a handler can say: return csgi_fail(call, 404, "no city %s", city); */
csgi_status csgi_fail(csgi_call *call, int status, const char *format, ...) CSGI_PRINTF(3, 4);

/* Has the call failed? The status it failed with, or 0. */
int csgi_failed(const csgi_call *call);

/* As csgi_failed, and takes the failure back: the call goes on as if it had not failed. What
 * cannot be answered (no memory, the task is cancelled) stays, and gives 0. */
int csgi_catch(csgi_call *call);

/* ---- asking other servers ---- */

/* A JSON value that was read; valid until the call ends. What fails makes a value that is empty,
 * and everything read from it is 0 or "". */
typedef struct csgi_json {
    csgi_call *call;
    const void *node;
} csgi_json;

/* GETs a JSON document. The URL is made by the template: a %s at its very beginning is the base,
 * and put in as it is; every other %s is percent-encoded, so that it stays one segment of the path
 * or one value of the query. %d and its like are as for csgi_reply_json.
 *     csgi_get_json(call, "%s/weather/%s?days=%d", base, city, days)
 * A URL that is a path alone asks this server itself.
 * The call fails with 502 when the other server cannot be reached, answers something else than 2xx
 * or no JSON (of 64 levels at most, no name twice), with 504 when it takes too long, and with 404
 * and the answer's own detail when it says 404. Redirects are not followed. [suspends] */
csgi_json csgi_get_json(csgi_call *call, const char *url_template, ...) CSGI_PRINTF(2, 3);

/* POSTs a JSON document made as by csgi_reply_json; the rest is as for csgi_get_json. Make the URL
 * with csgi_url. [suspends] */
csgi_json csgi_post_json(csgi_call *call, const char *url, const char *json_template, ...)
    CSGI_PRINTF(3, 4);

/* Makes a URL as csgi_get_json does. */
const char *csgi_url(csgi_call *call, const char *url_template, ...) CSGI_PRINTF(2, 3);

/* A request of any kind. What is NULL or 0 is left out, or has its default. */
typedef struct csgi_http_request {
    const char *method;         /* NULL: GET */
    const char *url;            /* as csgi_url makes it; a path alone asks this server itself */
    const char *const *headers; /* name, value, name, value, ... and NULL at the end */
    const char *json;           /* a body, with its content-type; csgi_json_text makes it */
    const void *body;           /* or one of any other type, which headers tell */
    size_t size;                /* of body, in bytes */
    const char *user, *password, *bearer; /* Basic authentication, or a bearer token */
    int follow_redirects;                 /* 1: do, as CSGI_CLIENT_FOLLOW_REDIRECTS says */
    int retry;                            /* 1: do, as CSGI_CLIENT_RETRY says */
    int64_t timeout_ms;                   /* of it all; 0: as csgi_set_timeout */
} csgi_http_request;

/* Its answer, valid until the call ends. */
typedef struct csgi_http_response {
    csgi_call *call;
    int status;       /* 0: there is none, and the call has failed */
    const char *body; /* followed by a NUL, but may have some inside; "" if there is none */
    size_t size;
    const char *url; /* that answered, after redirects */
    csgi_fields headers;
} csgi_http_response;

/* Asks, and waits for the whole answer:
 *     csgi_http_request put = { .method = "PUT",
 *                               .url = csgi_url(call, "%s/items/%d", base, id),
 *                               .json = csgi_json_text(call, "{'name': %s}", name),
 *                               .bearer = token };
 *     csgi_http_response saved = csgi_http(call, &put);
 * Any status is an answer, other than with csgi_get_json; without one the call fails as there: 502,
 * or 504 when it takes too long. [suspends] */
csgi_http_response csgi_http(csgi_call *call, const csgi_http_request *request);

/* A header of the answer by its name, in any case, the first of several; NULL: it has none. */
const char *csgi_http_header(const csgi_http_response *response, const char *name);

/* The body read as JSON. The call fails with 502 when it is none. */
csgi_json csgi_http_json(const csgi_http_response *response);

/* JSON made as by csgi_reply_json. */
const char *csgi_json_text(csgi_call *call, const char *json_template, ...) CSGI_PRINTF(2, 3);

/* Makes a client: settings for many requests (base URL, headers, credentials, redirects, retries,
 * cookies; a transport function for tests), as ext/draft/client.h tells; size need not be set. For
 * a start-up function, which fails if an option is wrong, and the log says which. It ends with the
 * app. */
csgi_client *csgi_make_client(csgi_call *call, const csgi_client_options *options);

/* All further requests of this call go by that client; NULL: by none. Set by a start-up function it
 * counts for all calls after it as well. With a client a path alone is added to its base_url, and
 * so does not ask this server:
 *     static csgi_status start(csgi_call *call)
 *     {
 *         csgi_client_options options = { .base_url = CSGI_STR("https://api.example/v1"),
 *                                         .flags = CSGI_CLIENT_RETRY };
 *
 *         csgi_set_client(call, csgi_make_client(call, &options));
 *         return CSGI_OK;
 *     } */
void csgi_set_client(csgi_call *call, csgi_client *client);

/* How long each further request of this call may take; 0: as long as the client allows, which is
 * 5 s to connect and for each piece, 30 s in all. */
void csgi_set_timeout(csgi_call *call, int64_t ms);

/* The member of an object. When it is missing or of another type, the call fails: with 502 when
 * the value came from another server. An int is a number without a fraction, at most 2^53. */
double csgi_json_double(csgi_json object, const char *name);
int64_t csgi_json_int(csgi_json object, const char *name);
int csgi_json_bool(csgi_json object, const char *name);
const char *csgi_json_str(csgi_json object, const char *name);
csgi_json csgi_json_object(csgi_json object, const char *name);
csgi_json csgi_json_array(csgi_json object, const char *name);
int csgi_json_has(csgi_json object, const char *name); /* 0 or 1; null is there */

/* How many there are in an array, and the object (or array, or other value) at an index. Numbers
 * and strings in an array: "" as the name gives the value itself. */
size_t csgi_json_count(csgi_json array);
csgi_json csgi_json_at(csgi_json array, size_t index);

/* ---- state that outlives a reload: see CSGI_STATE ---- */

/* In save, writes bytes of any kind, in pieces; csgi_json_write writes JSON, in pieces as well. One
 * of the two. */
void csgi_save_bytes(csgi_call *call, const void *bytes, size_t size);

/* In restore, what was saved: as JSON, which must be whole; or as it is, valid until restore
 * returns. A NUL does not follow it. */
csgi_json csgi_saved_json(csgi_call *call);
const void *csgi_saved_bytes(csgi_call *call, size_t *size);

/* In restore, the version that wrote it. */
uint32_t csgi_saved_version(csgi_call *call);

/* ---- several things at once ---- */

/* Does a part of a call's work, or work without one. */
typedef csgi_status csgi_work(csgi_call *call, void *arg);

typedef struct csgi_part {
    csgi_work *work;
    void *arg;
} csgi_part;

/* Runs work(call, arg) of each part at the same time, as asyncio.gather does, and goes on when all
 * have ended. The parts have the call in common: the first that fails, or returns something else
 * than CSGI_OK, cancels the others, and its failure is the call's. Each runs until it waits, and
 * never beside another, so there is nothing to lock. The handler replies afterwards:
 *     csgi_together(call, { read_weather, &weather }, { read_news, &news });
 * [suspends] */
#define csgi_together(call, ...)                                \
    csgi_web_together(call, (const csgi_part[]){ __VA_ARGS__ }, \
                      sizeof((const csgi_part[]){ __VA_ARGS__ }) / sizeof(csgi_part))

/* The same work for each item of an array, at the same time; arg is the item's address:
 *     struct city cities[] = { { "London" }, { "Paris" } };
 *     csgi_each(call, ask, cities, 2);
 * [suspends] */
#define csgi_each(call, work, items, count) \
    csgi_web_each(call, work, items, count, sizeof(*(items)))

/* ---- waiting for other libraries, threads and files ---- */

/* Suspends the call until the descriptor is ready for what is wanted, CSGI_READABLE, CSGI_WRITABLE
 * or both, and returns which: so a library that can work without blocking is used in a straight
 * line. An error or a hang-up counts as ready; the next read or write says what it is. 0: the call
 * has failed, with 504 when that many milliseconds have passed (0: no limit but the call's own).
 *     while (PQisBusy(connection) && csgi_wait_fd(call, PQsocket(connection), CSGI_READABLE, 5000))
 *         PQconsumeInput(connection);
 * Close the descriptor after the wait, never during it. [suspends] */
uint32_t csgi_wait_fd(csgi_call *call, int fd, uint32_t wanted, int64_t timeout_ms);

/* Calls fn(arg) on a thread of a pool and waits for its end: for what blocks, as asyncio.to_thread.
 * There fn uses nothing of the call, and needs locks for what other requests touch. What it returns
 * other than CSGI_OK fails the call; 503: all threads are busy, and too many wait for one.
 * [suspends] */
csgi_status csgi_offload(csgi_call *call, csgi_status (*fn)(void *arg), void *arg);

/* The content of a file, read by such a thread; a NUL follows it. A relative path starts at the
 * server's working directory. length (may be NULL) counts the bytes, which may have NULs inside.
 * One that cannot be read, or is larger than CSGI_READ_FILE_MAX, fails the call with 500, and the
 * log says why. [suspends] */
#define CSGI_READ_FILE_MAX ((uint64_t)16 << 20)
const char *csgi_read_file(csgi_call *call, const char *path, size_t *length);

/* ---- work without a call ----
 *
 * It has a call of its own, which ends with it and has nobody to reply to; all else is as in a
 * handler. What fails, or returns something else than CSGI_OK, is logged. */

/* Runs work(call, copy of arg) after the reply, as FastAPI's background tasks do: once the handler
 * has returned, unless the call has failed. The size bytes at arg are copied (0: it gets NULL);
 * what they point to must live on, so strings go in as arrays. Shutdown waits for it, no longer
 * than --timeout-graceful-shutdown:
 *     struct mail mail = { .city = 7 };
 *     csgi_background(call, send_mail, &mail, sizeof(mail)); */
#define csgi_background(call, work, arg, size) csgi_web_background_add(call, #work, work, arg, size)

/* Runs work(call, NULL) now and then again so many milliseconds after each end, until the server
 * stops; for a start-up function, whose success it waits for. A round that fails is logged, and
 * the next comes all the same. */
#define csgi_every(call, ms, work) csgi_web_every(call, #work, ms, work)

/* ---- time, memory, log ---- */

/* Suspends the call for that many milliseconds; the server goes on meanwhile, as it would not with
 * sleep(). What it returns other than CSGI_OK fails the call: CSGI_ECANCELED, when it is to end.
 * [suspends] */
csgi_status csgi_sleep(csgi_call *call, int64_t ms);

/* Memory until the call ends, zeroed. NULL: there is none, and the call has failed. */
void *csgi_alloc(csgi_call *call, size_t size);

/* A string made as printf makes it. */
const char *csgi_format(csgi_call *call, const char *format, ...) CSGI_PRINTF(2, 3);

/* Writes a line to the server's log. level: CSGI_LOG_* */
void csgi_log(csgi_call *call, uint32_t level, const char *format, ...) CSGI_PRINTF(3, 4);

/* ---- what the macros stand on; not for use by hand ---- */

typedef struct csgi_route {
    const char *name, *path;
    csgi_handler *handler;
    const csgi_declaration *declared; /* up to CSGI_IN_END */
} csgi_route;

typedef struct csgi_web_plugin {
    const csgi_route *const *routes; /* up to NULL */
    const csgi_declaration *declared;
} csgi_web_plugin;

/* What the descriptor points to: an instance with its checked configuration. As in plugin.h. */
csgi_status csgi_web_create(const csgi_web_plugin *plugin, const csgi_host *host,
                            csgi_str config_json, void **instance);
/* Ends an instance. [loop] */
void csgi_web_destroy(void *instance);
/* Runs the start-up and shutdown functions. [task] [suspends] */
csgi_status csgi_web_lifespan(void *instance, const csgi_scope *scope, csgi_receive *receive,
                              csgi_send *send);
/* Runs the functions of CSGI_STATE. [loop] */
csgi_status csgi_web_save(void *instance, csgi_sink *out, uint32_t *version);
csgi_status csgi_web_restore(void *instance, uint32_t version, csgi_str bytes);
/* 1: the plugin declares CSGI_STATE. [any-thread] */
int csgi_web_has_state(const csgi_web_plugin *plugin);
/* Checks the parameters, calls the handler, answers failures. [task] [suspends] */
csgi_status csgi_web_serve(const csgi_route *route, void *instance, const csgi_scope *scope,
                           csgi_receive *receive, csgi_send *send);

/* csgi_together and csgi_each; an item has so many bytes. [task] [suspends] */
csgi_status csgi_web_together(csgi_call *call, const csgi_part *parts, size_t count);
csgi_status csgi_web_each(csgi_call *call, csgi_work *work, void *items, size_t count, size_t size);

/* csgi_background and csgi_every; name is work's. [task] */
void csgi_web_background_add(csgi_call *call, const char *name, csgi_work *work, const void *arg,
                             size_t size);
void csgi_web_every(csgi_call *call, const char *name, int64_t ms, csgi_work *work);

/* Name first, so that the author's further fields follow it; "" makes sure that it is a literal. */
#define CSGI_DECLARE_(place, kind, ...)                       \
    {                                                         \
        .in = (place), .type = (kind), .name = "" __VA_ARGS__ \
    }

#define CSGI_ROUTE_(handler_name, endpoint_flags, methods_text, path_text, ...)                    \
    static csgi_status handler_name(csgi_call *call);                                              \
    enum { handler_name##_csgi_flags = (endpoint_flags) };                                         \
    static const char handler_name##_csgi_methods[] = "" methods_text;                             \
    static const char handler_name##_csgi_path[] = "" path_text;                                   \
    static const csgi_declaration handler_name##_csgi_declared[] = { __VA_ARGS__ };                \
    static const csgi_route handler_name##_csgi_route = { #handler_name, handler_name##_csgi_path, \
                                                          handler_name,                            \
                                                          handler_name##_csgi_declared };          \
    static csgi_status handler_name##_csgi_call(void *instance, const csgi_scope *scope,           \
                                                csgi_receive *receive, csgi_send *send)            \
    {                                                                                              \
        return csgi_web_serve(&handler_name##_csgi_route, instance, scope, receive, send);         \
    }                                                                                              \
    static csgi_status handler_name(csgi_call *call)

#define CSGI_WEB_PLUGIN_(name_text, version_text, summary_text, handlers, ...)                    \
    static const csgi_endpoint csgi_web_endpoints[] = { CSGI_EACH_(CSGI_ENDPOINT_, handlers) };   \
    static const csgi_route *const csgi_web_routes[] = { CSGI_EACH_(CSGI_ROUTE_AT_, handlers)     \
                                                             NULL };                              \
    static const csgi_declaration csgi_web_declared[] = { __VA_ARGS__ };                          \
    static const csgi_web_plugin csgi_web_this_plugin = { csgi_web_routes, csgi_web_declared };   \
    static csgi_status csgi_web_create_this(const csgi_host *host, csgi_str config_json,          \
                                            void **instance)                                      \
    {                                                                                             \
        return csgi_web_create(&csgi_web_this_plugin, host, config_json, instance);               \
    }                                                                                             \
    CSGI_WEB_DESCRIPTOR_(csgi_web_stateless, name_text, version_text, summary_text, NULL, NULL);  \
    CSGI_WEB_DESCRIPTOR_(csgi_web_stateful, name_text, version_text, summary_text, csgi_web_save, \
                         csgi_web_restore);                                                       \
    const csgi_plugin *csgi_plugin_query(uint32_t host_major)                                     \
    {                                                                                             \
        (void)host_major;                                                                         \
        return csgi_web_has_state(&csgi_web_this_plugin) ? &csgi_web_stateful                     \
                                                         : &csgi_web_stateless;                   \
    }                                                                                             \
    extern const csgi_plugin *csgi_plugin_query(uint32_t host_major)

#define CSGI_WEB_DESCRIPTOR_(id, name_text, version_text, summary_text, save, restore)  \
    static const csgi_plugin id = { CSGI_PLUGIN_HEAD,                                   \
                                    0,                                                  \
                                    0,                                                  \
                                    (uint32_t)sizeof(csgi_endpoint),                    \
                                    CSGI_STR(name_text),                                \
                                    CSGI_STR(version_text),                             \
                                    CSGI_STR(summary_text),                             \
                                    csgi_web_endpoints,                                 \
                                    sizeof(csgi_web_endpoints) / sizeof(csgi_endpoint), \
                                    csgi_web_create_this,                               \
                                    csgi_web_destroy,                                   \
                                    csgi_web_lifespan,                                  \
                                    save,                                               \
                                    restore,                                            \
                                    NULL,                                               \
                                    NULL }

#define CSGI_ENDPOINT_(handler_name)                                            \
    { CSGI_STR(#handler_name),                                                  \
      { handler_name##_csgi_path, sizeof(handler_name##_csgi_path) - 1 },       \
      { handler_name##_csgi_methods, sizeof(handler_name##_csgi_methods) - 1 }, \
      CSGI_HTTP,                                                                \
      handler_name##_csgi_flags,                                                \
      handler_name##_csgi_call,                                                 \
      NULL },
#define CSGI_ROUTE_AT_(handler_name) &handler_name##_csgi_route,

/* CSGI_EACH_(f, (a, b)) is f(a) f(b). */
#define CSGI_EACH_(f, list)          CSGI_EACH_OF_(f, CSGI_COUNT_ list, CSGI_UNPACK_ list)
#define CSGI_UNPACK_(...)            __VA_ARGS__
#define CSGI_EACH_OF_(f, count, ...) CSGI_EACH_N_(f, count, __VA_ARGS__)
#define CSGI_EACH_N_(f, count, ...)  CSGI_EACH_##count##_(f, __VA_ARGS__)
#define CSGI_COUNT_(...)                                                                           \
    CSGI_COUNT_N_(__VA_ARGS__, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, \
                  15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define CSGI_COUNT_N_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, \
                      a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32,  \
                      count, ...)                                                                 \
    count
#define CSGI_EACH_1_(f, a)       f(a)
#define CSGI_EACH_2_(f, a, ...)  f(a) CSGI_EACH_1_(f, __VA_ARGS__)
#define CSGI_EACH_3_(f, a, ...)  f(a) CSGI_EACH_2_(f, __VA_ARGS__)
#define CSGI_EACH_4_(f, a, ...)  f(a) CSGI_EACH_3_(f, __VA_ARGS__)
#define CSGI_EACH_5_(f, a, ...)  f(a) CSGI_EACH_4_(f, __VA_ARGS__)
#define CSGI_EACH_6_(f, a, ...)  f(a) CSGI_EACH_5_(f, __VA_ARGS__)
#define CSGI_EACH_7_(f, a, ...)  f(a) CSGI_EACH_6_(f, __VA_ARGS__)
#define CSGI_EACH_8_(f, a, ...)  f(a) CSGI_EACH_7_(f, __VA_ARGS__)
#define CSGI_EACH_9_(f, a, ...)  f(a) CSGI_EACH_8_(f, __VA_ARGS__)
#define CSGI_EACH_10_(f, a, ...) f(a) CSGI_EACH_9_(f, __VA_ARGS__)
#define CSGI_EACH_11_(f, a, ...) f(a) CSGI_EACH_10_(f, __VA_ARGS__)
#define CSGI_EACH_12_(f, a, ...) f(a) CSGI_EACH_11_(f, __VA_ARGS__)
#define CSGI_EACH_13_(f, a, ...) f(a) CSGI_EACH_12_(f, __VA_ARGS__)
#define CSGI_EACH_14_(f, a, ...) f(a) CSGI_EACH_13_(f, __VA_ARGS__)
#define CSGI_EACH_15_(f, a, ...) f(a) CSGI_EACH_14_(f, __VA_ARGS__)
#define CSGI_EACH_16_(f, a, ...) f(a) CSGI_EACH_15_(f, __VA_ARGS__)
#define CSGI_EACH_17_(f, a, ...) f(a) CSGI_EACH_16_(f, __VA_ARGS__)
#define CSGI_EACH_18_(f, a, ...) f(a) CSGI_EACH_17_(f, __VA_ARGS__)
#define CSGI_EACH_19_(f, a, ...) f(a) CSGI_EACH_18_(f, __VA_ARGS__)
#define CSGI_EACH_20_(f, a, ...) f(a) CSGI_EACH_19_(f, __VA_ARGS__)
#define CSGI_EACH_21_(f, a, ...) f(a) CSGI_EACH_20_(f, __VA_ARGS__)
#define CSGI_EACH_22_(f, a, ...) f(a) CSGI_EACH_21_(f, __VA_ARGS__)
#define CSGI_EACH_23_(f, a, ...) f(a) CSGI_EACH_22_(f, __VA_ARGS__)
#define CSGI_EACH_24_(f, a, ...) f(a) CSGI_EACH_23_(f, __VA_ARGS__)
#define CSGI_EACH_25_(f, a, ...) f(a) CSGI_EACH_24_(f, __VA_ARGS__)
#define CSGI_EACH_26_(f, a, ...) f(a) CSGI_EACH_25_(f, __VA_ARGS__)
#define CSGI_EACH_27_(f, a, ...) f(a) CSGI_EACH_26_(f, __VA_ARGS__)
#define CSGI_EACH_28_(f, a, ...) f(a) CSGI_EACH_27_(f, __VA_ARGS__)
#define CSGI_EACH_29_(f, a, ...) f(a) CSGI_EACH_28_(f, __VA_ARGS__)
#define CSGI_EACH_30_(f, a, ...) f(a) CSGI_EACH_29_(f, __VA_ARGS__)
#define CSGI_EACH_31_(f, a, ...) f(a) CSGI_EACH_30_(f, __VA_ARGS__)
#define CSGI_EACH_32_(f, a, ...) f(a) CSGI_EACH_31_(f, __VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
