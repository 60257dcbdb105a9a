/* SPDX-License-Identifier: MIT
 * A shared object's bytes, read and not mapped: header, segments, dynamic section and symbols, each
 * checked against the file's size before it is believed. What is good or bad for a plugin is
 * elf.c's. */
#ifndef CAPRICORN_PLUGIN_IMAGE_H
#define CAPRICORN_PLUGIN_IMAGE_H

#include <link.h>
#include <stdint.h>

#include "base/buffer.h"

typedef struct image {
    const char *file; /* borrowed */
    buffer *problem;  /* borrowed; a failing function writes its sentence there */
    int fd;
    uint64_t size; /* of the file, in bytes */
    ElfW(Ehdr) header;
    ElfW(Phdr) * segments; /* header.e_phnum */
    ElfW(Dyn) * dynamic;
    size_t dynamic_count;
    ElfW(Sym) * symbols;
    size_t symbol_count;
    char *strings; /* strings_len bytes and a NUL */
    size_t strings_len;
} image;

/* Opens the file and reads its header and segments: a whole shared object for this machine.
 * CSGI_EFAIL, CSGI_ENOMEM; image_close is owed in any case. */
csgi_status image_open(image *self, const char *file, buffer *problem);
/* Reads the dynamic section, the strings and the symbols. CSGI_EFAIL, CSGI_ENOMEM. */
csgi_status image_read_symbols(image *self);
void image_close(image *self);

/* The value of a tag of the dynamic section, or 0. */
uint64_t image_dynamic(const image *self, int64_t tag);
/* A string of the dynamic strings; "" where there is none. */
const char *image_string(const image *self, uint64_t offset);

/* Writes the sentence "FILE: ..." and returns CSGI_EFAIL. */
csgi_status image_refuse(image *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
