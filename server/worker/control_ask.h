/* SPDX-License-Identifier: MIT
 * One request to the control socket of a server of this machine, for the commands. */
#ifndef CAPRICORN_WORKER_CONTROL_ASK_H
#define CAPRICORN_WORKER_CONTROL_ASK_H

#include "base/buffer.h"

/* A server answers at once, but for a reload, which takes its time. */
#define CONTROL_ASK_TIMEOUT_MS 5000u
#define CONTROL_ANSWER_MAX     ((size_t)64 << 20)

typedef struct control_answer {
    uint32_t status;
    csgi_str body; /* in text */
    buffer text;   /* all of it, to be freed */
} control_answer;

/* timeout_ms 0: no limit. Blocks. CSGI_EUNREACH: nobody listens there, or it may not be used;
 * CSGI_EFAIL: there was no whole answer in time; *why is a sentence. CSGI_ENOMEM. */
csgi_status control_ask(const char *path, const char *method, const char *target,
                        uint64_t timeout_ms, control_answer *out, buffer *why);
/* Reads an answer that has ended with its connection; its content-length, which it must have, says
 * whether it is whole. CSGI_EINVAL: it is no such answer. */
csgi_status control_answer_read(csgi_str text, uint32_t *status, csgi_str *body);

#endif
