/* SPDX-License-Identifier: MIT
 * HTTP's receive and send: CSGI's events to and from the exchange. */
#include "app/http_call.h"

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

static csgi_status pass_on(exchange *request, const csgi_event *event, const char **why)
{
    const csgi_http_start *start = (const csgi_http_start *)event;
    const csgi_http_body *body = (const csgi_http_body *)event;

    if (event->type == CSGI_HTTP_RESPONSE_START)
        return exchange_start(request, start->status, start->headers, why);
    return exchange_body(request, body->body, body->flags & CSGI_MORE, why);
}

csgi_status http_call_send(csgi_send *self, const csgi_event *event)
{
    frame *sender = CONTAINER_OF(self, frame, send);
    http_call *of = sender->call;
    char problem[EVENT_WHY_SIZE];
    const char *why = NULL;
    csgi_status status;

    status = event_check(event, of->scope.type, of->scope.features, problem);
    if (status != CSGI_OK)
        return event_refuse(&of->base, &sender->endpoint->label, event, status, problem);
    if (!is_in_call(of))
        return event_refuse(&of->base, &sender->endpoint->label, event, CSGI_ESTATE,
                            "it was sent from outside of the call's tasks");
    status = pass_on(of->request, event, &why);
    if (status == CSGI_ELIMIT) return CSGI_EDISCONNECTED; /* who asked wants no more of it */
    if (status != CSGI_EINVAL && status != CSGI_ESTATE) return status;
    if (!why || !*why) why = order_problem(of->request, event);
    return event_refuse(&of->base, &sender->endpoint->label, event, status, why);
}
