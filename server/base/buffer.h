/* SPDX-License-Identifier: MIT
 * A growable run of bytes. */
#ifndef CAPRICORN_BASE_BUFFER_H
#define CAPRICORN_BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <csgi/types.h>

/* All zero is an empty buffer that owns nothing. */
typedef struct buffer {
    char *bytes;
    size_t len, capacity;
} buffer;

/* Makes room for that many bytes behind len. 0 or CSGI_ENOMEM, which changes nothing. */
csgi_status buffer_reserve(buffer *self, size_t more);
/* Appends a copy. 0 or CSGI_ENOMEM, which changes nothing. */
csgi_status buffer_append(buffer *self, const void *bytes, size_t len);
static inline csgi_status buffer_append_str(buffer *self, csgi_str text)
{
    return buffer_append(self, text.ptr, text.len);
}
/* Appends formatted text, with no NUL. 0 or CSGI_ENOMEM, which changes nothing. */
csgi_status buffer_printf(buffer *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
csgi_status buffer_vprintf(buffer *self, const char *format, va_list args);
/* Appends what a descriptor has up to its end, with a NUL that len does not count. CSGI_ELIMIT: len
 * would be more than max; CSGI_EFAIL, with errno; CSGI_ENOMEM. What was read until then stays. */
csgi_status buffer_read_all(buffer *self, int fd, size_t max);
/* Frees the memory; the buffer is then empty and may be used again. */
void buffer_fini(buffer *self);
static inline csgi_str buffer_str(const buffer *self)
{
    return (csgi_str){ self->bytes, self->len };
}

#endif
