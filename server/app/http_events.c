/* SPDX-License-Identifier: MIT
 * HTTP's receive and send: CSGI's events to and from the exchange. */
#include "app/http_call.h"

#include <string.h>

#include "app/event.h"

static const csgi_event disconnect = CSGI_EVENT(csgi_event, CSGI_HTTP_DISCONNECT);

/* A call ends without asking who else still waits in its closures: they are its own tasks'. */
static bool is_in_call(const http_call *self)
{
    return call_current(self->base.set->loop) == &self->base;
}

csgi_status http_call_receive(csgi_receive *self, const csgi_event **event)
{
    http_call *of = CONTAINER_OF(self, http_call, receive);
    exchange_received kind;
    csgi_str bytes = { NULL, 0 };
    csgi_fields trailers = { NULL, 0 };
    bool more = false;
    csgi_status status;

    if (!event) return CSGI_EINVAL;
    if (!is_in_call(of)) return CSGI_ESTATE;
    status = exchange_receive(of->request, &kind, &bytes, &more, &trailers);
    if (status != CSGI_OK) return status;
    if (kind == EXCHANGE_GOT_DISCONNECT) {
        *event = &disconnect;
        return CSGI_OK;
    }
    of->received = (csgi_http_body){
        .event = CSGI_EVENT(csgi_http_body, CSGI_HTTP_REQUEST),
        .body = scope_str(bytes),
        .flags = more ? CSGI_MORE : 0,
        .trailers = trailers,
    };
    *event = &of->received.event;
    return CSGI_OK;
}

/* Why the exchange did not take an event now. */
static const char *order_problem(const exchange *request, const csgi_event *event)
{
    switch (request->phase) {
    case EXCHANGE_IDLE:
        return "http.response.start must be sent first";
    case EXCHANGE_COMPLETE:
        return "the response is complete";
    case EXCHANGE_CUT:
        return "the response was cut";
    default:
        return event->type == CSGI_HTTP_RESPONSE_START ? "the response has started already"
                                                       : "it is not allowed now";
    }
}

static csgi_status pass_start(exchange *request, const csgi_http_start *start, uint64_t features,
                              const char **why)
{
    if ((start->flags & CSGI_TRAILERS) && (features & CSGI_CAN_TRAILERS))
        return exchange_start_with_trailers(request, start->status, start->headers, why);
    return exchange_start(request, start->status, start->headers, why);
}

static csgi_status pass_trailers(exchange *request, const csgi_http_fields *event, const char **why)
{
    bool more = CSGI_HAS(event, csgi_http_fields, flags) && (event->flags & CSGI_MORE);

    return exchange_trailers(request, event->fields, more, why);
}

static csgi_status pass_path(exchange *request, const csgi_http_file *event, const char **why)
{
    if (event->flags & CSGI_MORE) {
        *why = "it is a whole body, and cannot have CSGI_MORE";
        return CSGI_EINVAL;
    }
    return exchange_path(request, event->path, why);
}

static csgi_status pass_on(exchange *request, const csgi_event *event, uint64_t features,
                           const char **why)
{
    const csgi_http_body *body = (const csgi_http_body *)event;
    const csgi_http_fields *fields = (const csgi_http_fields *)event;
    const csgi_http_file *file = (const csgi_http_file *)event;

    switch (event->type) {
    case CSGI_HTTP_RESPONSE_START:
        return pass_start(request, (const csgi_http_start *)event, features, why);
    case CSGI_HTTP_RESPONSE_EARLY_HINT:
        return exchange_hint(request, fields->fields, why);
    case CSGI_HTTP_RESPONSE_TRAILERS:
        return pass_trailers(request, fields, why);
    case CSGI_HTTP_RESPONSE_PATHSEND:
        return pass_path(request, file, why);
    case CSGI_HTTP_RESPONSE_ZEROCOPYSEND:
        return exchange_file(request, file->fd, file->offset, file->count, file->flags & CSGI_MORE,
                             why);
    default:
        return exchange_body(request, body->body, body->flags & CSGI_MORE, why);
    }
}

static bool is_refusal(csgi_status status)
{
    return status == CSGI_EINVAL || status == CSGI_ESTATE || status == CSGI_ENOTSUP ||
           status == CSGI_EFAIL;
}

csgi_status http_call_send(csgi_send *self, const csgi_event *event)
{
    frame *sender = CONTAINER_OF(self, frame, send);
    http_call *of = sender->call;
    uint64_t features = of->scope.features & sender->features;
    char problem[EVENT_WHY_SIZE];
    const char *why = NULL;
    csgi_status status;

    status = event_check(event, of->scope.type, features, problem);
    if (status != CSGI_OK)
        return event_refuse(&of->base, &sender->endpoint->label, event, status, problem);
    if (!is_in_call(of))
        return event_refuse(&of->base, &sender->endpoint->label, event, CSGI_ESTATE,
                            "it was sent from outside of the call's tasks");
    status = pass_on(of->request, event, features, &why);
    if (status == CSGI_ELIMIT) return CSGI_EDISCONNECTED; /* who asked wants no more of it */
    if (!is_refusal(status)) return status;
    if (!why || !*why) why = order_problem(of->request, event);
    return event_refuse(&of->base, &sender->endpoint->label, event, status, why);
}

/* Trailers that will be refused must not be waited for. */
static csgi_status without_trailers(http_call *of, const csgi_event **event)
{
    const csgi_http_start *start = (const csgi_http_start *)*event;
    csgi_http_start *copy;

    if (!start || start->event.type != CSGI_HTTP_RESPONSE_START ||
        !CSGI_HAS(start, csgi_http_start, flags) || !(start->flags & CSGI_TRAILERS))
        return CSGI_OK;
    copy = arena_alloc(of->base.arena, start->event.size, _Alignof(csgi_http_start));
    if (!copy) return CSGI_ENOMEM;
    memcpy(copy, start, start->event.size);
    copy->flags &= ~(uint32_t)CSGI_TRAILERS;
    *event = &copy->event;
    return CSGI_OK;
}

csgi_status http_call_send_onward(csgi_send *self, const csgi_event *event)
{
    frame *sender = CONTAINER_OF(self, frame, send);
    http_call *of = sender->call;

    if (!event_is_offered(event, sender->features))
        return event_refuse(&of->base, &sender->endpoint->label, event, CSGI_ENOTSUP,
                            EVENT_NOT_OFFERED);
    if (!(sender->features & CSGI_CAN_TRAILERS)) {
        csgi_status status = without_trailers(of, &event);

        if (status != CSGI_OK) return status;
    }
    return sender->onward->call(sender->onward, event);
}
