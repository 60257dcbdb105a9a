/* SPDX-License-Identifier: MIT
 * A growable run of bytes: doubling, with checked arithmetic. */
#include "base/buffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What buffer_read_all begins with, unless room was made. */
#define FIRST_READ ((size_t)4096)

csgi_status buffer_reserve(buffer *self, size_t more)
{
    size_t need, capacity = self->capacity ? self->capacity : 256;
    char *bytes;

    if (__builtin_add_overflow(self->len, more, &need)) return CSGI_ENOMEM;
    if (need <= self->capacity) return CSGI_OK;
    while (capacity < need) {
        if (__builtin_mul_overflow(capacity, (size_t)2, &capacity)) return CSGI_ENOMEM;
    }
    bytes = realloc(self->bytes, capacity);
    if (!bytes) return CSGI_ENOMEM;
    self->bytes = bytes;
    self->capacity = capacity;
    return CSGI_OK;
}

csgi_status buffer_append(buffer *self, const void *bytes, size_t len)
{
    csgi_status status;

    if (len == 0) return CSGI_OK;
    if ((status = buffer_reserve(self, len)) != CSGI_OK) return status;
    memcpy(self->bytes + self->len, bytes, len);
    self->len += len;
    return CSGI_OK;
}

csgi_status buffer_vprintf(buffer *self, const char *format, va_list args)
{
    va_list again;
    csgi_status status;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    status = len < 0 ? CSGI_EINVAL : buffer_reserve(self, (size_t)len + 1);
    if (status == CSGI_OK) {
        vsnprintf(self->bytes + self->len, (size_t)len + 1, format, again);
        self->len += (size_t)len;
    }
    va_end(again);
    return status;
}

csgi_status buffer_printf(buffer *self, const char *format, ...)
{
    va_list args;
    csgi_status status;

    va_start(args, format);
    status = buffer_vprintf(self, format, args);
    va_end(args);
    return status;
}

csgi_status buffer_read_all(buffer *self, int fd, size_t max)
{
    for (;;) {
        csgi_status status = buffer_reserve(self, self->capacity ? 1 : FIRST_READ);
        ssize_t got;

        if (status != CSGI_OK) return status;
        got = read(fd, self->bytes + self->len, self->capacity - self->len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return CSGI_EFAIL;
        self->len += (size_t)got;
        if (self->len > max) return CSGI_ELIMIT;
        if (got > 0) continue;
        self->bytes[self->len] = '\0'; /* for which reading nothing has left room */
        return CSGI_OK;
    }
}

void buffer_fini(buffer *self)
{
    free(self->bytes);
    *self = (buffer){ 0 };
}
