/* SPDX-License-Identifier: MIT
 * Fields that are sent apart from the response's head: early hints before it, trailers after its
 * body. */
#include "exchange/exchange_inside.h"

/* ---- early hints ---- */

static csgi_status check_hints(exchange *self, csgi_fields fields, const char **why)
{
    if (fields.count == 0) return exchange_refuse(why, CSGI_EINVAL, "it has no field");
    for (size_t i = 0; i < fields.count; i++) {
        csgi_status failed = exchange_check_field(self, fields.items[i], why);

        if (failed) return failed;
        if (http_is_framing_field(fields.items[i].name))
            return exchange_refuse_field(self, fields.items[i],
                                         "it frames the message, so it is no hint", why);
    }
    return CSGI_OK;
}

static csgi_status hint_in_turn(exchange *self, csgi_fields fields, const char **why)
{
    csgi_status failed;

    if (exchange_is_closed(self)) return CSGI_EDISCONNECTED;
    if (!(self->features & CSGI_CAN_EARLY_HINT))
        return exchange_refuse(why, CSGI_ENOTSUP, "this client cannot be sent early hints");
    if (self->phase != EXCHANGE_IDLE)
        return exchange_refuse(why, CSGI_ESTATE, "the response has already started");
    if ((failed = check_hints(self, fields, why))) return failed;
    if ((failed = self->wire->hint(self, fields))) return failed;
    return exchange_wait_drained(self, EXCHANGE_OUTBOX_HIGH);
}

csgi_status exchange_hint(exchange *self, csgi_fields fields, const char **why)
{
    csgi_status failed = exchange_enter(self);

    *why = "";
    if (failed) return failed;
    failed = hint_in_turn(self, fields, why);
    exchange_leave(self);
    return exchange_end_send(self, failed);
}

/* ---- trailers ---- */

static csgi_status check_trailers(exchange *self, csgi_fields fields, const char **why)
{
    for (size_t i = 0; i < fields.count; i++) {
        csgi_status failed = exchange_check_field(self, fields.items[i], why);

        if (failed) return failed;
        if (http_is_forbidden_trailer(fields.items[i].name))
            return exchange_refuse_field(self, fields.items[i],
                                         "it may not be a trailer (RFC 9110 section 6.5.1)", why);
    }
    return CSGI_OK;
}

static csgi_status check_trailers_are_due(const exchange *self, const char **why)
{
    if (self->phase == EXCHANGE_IDLE)
        return exchange_refuse(why, CSGI_ESTATE, "the response has not started");
    if (self->phase == EXCHANGE_COMPLETE)
        return exchange_refuse(why, CSGI_ESTATE, "the response is complete");
    if (!self->has_trailers)
        return exchange_refuse(why, CSGI_ESTATE, "the start did not say that trailers follow");
    if (!self->awaits_trailers) return exchange_refuse(why, CSGI_ESTATE, "the body has not ended");
    return CSGI_OK;
}

static csgi_status trailers_in_turn(exchange *self, csgi_fields fields, bool more, const char **why)
{
    bool first = !self->trailers_begun;
    csgi_status failed;

    if (exchange_is_closed(self)) return CSGI_EDISCONNECTED;
    if ((failed = check_trailers_are_due(self, why))) return failed;
    if ((failed = check_trailers(self, fields, why))) return failed;
    self->trailers_begun = true;
    if (!more) self->phase = EXCHANGE_COMPLETE;
    failed = self->wire->trailers(self, fields, first, !more);
    if (failed) {
        exchange_cut(self);
        return failed;
    }
    if (more) return exchange_wait_drained(self, EXCHANGE_OUTBOX_HIGH);
    exchange_completed(self);
    return CSGI_OK;
}

csgi_status exchange_trailers(exchange *self, csgi_fields fields, bool more, const char **why)
{
    csgi_status failed = exchange_enter(self);

    *why = "";
    if (failed) return failed;
    failed = trailers_in_turn(self, fields, more, why);
    exchange_leave(self);
    return exchange_end_send(self, failed);
}
