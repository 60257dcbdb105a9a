/* SPDX-License-Identifier: MIT
 * Reads files of environment variables. */
#include "config/env_file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config/text_file.h"

/* Where in the text we are, and where mistakes go. At the end stands a NUL. */
typedef struct env_reader {
    const char *source;
    char *at, *end;
    unsigned line;
    bool has_mistake;
    csgi_str name, value; /* of the pair that is being read */
    buffer *pairs, *problem;
} env_reader;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_name(char c, bool is_first)
{
    return char_is_letter(c) || c == '_' || (!is_first && char_is_alnum(c));
}

static void skip_blanks(env_reader *self)
{
    while (is_blank(*self->at))
        self->at++;
}

static bool is_line_end(const env_reader *self)
{
    const char *at = self->at + (*self->at == '\r');

    return at == self->end || *at == '\n';
}

static void skip_line(env_reader *self)
{
    char *end = memchr(self->at, '\n', (size_t)(self->end - self->at));

    self->at = end ? end + 1 : self->end;
    self->line++;
}

static bool refuse(env_reader *self, unsigned line, const char *what)
{
    buffer_printf(self->problem, "%s:%u: %s\n", self->source, line, what);
    self->has_mistake = true;
    return false;
}

/* Reads the name and what stands before the value. */
static bool read_name(env_reader *self)
{
    char *start;

    if (strncmp(self->at, "export", 6) == 0 && is_blank(self->at[6])) self->at += 6;
    skip_blanks(self);
    start = self->at;
    while (is_name(*self->at, self->at == start))
        self->at++;
    self->name = (csgi_str){ start, (size_t)(self->at - start) };
    skip_blanks(self);
    if (self->name.len == 0 || *self->at != '=')
        return refuse(self, self->line, "expected NAME=VALUE, or a comment behind #");
    self->at++;
    skip_blanks(self);
    return true;
}

/* One character of "..." behind a backslash; 0: there is no such one. */
static char unescape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case '\\':
    case '"':
    case '$':
        return c;
    default:
        return 0;
    }
}

/* Reads up to the closing quote; at is behind the opening one. */
static bool read_quoted(env_reader *self, char quote)
{
    unsigned first = self->line;
    char *start = self->at, *out = start;

    for (; *self->at != quote; self->at++) {
        char c = *self->at;

        if (self->at == self->end) return refuse(self, first, "the quote is never closed");
        if (c == '\n') self->line++;
        if (quote == '"' && c == '$' && self->at[1] == '{')
            return refuse(self, self->line, "variables are not expanded: write \\${ or use '...'");
        if (quote == '"' && c == '\\') {
            c = unescape(self->at[1]);
            if (!c)
                return refuse(self, self->line, "expected n, r, t, \\, \" or $ behind a backslash");
            self->at++;
        }
        *out++ = c;
    }
    self->at++;
    skip_blanks(self);
    if (!is_line_end(self) && *self->at != '#')
        return refuse(self, self->line, "expected nothing behind the closing quote");
    self->value = (csgi_str){ start, (size_t)(out - start) };
    return true;
}

/* Reads up to the line's end or a comment. */
static bool read_plain(env_reader *self)
{
    char *start = self->at;

    if (*start == '#') return refuse(self, self->line, "a value that begins with # takes quotes");
    while (!is_line_end(self) && !(*self->at == '#' && is_blank(self->at[-1]))) {
        if (*self->at == '$' && self->at[1] == '{')
            return refuse(self, self->line, "variables are not expanded: write it in '...'");
        self->at++;
    }
    self->value = (csgi_str){ start, (size_t)(self->at - start) };
    while (self->value.len && is_blank(start[self->value.len - 1]))
        self->value.len--;
    return true;
}

static bool read_value(env_reader *self)
{
    char first = *self->at;

    if (first != '"' && first != '\'') return read_plain(self);
    self->at++;
    return read_quoted(self, first);
}

/* Ends a part of the text in place. What stood behind it has been read. */
static const char *terminate(csgi_str part)
{
    char *text = (char *)(uintptr_t)part.ptr;

    text[part.len] = '\0';
    return text;
}

static csgi_status keep(env_reader *self, unsigned line)
{
    const env_pair pair = { terminate(self->name), terminate(self->value), line };
    const env_pair *pairs = (const env_pair *)(const void *)self->pairs->bytes;

    for (size_t i = 0; i < self->pairs->len / sizeof *pairs; i++) {
        if (strcmp(pairs[i].name, pair.name) != 0) continue;
        self->has_mistake = true;
        return buffer_printf(self->problem, "%s:%u: %s is set in line %u already\n", self->source,
                             line, pair.name, pairs[i].line);
    }
    return buffer_append(self->pairs, &pair, sizeof pair);
}

csgi_status env_text_parse(const char *source, char *text, size_t len, buffer *pairs,
                           buffer *problem)
{
    env_reader reader = { .source = source, .at = text, .end = text + len, .line = 1 };
    csgi_status status = CSGI_OK;

    reader.pairs = pairs;
    reader.problem = problem;
    if (memchr(text, '\0', len)) {
        buffer_printf(problem, "%s: found a NUL, expected text\n", source);
        return CSGI_EINVAL;
    }
    while (reader.at < reader.end && status == CSGI_OK) {
        unsigned line = reader.line;
        bool is_pair;

        skip_blanks(&reader);
        is_pair = !is_line_end(&reader) && *reader.at != '#';
        if (is_pair) is_pair = read_name(&reader) && read_value(&reader);
        skip_line(&reader);
        if (is_pair) status = keep(&reader, line);
    }
    if (status != CSGI_OK) return status;
    return reader.has_mistake ? CSGI_EINVAL : CSGI_OK;
}

csgi_status env_file_load(const char *path, buffer *problem)
{
    buffer text = { 0 }, pairs = { 0 };
    size_t before = problem->len;
    csgi_status status = text_file_read(path, &text, problem);

    if (status == CSGI_OK)
        status = env_text_parse(path, text.bytes, text.len, &pairs, problem);
    else if (problem->len > before)
        buffer_append(problem, "\n", 1);
    for (size_t i = 0; status == CSGI_OK && i < pairs.len / sizeof(env_pair); i++) {
        const env_pair *pair = (const env_pair *)(const void *)pairs.bytes + i;

        if (setenv(pair->name, pair->value, 0) != 0) status = CSGI_ENOMEM;
    }
    buffer_fini(&pairs);
    buffer_fini(&text);
    return status;
}
