/* SPDX-License-Identifier: MIT
 * capricorn new: makes the folder of a new plugin from the templates in sdk/template, which the
 * Makefile turns into the strings included here. */
#include "cli/command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/str.h"
#include "base/suggest.h"
#include "worker/worker.h"

#define NEW_NAME_MAX 64u /* bytes */

/* In both, "@NAME@" stands for the plugin's name, and "@PACKAGES@" for what it is built with. */
typedef struct template_file {
    const char *path, *text;
} template_file;

/* A kind of plugin, as --with calls it. */
typedef struct template_kind {
    csgi_str name;
    const char *packages; /* as pkg-config calls them */
    const template_file *files;
    size_t file_count;
} template_kind;

/* What all have. */
static const char makefile[] =
#include "cli/Makefile.inc"
    ;
static const char gitignore[] =
#include "cli/gitignore.inc"
    ;

#define SHARED_FILES                   \
    { "@NAME@/Makefile", makefile },   \
    {                                  \
        "@NAME@/.gitignore", gitignore \
    }

static const template_file plain_files[] = {
    {
        "@NAME@/@NAME@.c",
#include "cli/plugin.c.inc"
    },
    {
        "@NAME@/test.sh",
#include "cli/test_begin.sh.inc"
#include "cli/plugin_test.sh.inc"
#include "cli/test_end.sh.inc"
    },
    {
        "@NAME@/README.md",
#include "cli/plugin_README.md.inc"
#include "cli/README_end.md.inc"
    },
    SHARED_FILES,
};

static const template_file client_files[] = {
    {
        "@NAME@/@NAME@.c",
#include "cli/client.c.inc"
    },
    {
        "@NAME@/test.sh",
#include "cli/test_begin.sh.inc"
#include "cli/client_test.sh.inc"
#include "cli/test_end.sh.inc"
    },
    {
        "@NAME@/README.md",
#include "cli/client_README.md.inc"
#include "cli/README_end.md.inc"
    },
    SHARED_FILES,
};

static const template_file postgres_files[] = {
    {
        "@NAME@/@NAME@.c",
#include "cli/postgres.c.inc"
    },
    {
        "@NAME@/pool.c",
#include "cli/pool.c.inc"
    },
    {
        "@NAME@/pool.h",
#include "cli/pool.h.inc"
    },
    {
        "@NAME@/test.sh",
#include "cli/test_begin.sh.inc"
#include "cli/postgres_test.sh.inc"
#include "cli/test_end.sh.inc"
    },
    {
        "@NAME@/README.md",
#include "cli/postgres_README.md.inc"
#include "cli/README_end.md.inc"
    },
    SHARED_FILES,
};

static const template_file middleware_files[] = {
    {
        "@NAME@/@NAME@.c",
#include "cli/middleware.c.inc"
    },
    {
        "@NAME@/test.sh",
#include "cli/test_begin.sh.inc"
#include "cli/middleware_test.sh.inc"
#include "cli/test_end.sh.inc"
    },
    {
        "@NAME@/README.md",
#include "cli/middleware_README.md.inc"
#include "cli/README_end.md.inc"
    },
    SHARED_FILES,
};

static const template_kind plain = { CSGI_STR(""), "csgi", plain_files, COUNT_OF(plain_files) };

static const template_kind kinds[] = {
    { CSGI_STR("client"), "csgi", client_files, COUNT_OF(client_files) },
    { CSGI_STR("postgres"), "csgi libpq", postgres_files, COUNT_OF(postgres_files) },
    { CSGI_STR("middleware"), "csgi", middleware_files, COUNT_OF(middleware_files) },
};

/* What was asked for. */
typedef struct order {
    const char *name;
    const template_kind *kind;
} order;

/* As a plugin may be named, and no option or hidden file is. */
static bool is_name(csgi_str name)
{
    return str_is_name(name) && char_is_letter(name.ptr[0]) && name.len <= NEW_NAME_MAX;
}

/* What a mark at the beginning of text stands for, and how long the mark is; NULL: it is none. */
static const char *find_mark(const order *self, const char *text, size_t *len)
{
    csgi_str at = str_from(text);

    *len = 0;
    if (str_starts_with(at, STR("@NAME@"))) *len = sizeof "@NAME@" - 1;
    if (*len) return self->name;
    if (str_starts_with(at, STR("@PACKAGES@"))) *len = sizeof "@PACKAGES@" - 1;
    return *len ? self->kind->packages : NULL;
}

static csgi_status put_text(const order *self, const char *text, buffer *out)
{
    csgi_status status = CSGI_OK;

    for (const char *at = strchr(text, '@'); status == CSGI_OK && at; at = strchr(at, '@')) {
        size_t len;
        const char *meant = find_mark(self, at, &len);

        at += len ? len : 1;
        if (!meant) continue;
        status = buffer_append(out, text, (size_t)(at - len - text));
        if (status == CSGI_OK) status = buffer_append(out, meant, strlen(meant));
        text = at;
    }
    return status == CSGI_OK ? buffer_append(out, text, strlen(text)) : status;
}

static csgi_status write_file(const char *path, csgi_str text)
{
    FILE *file = fopen(path, "wxe");
    bool is_written;

    if (!file) return CSGI_EFAIL;
    is_written = fwrite(text.ptr, 1, text.len, file) == text.len;
    return fclose(file) == 0 && is_written ? CSGI_OK : CSGI_EFAIL;
}

/* Makes one file; errno says what went wrong. */
static csgi_status make_file(const order *self, const template_file *from, buffer *path)
{
    buffer text = { 0 };
    csgi_status status = put_text(self, from->path, path);

    errno = ENOMEM;
    if (status == CSGI_OK) status = buffer_append(path, "", 1);
    if (status == CSGI_OK) status = put_text(self, from->text, &text);
    if (status == CSGI_OK) status = write_file(path->bytes, buffer_str(&text));
    buffer_fini(&text);
    return status;
}

/* Takes back the first of the files, and the folder. */
static void remove_files(const order *self, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer path = { 0 };

        if (put_text(self, self->kind->files[i].path, &path) == CSGI_OK &&
            buffer_append(&path, "", 1) == CSGI_OK)
            unlink(path.bytes);
        buffer_fini(&path);
    }
    rmdir(self->name);
}

static int make_folder(const order *self)
{
    const char *name = self->name;

    if (mkdir(name, 0755) != 0) {
        if (errno == EEXIST)
            fprintf(stderr,
                    "capricorn new: %s is there already: choose another name, or move it away\n",
                    name);
        else
            fprintf(stderr, "capricorn new: the folder %s cannot be made: %s\n", name,
                    strerror(errno));
        return EXIT_NOT_MADE;
    }
    for (size_t i = 0; i < self->kind->file_count; i++) {
        buffer path = { 0 };
        csgi_status status = make_file(self, &self->kind->files[i], &path);

        if (status != CSGI_OK) {
            fprintf(stderr, "capricorn new: %s cannot be written: %s\n",
                    path.len ? path.bytes : name, strerror(errno));
            remove_files(self, i + 1);
        }
        buffer_fini(&path);
        if (status != CSGI_OK) return EXIT_NOT_MADE;
    }
    return EXIT_SERVED;
}

/* NULL: there is no such kind, and that has been said. */
static const template_kind *find_kind(csgi_str name)
{
    csgi_str known[COUNT_OF(kinds)], nearest;

    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        known[i] = kinds[i].name;
        if (str_eq(name, known[i])) return &kinds[i];
    }
    nearest = suggest_nearest(name, known, COUNT_OF(known));
    fprintf(stderr, "--with: found \"%.*s\", expected client, postgres or middleware",
            STR_ARG(name));
    if (nearest.len) fprintf(stderr, "; did you mean %.*s?", STR_ARG(nearest));
    fputc('\n', stderr);
    return NULL;
}

/* Takes --with out of the arguments, whose order stays. False: it is wrong, which has been said. */
static bool take_kind(order *self, int *argc, char **argv)
{
    int left = 0, count = *argc;

    self->kind = &plain;
    for (int at = 0; at < count; at++) {
        csgi_str argument = str_from(argv[at]), value = { 0 };

        if (str_eq(argument, STR("--"))) {
            while (at < count)
                argv[left++] = argv[at++];
            break;
        }
        if (str_eq(argument, STR("--with"))) {
            if (at + 1 < count) value = str_from(argv[++at]);
        } else if (str_starts_with(argument, STR("--with="))) {
            value = str_slice(argument, sizeof "--with=" - 1, SIZE_MAX);
        } else {
            argv[left++] = argv[at];
            continue;
        }
        self->kind = find_kind(value);
        if (!self->kind) return false;
    }
    *argc = left;
    return true;
}

static int run(int argc, char **argv)
{
    server_options options;
    order asked = { 0 };
    int count, exit_status;

    if (!take_kind(&asked, &argc, argv)) return EXIT_USAGE;
    if (!read_options(&new_command, argc, argv, &options, &count, &exit_status)) return exit_status;
    if (count != 1) {
        fputs("one name is expected, as in \"capricorn new hello\".\n", stderr);
        return EXIT_USAGE;
    }
    if (!is_name(str_from(argv[0]))) {
        fprintf(stderr,
                "capricorn new: found \"%s\", expected a name: a letter, then letters, digits, "
                "\"_\" and \"-\", %u bytes at most\n",
                argv[0], NEW_NAME_MAX);
        return EXIT_USAGE;
    }
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like others */
    asked.name = argv[0];
    exit_status = make_folder(&asked);
    if (exit_status == EXIT_SERVED)
        printf("%s is a new plugin. To build, test and serve it:\n\n"
               "    cd %s && make && make test && make run\n",
               argv[0], argv[0]);
    return exit_status;
}

const command new_command = {
    .name = "new",
    .summary = "make the folder of a new plugin",
    .synopsis = "[--with KIND] NAME",
    .about = "Makes the folder NAME with a plugin of that name: its source, a Makefile (make, make "
             "test, make run), a test and a README. It takes a C compiler, make, and pkg-config "
             "that finds csgi, which \"make install\" of Capricorn installs.\n"
             "\n"
             "  --with KIND   client: it asks another server; postgres: it asks PostgreSQL, with\n"
             "                libpq; middleware: it is around other plugins\n"
             "\n"
             "Exit status: 0 made, 1 not made, 2 wrong usage.",
    .run = run,
};
