/* SPDX-License-Identifier: MIT
 * Checking a client's options, and keeping them. */
#include "client/settings.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/str.h"
#include "client/network.h"
#include "client/request.h"
#include "client/url.h"

/* ---- credentials ---- */

static bool has_controls(csgi_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) return true;
    }
    return false;
}

static bool is_visible(csgi_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] <= 0x20 || (unsigned char)text.ptr[i] >= 0x7f) return false;
    }
    return true;
}

/* What is wrong with them, never showing any of them; NULL: nothing. */
static const char *find_wrong_credentials(csgi_str user, csgi_str password, csgi_str bearer)
{
    if ((!user.ptr && user.len) || (!password.ptr && password.len) || (!bearer.ptr && bearer.len))
        return "user, password or bearer is a null pointer with a length";
    if (bearer.len && (user.len || password.len))
        return "bearer and user (or password) exclude each other";
    if (str_find_char(user, ':') < user.len)
        return "user has a \":\", which Basic authentication cannot carry (RFC 7617)";
    if (has_controls(user)) return "user has control bytes";
    if (has_controls(password)) return "password has control bytes";
    if (!is_visible(bearer)) return "bearer has spaces, control bytes or bytes beyond ASCII";
    return NULL;
}

static csgi_status make_basic(csgi_str user, csgi_str password, arena *memory, csgi_str *out)
{
    csgi_str pair = arena_printf(memory, "%.*s:%.*s", STR_ARG(user), STR_ARG(password));
    size_t len = sizeof "Basic " - 1 + base64_length(pair.len);
    char *text = pair.ptr ? arena_alloc(memory, len, 1) : NULL;

    if (!text) return CSGI_ENOMEM;
    memcpy(text, "Basic ", 6);
    base64_encode(pair, text + 6);
    *out = (csgi_str){ text, len };
    return CSGI_OK;
}

csgi_status settings_make_authorization(csgi_str user, csgi_str password, csgi_str bearer,
                                        const char *what, arena *memory, csgi_str *out, buffer *why)
{
    const char *wrong = find_wrong_credentials(user, password, bearer);

    if (wrong) {
        buffer_printf(why, "%s: %s", what, wrong);
        return CSGI_EINVAL;
    }
    if (!bearer.len && !user.len && !password.len) {
        *out = (csgi_str){ NULL, 0 };
        return CSGI_OK;
    }
    if (!bearer.len) return make_basic(user, password, memory, out);
    *out = arena_printf(memory, "Bearer %.*s", STR_ARG(bearer));
    return out->ptr ? CSGI_OK : CSGI_ENOMEM;
}

/* ---- checks ---- */

static csgi_status refuse(buffer *why, const char *option, const char *wrong)
{
    buffer_printf(why, "client_new: %s: %s", option, wrong);
    return CSGI_EINVAL;
}

static csgi_status check_base_url(csgi_str base, buffer *why)
{
    const char *wrong = NULL;
    url parsed;

    if (base.len == 0) return CSGI_OK;
    if (str_find_char(base, '?') < base.len || str_find_char(base, '#') < base.len)
        return refuse(why, "base_url", "it has a query or a fragment");
    if (str_starts_with(base, STR("app:"))) return CSGI_OK;
    if (url_parse(base, &parsed, &wrong) == CSGI_OK) return CSGI_OK;
    return refuse(why, "base_url", wrong);
}

static csgi_status check_headers(const csgi_client_options *options, buffer *why)
{
    const csgi_client_request plain = { .size = sizeof plain, .headers = options->headers };
    request_facts facts;
    csgi_status status;
    bool has_credentials = options->user.len || options->password.len || options->bearer.len;

    buffer_printf(why, "client_new: headers: ");
    status = request_check(&plain, &facts, why);
    if (status) return status;
    why->len = 0;
    for (size_t i = 0; i < options->headers.count && has_credentials; i++) {
        if (str_eq_nocase(options->headers.items[i].name, STR("authorization")))
            return refuse(why, "headers", "there are Authorization and user or bearer");
    }
    return CSGI_OK;
}

static csgi_status check_nulls(const csgi_client_options *options, buffer *why)
{
    const struct {
        const char *name;
        csgi_str text;
    } all[] = { { "base_url", options->base_url },
                { "ca_file", options->ca_file },
                { "cert_file", options->cert_file },
                { "key_file", options->key_file },
                { "proxy", options->proxy } };

    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (!all[i].text.ptr && all[i].text.len)
            return refuse(why, all[i].name, "it is a null pointer with a length");
    }
    return CSGI_OK;
}

static csgi_status check(const csgi_client_options *options, buffer *why)
{
    csgi_status status;

    if (options->flags & ~SETTINGS_CLIENT_FLAGS) {
        buffer_printf(why, "client_new: flags: 0x%x is not known to this server",
                      options->flags & ~SETTINGS_CLIENT_FLAGS);
        return CSGI_EINVAL;
    }
    status = check_nulls(options, why);
    if (status == CSGI_OK) status = check_base_url(options->base_url, why);
    return status ? status : check_headers(options, why);
}

/* ---- the copy ---- */

static csgi_status copy_text(arena *memory, csgi_str *text)
{
    *text = arena_copy_str(memory, *text);
    return text->ptr ? CSGI_OK : CSGI_ENOMEM;
}

static csgi_status copy_headers(arena *memory, csgi_fields *headers)
{
    csgi_field *copies =
        arena_alloc(memory, headers->count * sizeof *copies + 1, _Alignof(csgi_field));
    csgi_status status = copies ? CSGI_OK : CSGI_ENOMEM;

    for (size_t i = 0; status == CSGI_OK && i < headers->count; i++) {
        copies[i] = headers->items[i];
        status = copy_text(memory, &copies[i].name);
        if (status == CSGI_OK) status = copy_text(memory, &copies[i].value);
    }
    headers->items = copies;
    return status;
}

static csgi_status copy_texts(arena *memory, csgi_client_options *mine)
{
    csgi_str *all[] = { &mine->base_url, &mine->ca_file, &mine->cert_file, &mine->key_file,
                        &mine->proxy };
    csgi_status status = CSGI_OK;

    for (size_t i = 0; status == CSGI_OK && i < COUNT_OF(all); i++)
        status = copy_text(memory, all[i]);
    return status;
}

/* The texts that the caller owns go into our memory. */
static csgi_status copy_all(settings *self, buffer *why)
{
    csgi_client_options *mine = &self->options;
    csgi_status status =
        settings_make_authorization(mine->user, mine->password, mine->bearer, "client_new",
                                    &self->memory, &self->authorization, why);

    if (status) return status;
    mine->user = mine->password = mine->bearer = (csgi_str){ NULL, 0 };
    while (mine->base_url.len && mine->base_url.ptr[mine->base_url.len - 1] == '/')
        mine->base_url.len--;
    if (mine->flags & CSGI_CLIENT_COOKIES) {
        self->jar = arena_alloc(&self->memory, sizeof *self->jar, _Alignof(cookies));
        if (!self->jar) return CSGI_ENOMEM;
        cookies_init(self->jar);
    }
    status = copy_texts(&self->memory, mine);
    return status ? status : copy_headers(&self->memory, &mine->headers);
}

csgi_status settings_new(const csgi_client_options *options, client *shared, settings **out,
                         buffer *why)
{
    settings *self;
    csgi_status status;
    size_t given = options->size;

    if (given < offsetof(csgi_client_options, base_url))
        return refuse(why, "size", "it is not sizeof(csgi_client_options)");
    self = calloc(1, sizeof *self);
    if (!self) return CSGI_ENOMEM;
    self->holders = 1;
    list_init(&self->node);
    arena_init(&self->memory, NULL, 0);
    memcpy(&self->options, options, given < sizeof *options ? given : sizeof *options);
    status = check(&self->options, why);
    if (status == CSGI_OK) status = copy_all(self, why);
    if (status == CSGI_OK && shared)
        status = network_open(&self->options, shared, &self->network, why);
    if (status) {
        settings_release(self);
        return status;
    }
    *out = self;
    return CSGI_OK;
}

settings *settings_hold(settings *self)
{
    self->holders++;
    return self;
}

void settings_release(settings *self)
{
    CHECK(self->holders > 0);
    if (--self->holders > 0) return;
    if (self->network) client_close(self->network);
    if (self->jar) cookies_fini(self->jar);
    arena_reset(&self->memory);
    free(self);
}
