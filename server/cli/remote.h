/* SPDX-License-Identifier: MIT
 * What the commands share that ask a running server over its control socket. */
#ifndef CAPRICORN_CLI_REMOTE_H
#define CAPRICORN_CLI_REMOTE_H

#include "cli/command.h"
#include "config/json_text.h"
#include "worker/control_ask.h"

/* What a server said. */
typedef struct remote_answer {
    control_answer answer;
    arena memory;           /* of the values */
    const json_value *root; /* an object */
} remote_answer;

typedef struct remote_question {
    const char *method, *target;
    uint64_t timeout_ms; /* 0: none */
} remote_question;

/* Asks the server of --control-socket, or else of that process id among this user's, or else
 * (pid NULL) the only one of this user's. False: why not was told on standard error, and
 * *exit_status says so too; after true remote_end is owed. */
bool remote_ask(const command *it, const server_options *options, const char *pid,
                const remote_question *question, remote_answer *out, int *exit_status);
void remote_end(remote_answer *self);

/* The text of a member; empty when there is none, or null. */
csgi_str remote_text(const json_value *object, const char *key);
/* The number that a member is; 0 when there is none. */
uint64_t remote_number(const json_value *object, const char *key);
/* The first item of the array that a member is; NULL when there is none. */
const json_value *remote_first(const json_value *object, const char *key);

#endif
