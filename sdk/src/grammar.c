/* SPDX-License-Identifier: MIT
 * The states between JSON's tokens. */
#include "grammar.h"

#include "json.h"

enum {
    EXPECTS_VALUE,
    EXPECTS_ITEM,  /* the first of an array, or its end */
    EXPECTS_FIRST, /* the first name of an object, or its end */
    EXPECTS_NAME,
    EXPECTS_COLON,
    EXPECTS_NEXT /* a value has ended */
};

static int is_in_object(const csgi_web_grammar *self)
{
    return self->depth && (self->objects & 1);
}

static const char *take_comma(csgi_web_grammar *self)
{
    if (self->depth == 0 || self->expects != EXPECTS_NEXT) return "a \",\" does not belong here";
    self->expects = is_in_object(self) ? EXPECTS_NAME : EXPECTS_VALUE;
    return NULL;
}

static const char *take_colon(csgi_web_grammar *self)
{
    if (self->expects != EXPECTS_COLON) return "a \":\" does not belong here";
    self->expects = EXPECTS_VALUE;
    return NULL;
}

static const char *take_end(csgi_web_grammar *self, char token)
{
    if (self->depth == 0 || is_in_object(self) != (token == '}'))
        return token == '}' ? "a \"}\" has no \"{\" before it" : "a \"]\" has no \"[\" before it";
    if (self->expects == EXPECTS_COLON) return "a \":\" is missing";
    if (self->expects == EXPECTS_VALUE) return "a value is missing";
    if (self->expects == EXPECTS_NAME) return "a member's name is missing";
    self->depth--;
    self->objects >>= 1;
    self->expects = EXPECTS_NEXT;
    return NULL;
}

static const char *take_opening(csgi_web_grammar *self, int is_object)
{
    if (self->depth == CSGI_WEB_JSON_DEPTH) return "it is nested too deep";
    self->depth++;
    self->objects = self->objects << 1 | (uint64_t)is_object;
    self->expects = is_object ? EXPECTS_FIRST : EXPECTS_ITEM;
    return NULL;
}

static const char *take_value(csgi_web_grammar *self, char token, int *comma)
{
    if (self->expects == EXPECTS_NEXT) {
        if (self->depth == 0) return "there is more after the value";
        *comma = 1;
        self->expects = is_in_object(self) ? EXPECTS_NAME : EXPECTS_VALUE;
    }
    if (self->expects == EXPECTS_COLON) return "a \":\" is missing";
    if (self->expects == EXPECTS_NAME || self->expects == EXPECTS_FIRST) {
        if (token != 's') return "a member's name must be a string";
        self->expects = EXPECTS_COLON;
        return NULL;
    }
    if (token == '{' || token == '[') return take_opening(self, token == '{');
    self->expects = EXPECTS_NEXT;
    return NULL;
}

const char *csgi_web_grammar_take(csgi_web_grammar *self, char token, int *comma)
{
    *comma = 0;
    if (token == ',') return take_comma(self);
    if (token == ':') return take_colon(self);
    if (token == '}' || token == ']') return take_end(self, token);
    return take_value(self, token, comma);
}

const char *csgi_web_grammar_end(const csgi_web_grammar *self)
{
    if (self->depth) return is_in_object(self) ? "a \"}\" is missing" : "a \"]\" is missing";
    return self->expects == EXPECTS_NEXT ? NULL : "a value is missing";
}
