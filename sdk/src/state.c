/* SPDX-License-Identifier: MIT
 * State that outlives a reload: the old code's save writes it down, the new code's restore reads
 * it. Both are calls that have no request, and whose scope is the lifespan's. */
#include "call.h"

#include <string.h>

static const csgi_declaration *find_state(const csgi_web_plugin *plugin)
{
    const csgi_declaration *item;

    for (item = plugin->declared; item->in != CSGI_IN_END; item++)
        if (item->in == CSGI_IN_STATE) return item;
    return NULL;
}

int csgi_web_has_state(const csgi_web_plugin *plugin)
{
    return find_state(plugin) != NULL;
}

static csgi_status end_save(csgi_call *call)
{
    const csgi_web_hand_over *hand_over = call->own->hand_over;
    csgi_web_text *text = &call->own->reply;
    const char *bytes;

    if (call->own->failure != CSGI_OK || text->length == 0) return call->own->failure;
    if (hand_over->has_bytes) {
        csgi_web_author_error(call, "save has written both JSON and bytes; it takes one of them");
        return call->own->failure;
    }
    csgi_web_text_json_end(text);
    bytes = csgi_web_text_end(text);
    csgi_web_text_error(call, text, "the state");
    if (call->own->failure != CSGI_OK) return call->own->failure;
    return hand_over->out->write(hand_over->out, (csgi_str){ bytes, text->length });
}

/* Calls save or restore; what is allocated goes to the scope's arena. */
static csgi_status run(csgi_web_instance *self, const csgi_scope *scope, csgi_handler *handler,
                       csgi_web_hand_over *hand_over)
{
    const csgi_host *host = self->host;
    struct csgi_web_call own;
    csgi_call call;
    csgi_status code;

    csgi_web_call_init(&call, &own, self, scope);
    own.hand_over = hand_over;
    code = handler(&call);
    if (code == CSGI_OK && hand_over->out) code = end_save(&call);
    if (own.failure != CSGI_OK) code = own.failure;
    if (own.detail) host->fail(host, code, (csgi_str){ own.detail, strlen(own.detail) });
    csgi_web_call_fini(&call, code);
    return code;
}

static csgi_status refuse_unstarted(const csgi_web_instance *self)
{
    return self->host->fail(self->host, CSGI_ESTATE,
                            (csgi_str)CSGI_STR("its lifespan function is not running"));
}

csgi_status csgi_web_save(void *instance, csgi_sink *out, uint32_t *version)
{
    csgi_web_instance *self = instance;
    const csgi_host *host = self->host;
    const csgi_declaration *state = find_state(self->plugin);
    csgi_web_hand_over hand_over = { .out = out };
    csgi_scope scope;
    csgi_status code;

    if (!self->lifespan) return refuse_unstarted(self);
    scope = *self->lifespan; /* with memory that a save which is repeated does not use up */
    scope.size = sizeof(scope);
    code = host->arena_open(self->lifespan, &scope.arena);
    if (code != CSGI_OK) return code;
    *version = state->version;
    code = run(self, &scope, state->run, &hand_over);
    host->arena_close(scope.arena);
    return code;
}

csgi_status csgi_web_restore(void *instance, uint32_t version, csgi_str bytes)
{
    csgi_web_instance *self = instance;
    const csgi_declaration *state = find_state(self->plugin);
    csgi_web_hand_over hand_over = { .saved = bytes, .version = version };

    if (version > state->version) return CSGI_ENOTSUP;
    if (version < (state->oldest ? state->oldest : state->version)) return CSGI_ENOTSUP;
    if (!self->lifespan) return refuse_unstarted(self);
    return run(self, self->lifespan, state->restore, &hand_over);
}

/* ---- what authors use ---- */

/* NULL: the call has failed, now or before; only where says may call that function. */
static csgi_web_hand_over *hand_over_of(csgi_call *call, int is_save, const char *function)
{
    csgi_web_hand_over *hand_over = call->own->hand_over;

    if (!hand_over || (hand_over->out != NULL) != is_save)
        csgi_web_author_error(call, "%s: %s is for the %s function of CSGI_STATE",
                              csgi_web_route_name(call), function, is_save ? "save" : "restore");
    return call->own->failure == CSGI_OK ? hand_over : NULL;
}

void csgi_save_bytes(csgi_call *call, const void *bytes, size_t size)
{
    csgi_web_hand_over *hand_over = hand_over_of(call, 1, "csgi_save_bytes");
    csgi_status code;

    if (!hand_over) return;
    hand_over->has_bytes = 1;
    code = hand_over->out->write(hand_over->out, (csgi_str){ bytes, size });
    if (code != CSGI_OK) csgi_web_break(call, code);
}

const void *csgi_saved_bytes(csgi_call *call, size_t *size)
{
    const csgi_web_hand_over *hand_over = hand_over_of(call, 0, "csgi_saved_bytes");

    *size = hand_over ? hand_over->saved.len : 0;
    return *size ? hand_over->saved.ptr : "";
}

csgi_json csgi_saved_json(csgi_call *call)
{
    const csgi_web_hand_over *hand_over = hand_over_of(call, 0, "csgi_saved_json");
    csgi_json saved = { call, NULL };
    const char *why;

    if (!hand_over) return saved;
    saved = csgi_web_json_keep(call, hand_over->saved, &why);
    if (why) csgi_fail(call, 500, "the saved state is not JSON: %s", why);
    saved.call = call;
    return saved;
}

uint32_t csgi_saved_version(csgi_call *call)
{
    const csgi_web_hand_over *hand_over = hand_over_of(call, 0, "csgi_saved_version");

    return hand_over ? hand_over->version : 0;
}
