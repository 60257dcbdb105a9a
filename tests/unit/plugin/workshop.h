/* SPDX-License-Identifier: MIT
 * A directory of its own for a test, and a compiler for small plugins in it. The tests run from the
 * top of the tree, where sdk/include is. */
#ifndef CAPRICORN_TEST_WORKSHOP_H
#define CAPRICORN_TEST_WORKSHOP_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"

typedef struct workshop {
    char directory[64]; /* only its owner may write there */
    char path[192];     /* what the last call named */
    buffer problem, warnings;
} workshop;

static inline int workshop_open(void **state)
{
    workshop *self = calloc(1, sizeof(*self));

    snprintf(self->directory, sizeof(self->directory), "/tmp/capricorn-unit-XXXXXX");
    *state = self;
    return mkdtemp(self->directory) ? 0 : -1;
}

static inline int workshop_remove(const char *path, const struct stat *about, int kind,
                                  struct FTW *place)
{
    (void)about, (void)kind, (void)place;
    return remove(path);
}

static inline int workshop_close(void **state)
{
    workshop *self = *state;

    nftw(self->directory, workshop_remove, 8, FTW_DEPTH | FTW_PHYS);
    buffer_fini(&self->problem);
    buffer_fini(&self->warnings);
    free(self);
    return 0;
}

/* The path of a name in the directory. */
static inline const char *workshop_path(workshop *self, const char *name)
{
    snprintf(self->path, sizeof(self->path), "%s/%s", self->directory, name);
    return self->path;
}

static inline const char *workshop_write(workshop *self, const char *name, const void *bytes,
                                         size_t len)
{
    FILE *file;

    unlink(
        workshop_path(self, name)); /* some filesystems write out at once what is cut to nothing */
    file = fopen(self->path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    return self->path;
}

static inline buffer workshop_read(const char *path)
{
    FILE *file = fopen(path, "r");
    buffer content = { 0 };
    size_t count;

    assert_non_null(file);
    do {
        assert_int_equal(buffer_reserve(&content, 65536), CSGI_OK);
        count = fread(content.bytes + content.len, 1, 65536, file);
        content.len += count;
    } while (count);
    fclose(file);
    return content;
}

/* Compiles a source to NAME with gcc and these further flags. */
static inline const char *workshop_compile(workshop *self, const char *name, const char *flags,
                                           const char *source)
{
    char command[1024];

    workshop_write(self, "source.c", source, strlen(source));
    workshop_path(self, name);
    snprintf(command, sizeof(command), "gcc -std=gnu11 -Isdk/include %s -o %s %s/source.c", flags,
             self->path, self->directory);
    assert_int_equal(system(command), 0);
    return self->path;
}

#define PLUGIN_FLAGS "-fPIC -shared -fvisibility=hidden"
#define PLUGIN_SOURCE                                                                             \
    "#include <csgi/csgi.h>\n"                                                                    \
    "static csgi_status call(void *i, const csgi_scope *s, csgi_receive *r, csgi_send *o)\n"      \
    "{ (void)i, (void)s, (void)r, (void)o; return CSGI_OK; }\n"                                   \
    "static const csgi_endpoint endpoints[] = {\n"                                                \
    "    { CSGI_STR(\"e\"), CSGI_STR(\"/e\"), CSGI_STR(\"GET\"), CSGI_HTTP, 0, call, NULL } };\n" \
    "static const csgi_plugin plugin = { CSGI_PLUGIN_HEAD, 0, 0, sizeof(csgi_endpoint),\n"        \
    "    CSGI_STR(\"sample\"), CSGI_STR(\"1.0\"), CSGI_STR(\"a sample\"), endpoints, 1,\n"        \
    "    NULL, NULL, NULL, NULL, NULL, NULL, NULL };\n"                                           \
    "CSGI_PLUGIN(plugin);\n"

/* Does the text (a buffer with no NUL) have this part? Fails the test if not. */
static inline void expect_part(buffer *text, const char *part)
{
    assert_int_equal(buffer_append(text, "", 1), CSGI_OK);
    text->len--;
    if (!strstr(text->bytes, part)) fail_msg("\"%s\" lacks \"%s\"", text->bytes, part);
}

#endif
