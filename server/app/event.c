/* SPDX-License-Identifier: MIT
 * The table of event types, and the checks that every sent event passes before its order is looked
 * at. */
#include "app/event.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/app_set.h"
#include "base/str.h"
#include "log/log.h"

/* Flag bits 16-31 must be understood; none is known yet. */
#define MUST_UNDERSTAND 0xffff0000u
#define NOWHERE         UINT16_MAX /* this event has no such member */

typedef struct event_kind {
    uint32_t type;
    uint32_t scopes; /* which may send it; 0: it is received only */
    uint64_t feature;
    const char *name;
    uint16_t size; /* what every sender fills in; flags may come after it */
    uint16_t flags_at, text_at, fields_at;
} event_kind;

#define AT(type, member) (uint16_t) offsetof(type, member)

static const event_kind kinds[] = {
    { CSGI_HTTP_RESPONSE_START, CSGI_HTTP, 0, "http.response.start", sizeof(csgi_http_start),
      AT(csgi_http_start, flags), NOWHERE, AT(csgi_http_start, headers) },
    { CSGI_HTTP_RESPONSE_BODY, CSGI_HTTP, 0, "http.response.body", sizeof(csgi_http_body),
      AT(csgi_http_body, flags), AT(csgi_http_body, body), NOWHERE },
    { CSGI_HTTP_RESPONSE_TRAILERS, CSGI_HTTP, CSGI_CAN_TRAILERS, "http.response.trailers",
      AT(csgi_http_fields, flags), AT(csgi_http_fields, flags), NOWHERE,
      AT(csgi_http_fields, fields) },
    { CSGI_HTTP_RESPONSE_EARLY_HINT, CSGI_HTTP, CSGI_CAN_EARLY_HINT, "http.response.early_hint",
      AT(csgi_http_fields, flags), AT(csgi_http_fields, flags), NOWHERE,
      AT(csgi_http_fields, fields) },
    { CSGI_HTTP_RESPONSE_PATHSEND, CSGI_HTTP, CSGI_CAN_PATHSEND, "http.response.pathsend",
      sizeof(csgi_http_file), AT(csgi_http_file, flags), AT(csgi_http_file, path), NOWHERE },
    { CSGI_HTTP_RESPONSE_ZEROCOPYSEND, CSGI_HTTP, CSGI_CAN_ZEROCOPYSEND,
      "http.response.zerocopysend", sizeof(csgi_http_file), AT(csgi_http_file, flags), NOWHERE,
      NOWHERE },
    { CSGI_WEBSOCKET_ACCEPT, CSGI_WEBSOCKET, 0, "websocket.accept", sizeof(csgi_websocket_accept),
      NOWHERE, AT(csgi_websocket_accept, subprotocol), AT(csgi_websocket_accept, headers) },
    { CSGI_WEBSOCKET_MESSAGE, CSGI_WEBSOCKET, 0, "websocket.send", sizeof(csgi_websocket_message),
      AT(csgi_websocket_message, flags), AT(csgi_websocket_message, payload), NOWHERE },
    { CSGI_WEBSOCKET_CLOSE, CSGI_WEBSOCKET, 0, "websocket.close", sizeof(csgi_websocket_close),
      NOWHERE, AT(csgi_websocket_close, reason), NOWHERE },
    { CSGI_LIFESPAN_COMPLETE, CSGI_LIFESPAN, 0, "lifespan.complete", sizeof(csgi_lifespan),
      AT(csgi_lifespan, flags), AT(csgi_lifespan, message), NOWHERE },
    { CSGI_LIFESPAN_FAILED, CSGI_LIFESPAN, 0, "lifespan.failed", sizeof(csgi_lifespan),
      AT(csgi_lifespan, flags), AT(csgi_lifespan, message), NOWHERE },
    { CSGI_HTTP_REQUEST, 0, 0, "http.request", 0, NOWHERE, NOWHERE, NOWHERE },
    { CSGI_HTTP_DISCONNECT, 0, 0, "http.disconnect", 0, NOWHERE, NOWHERE, NOWHERE },
    { CSGI_WEBSOCKET_CONNECT, 0, 0, "websocket.connect", 0, NOWHERE, NOWHERE, NOWHERE },
    { CSGI_WEBSOCKET_DISCONNECT, 0, 0, "websocket.disconnect", 0, NOWHERE, NOWHERE, NOWHERE },
    { CSGI_LIFESPAN_STARTUP, 0, 0, "lifespan.startup", 0, NOWHERE, NOWHERE, NOWHERE },
    { CSGI_LIFESPAN_SHUTDOWN, 0, 0, "lifespan.shutdown", 0, NOWHERE, NOWHERE, NOWHERE },
};

static const event_kind *find_kind(uint32_t type)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i].type == type) return &kinds[i];
    }
    return NULL;
}

/* A member of an event whose size has been checked. */
static const void *member(const csgi_event *event, uint16_t at)
{
    return (const char *)event + at;
}

static bool is_whole_str(csgi_str text)
{
    return text.ptr || text.len == 0;
}

static csgi_status check_fields(const csgi_fields *fields, char why[EVENT_WHY_SIZE])
{
    if (!fields->items && fields->count) {
        snprintf(why, EVENT_WHY_SIZE, "its fields are NULL, and their count is %zu", fields->count);
        return CSGI_EINVAL;
    }
    for (size_t i = 0; i < fields->count; i++) {
        const csgi_field *field = &fields->items[i];

        if (!is_whole_str(field->name) || !is_whole_str(field->value)) {
            snprintf(why, EVENT_WHY_SIZE, "its field %zu has a NULL name or value", i);
            return CSGI_EINVAL;
        }
        if (field->flags & MUST_UNDERSTAND) {
            snprintf(why, EVENT_WHY_SIZE, "its field %zu has unknown flags 0x%" PRIx32, i,
                     field->flags);
            return CSGI_EINVAL;
        }
    }
    return CSGI_OK;
}

static csgi_status check_members(const event_kind *kind, const csgi_event *event,
                                 char why[EVENT_WHY_SIZE])
{
    if (kind->flags_at != NOWHERE && event->size >= kind->flags_at + sizeof(uint32_t)) {
        uint32_t flags = *(const uint32_t *)member(event, kind->flags_at);

        if (flags & MUST_UNDERSTAND) {
            snprintf(why, EVENT_WHY_SIZE, "this server does not know its flags 0x%" PRIx32,
                     flags & MUST_UNDERSTAND);
            return CSGI_EINVAL;
        }
    }
    if (kind->text_at != NOWHERE &&
        !is_whole_str(*(const csgi_str *)member(event, kind->text_at))) {
        snprintf(why, EVENT_WHY_SIZE, "its text is NULL, and its length is not 0");
        return CSGI_EINVAL;
    }
    if (kind->fields_at == NOWHERE) return CSGI_OK;
    return check_fields(member(event, kind->fields_at), why);
}

csgi_status event_check(const csgi_event *event, uint32_t scope_type, uint64_t features,
                        char why[EVENT_WHY_SIZE])
{
    const event_kind *kind;

    if (!event) {
        snprintf(why, EVENT_WHY_SIZE, "it is NULL");
        return CSGI_EINVAL;
    }
    kind = find_kind(event->type);
    if (!kind) {
        snprintf(why, EVENT_WHY_SIZE, "this server knows no event of that type");
        return CSGI_ENOTSUP;
    }
    if (!(kind->scopes & scope_type)) {
        snprintf(why, EVENT_WHY_SIZE, "%s",
                 kind->scopes ? "it belongs to another type of scope"
                              : "it is an event to receive, not to send");
        return CSGI_ENOTSUP;
    }
    if (kind->feature & ~features) {
        snprintf(why, EVENT_WHY_SIZE, EVENT_NOT_OFFERED);
        return CSGI_ENOTSUP;
    }
    if (event->size < kind->size) {
        snprintf(why, EVENT_WHY_SIZE, "its size is %" PRIu32 ", and that type needs at least %u",
                 event->size, kind->size);
        return CSGI_EINVAL;
    }
    return check_members(kind, event, why);
}

bool event_is_offered(const csgi_event *event, uint64_t features)
{
    const event_kind *kind = event ? find_kind(event->type) : NULL;

    return !kind || !(kind->feature & ~features);
}

csgi_status event_refuse(const call *of, const task_label *sender, const csgi_event *event,
                         csgi_status code, const char *why)
{
    const event_kind *kind = event ? find_kind(event->type) : NULL;
    task *current = task_current(of->set->loop);
    char name[48], detail[EVENT_WHY_SIZE + sizeof name];

    if (kind) {
        snprintf(name, sizeof name, "%s", kind->name);
    } else if (event) {
        snprintf(name, sizeof name, "event 0x%" PRIx32, event->type);
    } else {
        snprintf(name, sizeof name, "event");
    }
    log_error("plugin %.*s, endpoint %.*s: send of %s was refused with %s: %s",
              STR_ARG(sender->plugin), STR_ARG(sender->endpoint), name, status_name(code), why);
    snprintf(detail, sizeof detail, "%s: %s", name, why);
    if (current) task_set_error(current, str_from(detail));
    return code;
}
