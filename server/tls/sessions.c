/* SPDX-License-Identifier: MIT
 * The sessions of a client's config, so that the next connection to the same server needs neither
 * certificates nor signatures. One may be resumed more than once: RFC 8446 section C.4 advises
 * against that where a listener on the line should not see that a client comes back, which its
 * address tells here anyway. */
#include <stdlib.h>
#include <string.h>

#include "tls/tls_inside.h"

typedef struct kept_session {
    list_node node;
    SSL_SESSION *session;
    char key[];
} kept_session;

void tls_sessions_init(tls_sessions *self)
{
    list_init(&self->all);
    self->count = 0;
}

static void drop(tls_sessions *self, kept_session *kept)
{
    list_remove(&kept->node);
    self->count--;
    SSL_SESSION_free(kept->session);
    free(kept);
}

void tls_sessions_fini(tls_sessions *self)
{
    LIST_EACH_SAFE (node, &self->all)
        drop(self, CONTAINER_OF(node, kept_session, node));
}

static kept_session *find(tls_sessions *self, const char *key)
{
    LIST_EACH (node, &self->all) {
        kept_session *kept = CONTAINER_OF(node, kept_session, node);

        if (strcmp(kept->key, key)) continue;
        list_remove(&kept->node);
        list_prepend(&self->all, &kept->node);
        return kept;
    }
    return NULL;
}

SSL_SESSION *tls_sessions_find(tls_sessions *self, const char *key)
{
    kept_session *kept = find(self, key);

    if (!kept) return NULL;
    if (SSL_SESSION_is_resumable(kept->session)) return kept->session;
    drop(self, kept);
    return NULL;
}

bool tls_sessions_put(tls_sessions *self, const char *key, SSL_SESSION *fresh)
{
    kept_session *kept = find(self, key);
    size_t size = strlen(key) + 1;

    if (kept) {
        SSL_SESSION_free(kept->session);
        kept->session = fresh;
        return true;
    }
    kept = malloc(sizeof *kept + size);
    if (!kept) return false;
    kept->session = fresh;
    memcpy(kept->key, key, size);
    list_prepend(&self->all, &kept->node);
    if (++self->count > TLS_SESSIONS) drop(self, CONTAINER_OF(self->all.prev, kept_session, node));
    return true;
}
