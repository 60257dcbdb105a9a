/* SPDX-License-Identifier: MIT
 * The TLS config of a dialer, made once for all that wait for it. */
#include "client/secure.h"

#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "loop/offload.h"

/* On the stacks of the tasks. */
typedef struct loading {
    const tls_client_options *options;
    tls_config *made;
    buffer why;
} loading;

typedef struct waiter {
    list_node node;
    pending *within;
} waiter;

static csgi_status load_on_thread(void *arg)
{
    loading *self = arg;

    return tls_config_new_client(self->options, &self->made, &self->why);
}

static void wake_all(secure *self)
{
    list_node *node;

    while ((node = list_pop(&self->waiting)))
        pending_settle(CONTAINER_OF(node, waiter, node)->within, CSGI_OK);
}

static csgi_status explain_no_thread(pending *within, csgi_status status)
{
    if (status == CSGI_ETIMEDOUT) return pending_explain_total(within);
    if (status == CSGI_ECANCELED)
        return pending_explain(within, status, "given up: the task is cancelled");
    return pending_explain(within, status, "no thread is free to read the CA certificates");
}

/* [suspends] */
static csgi_status load(secure *self, pending *within)
{
    loading now = { .options = &self->options };
    csgi_status status, result = CSGI_OK;

    self->is_loading = true;
    status = offload_run(self->loop, load_on_thread, &now, &result);
    self->is_loading = false;
    if (status)
        explain_no_thread(within, status);
    else if (result)
        status = pending_explain(within, result == CSGI_ENOMEM ? result : CSGI_EUNREACH,
                                 "TLS is not to be had: %.*s", STR_ARG(buffer_str(&now.why)));
    self->config = now.made;
    buffer_fini(&now.why);
    wake_all(self);
    return status;
}

/* For the one that loads. [suspends] */
static csgi_status wait_for_it(secure *self, pending *within, uint64_t due_ms)
{
    waiter self_waiting = { .within = within };
    csgi_status status;

    list_append(&self->waiting, &self_waiting.node);
    pending_begin(within, due_ms);
    status = pending_end(within);
    if (!within->settled) list_remove(&self_waiting.node);
    if (status != CSGI_ETIMEDOUT) return status;
    if (pending_is_over(within)) return pending_explain_total(within);
    return pending_explain(within, status, "the CA certificates were not read in time");
}

void secure_init(secure *self, loop *runner, const tls_client_options *options)
{
    memset(self, 0, sizeof *self);
    self->loop = runner;
    if (options) self->options = *options;
    list_init(&self->waiting);
}

/* By how the sentence of tls/ begins. */
static const char *option_of(csgi_str sentence)
{
    if (str_starts_with(sentence, STR("CA file"))) return "ca_file: ";
    if (str_starts_with(sentence, STR("certificate file"))) return "cert_file: ";
    return str_starts_with(sentence, STR("key file")) ? "key_file: " : "";
}

csgi_status secure_load_files(secure *self, buffer *why)
{
    const tls_client_options *options = &self->options;
    buffer said = { 0 };
    csgi_status status;

    if (!options->ca_file && !options->cert_file && !options->key_file) return CSGI_OK;
    status = tls_config_new_client(options, &self->config, &said);
    if (status)
        buffer_printf(why, "%s%.*s", option_of(buffer_str(&said)), STR_ARG(buffer_str(&said)));
    buffer_fini(&said);
    return status;
}

void secure_fini(secure *self)
{
    CHECK(!self->is_loading && list_is_empty(&self->waiting));
    tls_config_release(self->config);
}

csgi_status secure_get(secure *self, pending *within, uint64_t due_ms, tls_config **out)
{
    csgi_status status = CSGI_OK;

    while (!self->config && status == CSGI_OK)
        status = self->is_loading ? wait_for_it(self, within, due_ms) : load(self, within);
    *out = self->config;
    return status;
}
