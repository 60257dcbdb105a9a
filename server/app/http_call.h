/* SPDX-License-Identifier: MIT
 * One HTTP call: the exchange on one side, an endpoint and its middleware on the other. */
#ifndef CAPRICORN_APP_HTTP_CALL_H
#define CAPRICORN_APP_HTTP_CALL_H

#include "app/app_set.h"
#include "app/call.h"

typedef struct http_call http_call;

/* One endpoint's part in a call. Each has a send of its own, so that a refusal can name it. */
typedef struct frame {
    csgi_send send;
    csgi_app inner; /* of a middleware: runs the next frame */
    http_call *call;
    const app_endpoint *endpoint;
    uint64_t features; /* of the scope it was called with */
    csgi_send *onward; /* a middleware's own send, when that scope had fewer; else NULL */
    bool is_inner_called;
} frame;

struct http_call {
    call base;
    list_node node; /* of app_set.calls */
    exchange *request;
    const app_target *target;
    timer limit;        /* only if there is a deadline */
    bool has_own_limit; /* it is the target's timeout */
    bool is_late;
    csgi_receive receive;
    csgi_scope scope;
    csgi_http_body received; /* until the next receive */
    csgi_status failure;     /* the last one logged, 0: none */
    frame frames[];          /* outermost first; the last is the endpoint */
};

/* Starts the call of a target in a task of its own, and takes over the exchange; when that fails it
 * is answered 503, and 413 when its body is larger than the target takes. [loop] or task */
void http_call_begin(app_set *set, exchange *request, const app_target *target, csgi_fields params,
                     unsigned depth);

/* The calls that run code of this app, which has been replaced, are told to finish. */
void calls_tell_outdated(const instance *replaced);

/* What the closures do (http_events.c). The last one stands before a middleware's own send. */
csgi_status http_call_receive(csgi_receive *self, const csgi_event **event);
csgi_status http_call_send(csgi_send *self, const csgi_event *event);
csgi_status http_call_send_onward(csgi_send *self, const csgi_event *event);

/* Runs a frame and what is further in; its failure is logged here (middleware.c). [suspends] */
csgi_status frame_run(frame *self, const csgi_scope *scope, csgi_receive *receive, csgi_send *send);
void frame_init(frame *self, http_call *owner, const app_endpoint *endpoint);
/* The frame that should have answered: the first that called nothing further in. */
const frame *frame_innermost_called(const http_call *self);

#endif
