/* SPDX-License-Identifier: MIT
 * capricorn call: one request along the route table, in process, and its response on standard
 * output. */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "worker/offline.h"
#include "worker/worker.h"

#define CALL_MAX_HEADERS 64u
#define READ_PIECE       ((size_t)65536)

/* What call takes beside the server's options. */
typedef struct call_arguments {
    const char *body; /* NULL: none */
    bool shows_head;
    size_t header_count;
    csgi_field headers[CALL_MAX_HEADERS + 2]; /* and two of our own */
    char length[24];                          /* the value of one */
} call_arguments;

/* What came back. */
typedef struct call_outcome {
    bool shows_head, is_good;
} call_outcome;

/* ---- what is asked ---- */

static void read_header(call_arguments *self, const char *text, buffer *problem)
{
    csgi_str line = str_from(text);
    size_t colon = str_find_char(line, ':');
    csgi_field field = { str_slice(line, 0, colon), str_trim(str_slice(line, colon + 1, SIZE_MAX)),
                         0, 0 };

    if (colon == line.len || !str_is_token(field.name) || !str_is_field_value(field.value))
        buffer_printf(problem, "-H: found \"%s\", expected 'NAME: VALUE'\n", text);
    else if (http_is_framing_field(field.name))
        buffer_printf(problem,
                      "-H: found \"%s\", which says how a connection is used: there is "
                      "none\n",
                      text);
    else if (self->header_count == CALL_MAX_HEADERS)
        buffer_printf(problem, "-H: more than %u headers\n", CALL_MAX_HEADERS);
    else
        self->headers[self->header_count++] = field;
}

static void read_short(call_arguments *self, char letter, const char *value, buffer *problem)
{
    if (!value)
        buffer_printf(problem, "-%c: a value is missing\n", letter);
    else if (letter == 'H')
        read_header(self, value, problem);
    else
        self->body = value;
}

/* Takes -H, -d and -i out of the arguments; what is left, in order, is for the others. */
static int take_arguments(call_arguments *self, int argc, char **argv, buffer *problem)
{
    int left = 0;

    for (int at = 0; at < argc; at++) {
        char *argument = argv[at];
        char letter = argument[0] == '-' && argument[1] != '-' ? argument[1] : '\0';

        if (strcmp(argument, "--") == 0) {
            while (at < argc)
                argv[left++] = argv[at++];
        } else if (strcmp(argument, "-i") == 0) {
            self->shows_head = true;
        } else if ((letter == 'H' || letter == 'd') && argument[2]) {
            read_short(self, letter, argument + 2, problem);
        } else if (letter == 'H' || letter == 'd') {
            read_short(self, letter, at + 1 < argc ? argv[++at] : NULL, problem);
        } else {
            argv[left++] = argument;
        }
    }
    return left;
}

static csgi_status read_all(FILE *file, buffer *out)
{
    csgi_status status;
    size_t count;

    do {
        status = buffer_reserve(out, READ_PIECE);
        count = status == CSGI_OK ? fread(out->bytes + out->len, 1, READ_PIECE, file) : 0;
        out->len += count;
    } while (count > 0);
    return ferror(file) ? CSGI_EFAIL : status;
}

/* The body as it is meant: the text itself, or what the file has. */
static csgi_status read_body(const char *from, buffer *out, buffer *problem)
{
    csgi_status status;
    FILE *file;

    if (!from || from[0] != '@') return from ? buffer_append(out, from, strlen(from)) : CSGI_OK;
    file = strcmp(from, "@-") == 0 ? stdin : fopen(from + 1, "rb");
    status = file ? read_all(file, out) : CSGI_EFAIL;
    if (status != CSGI_OK)
        buffer_printf(problem, "-d: %s cannot be read: %s\n", from + 1, strerror(errno));
    if (file && file != stdin) fclose(file);
    return status;
}

static bool is_target(csgi_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c <= 0x20 || c >= 0x7f || c == '#') return false;
    }
    return str_starts_with(text, STR("/"));
}

/* "GET /weather?city=London", or its target alone. */
static void read_request_line(memory_request *request, const char *text, buffer *problem)
{
    csgi_str line = str_from(text), target;
    size_t space = str_find_char(line, ' '), query;

    request->method = space < line.len ? str_slice(line, 0, space) : STR("GET");
    target = space < line.len ? str_slice(line, space + 1, SIZE_MAX) : line;
    query = str_find_char(target, '?');
    request->raw_path = str_slice(target, 0, query);
    request->query_string = str_slice(target, query + 1, SIZE_MAX);
    if (str_is_token(request->method) && is_target(target)) return;
    buffer_printf(problem, "found \"%s\", expected 'METHOD /PATH?QUERY' in one argument; %s\n",
                  text,
                  str_starts_with(target, STR("/"))
                      ? "what is no letter, digit or punctuation is percent-encoded, as %20"
                      : "the path begins with \"/\"");
}

/* The headers with those that a connection would have brought. */
static void complete_headers(call_arguments *self, memory_request *request)
{
    bool has_host = false;

    for (size_t i = 0; i < self->header_count; i++)
        has_host |= str_eq_nocase(self->headers[i].name, STR("host"));
    if (!has_host)
        self->headers[self->header_count++] = (csgi_field){ STR("host"), STR("localhost"), 0, 0 };
    if (request->body.len) {
        snprintf(self->length, sizeof self->length, "%zu", request->body.len);
        self->headers[self->header_count++] =
            (csgi_field){ STR("content-length"), str_from(self->length), 0, 0 };
    }
    request->headers = (csgi_fields){ self->headers, self->header_count };
}

/* ---- what is answered ---- */

static void print_head(const memory_response *response)
{
    printf("HTTP/1.1 %u %s\n", response->status, http_reason_phrase(response->status));
    for (size_t i = 0; i < response->headers.count; i++)
        printf("%.*s: %.*s\n", STR_ARG(response->headers.items[i].name),
               STR_ARG(response->headers.items[i].value));
    putchar('\n');
}

static void on_response(void *arg, csgi_status status, const memory_response *response)
{
    call_outcome *self = arg;
    csgi_str body = response->body;

    if (status != CSGI_OK && response->status == 0) {
        fputs("capricorn call: the response was cut before it began\n", stderr);
        return;
    }
    if (self->shows_head) print_head(response);
    if (body.len) fwrite(body.ptr, 1, body.len, stdout);
    if (body.len && body.ptr[body.len - 1] != '\n' && isatty(STDOUT_FILENO)) putchar('\n');
    fflush(stdout);
    if (status != CSGI_OK) fputs("capricorn call: the response was cut short\n", stderr);
    self->is_good = status == CSGI_OK && response->status < 400;
}

static int call(const server_options *options, const memory_request *request,
                const plugin_choice *choice, bool shows_head)
{
    call_outcome outcome = { .shows_head = shows_head };
    offline apart;
    csgi_status status = offline_open_logged(&apart, options, choice, 0);

    if (status != CSGI_OK) return EXIT_CALL_FAILED;
    status = offline_call(&apart, request, on_response, &outcome);
    if (status == CSGI_EINVAL) fputs("capricorn call: the path does not decode to UTF-8\n", stderr);
    offline_close(&apart);
    log_flush();
    return status == CSGI_OK && outcome.is_good ? EXIT_SERVED : EXIT_CALL_FAILED;
}

static int run(int argc, char **argv)
{
    call_arguments arguments = { 0 };
    memory_request request = { 0 };
    server_options options;
    plugin_choice choice;
    routes_file routes;
    buffer problem = { 0 }, body = { 0 };
    int file_count, exit_status;

    argc = take_arguments(&arguments, argc, argv, &problem);
    if (!read_options(&call_command, argc, argv, &options, &file_count, &exit_status)) {
        buffer_fini(&problem);
        return exit_status;
    }
    if (file_count == 0)
        buffer_printf(&problem, "the request is missing, as in 'GET /weather?city=London'\n");
    else
        read_request_line(&request, argv[0], &problem);
    if (!problem.len) read_body(arguments.body, &body, &problem);
    if (problem.len) {
        tell_mistakes(&call_command, &problem);
        buffer_fini(&body);
        return EXIT_USAGE;
    }
    request.body = buffer_str(&body);
    complete_headers(&arguments, &request);
    if (options_source(&options, "log-level") == OPTION_BY_DEFAULT) options.log_level = LOG_WARNING;
    log_init((log_level)options.log_level, LOG_PLAIN);
    if (choice_read(&choice, &call_command, &options, argv + 1, file_count - 1, &routes,
                    &exit_status)) {
        exit_status = call(&options, &request, &choice, arguments.shows_head);
        choice_end(&choice);
    } else if (exit_status != EXIT_USAGE) {
        exit_status = EXIT_CALL_FAILED;
    }
    buffer_fini(&body);
    return exit_status;
}

const command call_command = {
    .name = "call",
    .summary = "make one request in process, and print the response",
    .synopsis = "[OPTION ...] 'METHOD /PATH?QUERY' [ROUTES.json] [FILE.so ...]",
    .about =
        "Makes one request of what the routes file, or else the named plugins, or all in the "
        "plugin directory serve, in this process and with no socket, and prints the response's "
        "body. The apps are started "
        "before and shut down after. Without a method it is GET. What the apps ask of this "
        "server itself goes along the same routes. The log begins with warnings.\n"
        "\n"
        "  -H 'NAME: VALUE'   a header of the request; may be repeated\n"
        "  -d BODY            the request's body; @FILE: what the file has; @-: standard input\n"
        "  -i                 print the status and the headers, too\n"
        "\n"
        "Exit status: 0 answered with a status below 400, 1 with another or not at all, 2 "
        "wrong usage.",
    .uses = OPTION_OF_CALL,
    .run = run,
};
