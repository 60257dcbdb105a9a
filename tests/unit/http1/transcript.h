/* SPDX-License-Identifier: MIT
 * What the parser and the head's builder make of a connection's bytes, as text: the same however
 * the bytes are cut. Shared by the unit tests and the fuzz target. */
#ifndef CAPRICORN_TEST_TRANSCRIPT_H
#define CAPRICORN_TEST_TRANSCRIPT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "http1/request_head.h"
#include "http1/request_parser.h"

typedef struct transcript {
    request_limits limits;
    request_parser parser;
    request_places *places;
    buffer head; /* so far */
    buffer text;
    buffer body;
    bool keep_alive; /* after this request */
    size_t accepted; /* heads */
} transcript;

static inline void transcript_on_body(void *owner, const char *bytes, size_t len)
{
    transcript *self = owner;

    CHECK(buffer_append(&self->body, bytes, len) == CSGI_OK);
}

static inline void transcript_fields(transcript *self, const char *kind, csgi_fields fields)
{
    for (size_t i = 0; i < fields.count; i++) {
        csgi_field field = fields.items[i];

        CHECK(str_is_token(field.name) && str_is_field_value(field.value));
        CHECK(field.name.ptr[field.name.len] == '\0' && field.value.ptr[field.value.len] == '\0');
        for (size_t at = 0; at < field.name.len; at++)
            CHECK(char_lower(field.name.ptr[at]) == field.name.ptr[at]);
        buffer_printf(&self->text, "%s %.*s=%.*s\n", kind, STR_ARG(field.name),
                      STR_ARG(field.value));
    }
}

static inline bool transcript_head(transcript *self)
{
    request_problem problem = { 0, "" };
    request_head head;
    csgi_status status;
    arena memory;
    char *bytes;

    arena_init(&memory, NULL, 0);
    CHECK(self->head.len == self->parser.head_len);
    bytes = malloc(self->head.len); /* exactly, so that reading further is found */
    CHECK(bytes);
    memcpy(bytes, self->head.bytes, self->head.len);
    status = request_head_build(&memory, bytes, &self->parser, &head, &problem);
    CHECK(status == CSGI_OK || status == CSGI_EINVAL);
    if (status) {
        CHECK(problem.status >= 400 && problem.detail[0]);
        buffer_printf(&self->text, "refused %u %s\n", problem.status, problem.detail);
    } else {
        CHECK(str_is_utf8(head.path) && strlen(head.path.ptr) == head.path.len);
        CHECK(strlen(head.raw_path.ptr) == head.raw_path.len);
        CHECK(head.query_string.ptr[head.query_string.len] == '\0');
        buffer_printf(&self->text, "%s %s %s ?%s HTTP/%s%s%s\n", head.method.ptr, head.raw_path.ptr,
                      head.path.ptr, head.query_string.ptr, head.http_version.ptr,
                      head.keep_alive ? "" : " close", head.expects_continue ? " continue" : "");
        transcript_fields(self, "header", head.headers);
        self->keep_alive = head.keep_alive;
        self->accepted++;
    }
    free(bytes);
    arena_reset(&memory);
    self->head.len = 0;
    return status == CSGI_OK;
}

static inline void transcript_begin_request(transcript *self)
{
    request_parser_init(&self->parser, &self->limits, transcript_on_body, self);
    self->parser.places = self->places;
}

/* False: nothing more is read. */
static inline bool transcript_end(transcript *self)
{
    csgi_fields trailers;
    csgi_status status;
    arena memory;

    arena_init(&memory, NULL, 0);
    status = request_trailers_build(&memory, &self->parser, &trailers);
    buffer_printf(&self->text, "body %zu ", self->body.len);
    buffer_append_str(&self->text, buffer_str(&self->body));
    buffer_printf(&self->text, "\n");
    if (status)
        buffer_printf(&self->text, "refused trailers\n");
    else
        transcript_fields(self, "trailer", trailers);
    arena_reset(&memory);
    self->body.len = 0;
    request_parser_fini(&self->parser);
    transcript_begin_request(self);
    return status == CSGI_OK && self->keep_alive;
}

/* Takes one piece. False: nothing more is read. */
static inline bool transcript_feed(transcript *self, const char *bytes, size_t len)
{
    for (size_t at = 0, used; at < len; at += used) {
        parse_result result = request_parser_execute(&self->parser, bytes + at, len - at, &used);

        CHECK(used <= len - at);
        if (result == PARSE_FAILED) {
            CHECK(self->parser.problem_status >= 400 && self->parser.problem[0]);
            buffer_printf(&self->text, "failed %u %s\n", self->parser.problem_status,
                          self->parser.problem);
            return false;
        }
        if (!self->parser.head_complete || result == PARSE_HEAD)
            buffer_append(&self->head, bytes + at, used);
        if (result == PARSE_HEAD && !transcript_head(self)) return false;
        if (self->parser.has_ended && !transcript_end(self)) return false;
    }
    return true;
}

/* Appends to *out what these bytes mean when they come in pieces of that size (the first one of
 * size first, if that is not 0). Returns how many heads were accepted. */
static inline size_t transcript_of(const char *bytes, size_t len, size_t first, size_t piece,
                                   request_limits limits, buffer *out)
{
    transcript self = { .limits = limits };

    self.places = malloc(REQUEST_PLACES_SIZE(limits.headers));
    CHECK(self.places);
    transcript_begin_request(&self);
    for (size_t at = 0, part; at < len; at += part) {
        char *copy;
        bool goes_on;

        part = at == 0 && first ? first : piece;
        if (part > len - at) part = len - at;
        copy = malloc(part);
        CHECK(copy);
        memcpy(copy, bytes + at, part);
        goes_on = transcript_feed(&self, copy, part);
        free(copy);
        if (!goes_on) break;
    }
    buffer_append_str(out, buffer_str(&self.text));
    request_parser_fini(&self.parser);
    buffer_fini(&self.head);
    buffer_fini(&self.body);
    buffer_fini(&self.text);
    free(self.places);
    return self.accepted;
}

#endif
