/* SPDX-License-Identifier: MIT
 * What the parts of the framework share about a call and an instance. */
#ifndef CSGI_SRC_CALL_H
#define CSGI_SRC_CALL_H

#include <csgi/web.h>

#include "json.h"
#include "text.h"

#define CSGI_WEB_INTERNAL_ERROR "Internal Server Error"

/* The value of what was declared, in the order of the declarations. */
typedef struct csgi_web_value {
    const char *text; /* NULL: an optional one that is missing, or no str */
    int64_t number;
} csgi_web_value;

typedef struct csgi_web_instance {
    const csgi_host *host;
    const csgi_web_plugin *plugin;
    cJSON *config; /* the strings of values live in it */
    csgi_web_value *values;
    void *state;                /* the author's */
    csgi_client *client;        /* that calls begin with */
    const csgi_scope *lifespan; /* while its lifespan function runs; else NULL */
} csgi_web_instance;

/* A tree to be deleted when the call ends. */
typedef struct csgi_web_tree {
    cJSON *root;
    struct csgi_web_tree *next;
} csgi_web_tree;

/* Where an array is being read: cJSON's are linked lists, so a loop over indexes would take
 * quadratic time. */
typedef struct csgi_web_walk {
    const cJSON *array, *item; /* the item at index */
    size_t index, count;
} csgi_web_walk;

/* What a save writes, or a restore reads. */
typedef struct csgi_web_hand_over {
    csgi_sink *out; /* NULL: it is a restore */
    csgi_str saved;
    uint32_t version; /* of saved */
    int has_bytes;    /* csgi_save_bytes has been called */
} csgi_web_hand_over;

typedef struct csgi_web_header csgi_web_header;
typedef struct csgi_web_background csgi_web_background;

struct csgi_web_call {
    csgi_web_instance *instance;
    const csgi_route *route; /* NULL: it is no handler's */
    csgi_web_value *values;  /* of the route's declarations */
    csgi_status failure;     /* CSGI_OK: it has not failed */
    int status;              /* of the failure; 0: it is not the client's business */
    const char *detail;
    int is_replied;
    csgi_web_header *headers; /* of the reply, in their order */
    csgi_web_text reply;      /* what csgi_json_write has written */
    csgi_web_tree *trees;
    csgi_web_walk walk;
    csgi_web_background *background; /* to be started when the call has ended well */
    uint64_t timeout_ms;
    csgi_client *client;           /* of further requests; NULL: none */
    int is_startup;                /* it is a start-up function's */
    csgi_web_hand_over *hand_over; /* NULL: it neither saves nor restores */
};

/* A call that has receive and send yet to be set, if it has any; and its end,
 * with what its function returned. */
void csgi_web_call_init(csgi_call *call, struct csgi_web_call *own, csgi_web_instance *instance,
                        const csgi_scope *scope);
void csgi_web_call_fini(csgi_call *call, csgi_status code);
/* Starts the background work that the call asked for, or forgets it. */
void csgi_web_background_settle(csgi_call *call, int is_wanted);

/* The handler's name, for messages. */
const char *csgi_web_route_name(const csgi_call *call);
/* What printf makes of the arguments, in the call's memory. NULL: *text says why not. */
const char *csgi_web_format(const csgi_call *call, csgi_web_text *text, const char *format,
                            csgi_web_arguments *arguments);
/* Fails the call with a code that is not for the client. */
void csgi_web_break(csgi_call *call, csgi_status code);
/* Fails it with a 500 that says nothing, and writes why to the log. */
void csgi_web_author_error(csgi_call *call, const char *format, ...) CSGI_PRINTF(2, 3);
/* Takes over what went wrong with a text that was made for this call. */
void csgi_web_text_error(csgi_call *call, const csgi_web_text *text, const char *what);
/* Sends the request, whose limits, client and size are filled in, and waits. NULL: the call has
 * failed. [suspends] */
const csgi_client_response *csgi_web_fetch(csgi_call *call, csgi_client_request *request,
                                           const char *url);
/* Reads JSON, and keeps the tree until the call ends. Empty: *why says what is wrong, or is NULL
 * and the call has failed. */
csgi_json csgi_web_json_keep(csgi_call *call, csgi_str text, const char **why);
/* Reads an upstream's body as JSON, or fails the call with 502. */
csgi_json csgi_web_upstream_json(csgi_call *call, const char *url, csgi_str body);
/* Sends a whole response of that type; the headers of the author's go with it unless the call has
 * failed. [suspends] */
csgi_status csgi_web_reply(csgi_call *call, int status, const char *content_type, csgi_str body);

/* Reads and checks the route's parameters. 0: the call has failed or was answered with 422. */
int csgi_web_params_read(csgi_call *call);

/* A declared one by name; NULL: the call has failed now, for the author asked for what is not
 * there. */
const csgi_web_value *csgi_web_value_find(csgi_call *call, const csgi_declaration *declared,
                                          const csgi_web_value *values, uint32_t in, uint32_t type,
                                          const char *name);
/* How many there are before CSGI_IN_END. */
size_t csgi_web_declared_count(const csgi_declaration *declared);

/* An int as FastAPI reads one from a query. CSGI_EINVAL: none; CSGI_ELIMIT: beyond 64 bits. */
csgi_status csgi_web_int_parse(const char *text, int64_t *number);
/* -1: the number is below ge; 1: it is above le. */
int csgi_web_int_bounds(const csgi_declaration *declared, int64_t number);

#endif
