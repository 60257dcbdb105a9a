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
#include "worker/worker.h"

#define NEW_NAME_MAX 64u /* bytes */

/* In both, "@NAME@" stands for the plugin's name. */
typedef struct template_file {
    const char *path, *text;
} template_file;

static const template_file templates[] = {
    {
        "@NAME@/@NAME@.c",
#include "cli/plugin.c.inc"
    },
    {
        "@NAME@/Makefile",
#include "cli/Makefile.inc"
    },
    {
        "@NAME@/test.sh",
#include "cli/test.sh.inc"
    },
    {
        "@NAME@/README.md",
#include "cli/README.md.inc"
    },
    {
        "@NAME@/.gitignore",
#include "cli/gitignore.inc"
    },
};

/* As a plugin may be named, and no option or hidden file is. */
static bool is_name(csgi_str name)
{
    return str_is_name(name) && char_is_letter(name.ptr[0]) && name.len <= NEW_NAME_MAX;
}

static csgi_status put_name(const char *text, const char *name, buffer *out)
{
    static const char mark[] = "@NAME@";
    csgi_status status = CSGI_OK;

    for (const char *next; status == CSGI_OK && (next = strstr(text, mark)); text = next) {
        status = buffer_append(out, text, (size_t)(next - text));
        if (status == CSGI_OK) status = buffer_append(out, name, strlen(name));
        next += sizeof mark - 1;
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
static csgi_status make_file(const template_file *from, const char *name, buffer *path)
{
    buffer text = { 0 };
    csgi_status status = put_name(from->path, name, path);

    errno = ENOMEM;
    if (status == CSGI_OK) status = buffer_append(path, "", 1);
    if (status == CSGI_OK) status = put_name(from->text, name, &text);
    if (status == CSGI_OK) status = write_file(path->bytes, buffer_str(&text));
    buffer_fini(&text);
    return status;
}

/* Takes back the first of the files, and the folder. */
static void remove_files(const char *name, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer path = { 0 };

        if (put_name(templates[i].path, name, &path) == CSGI_OK &&
            buffer_append(&path, "", 1) == CSGI_OK)
            unlink(path.bytes);
        buffer_fini(&path);
    }
    rmdir(name);
}

static int make_folder(const char *name)
{
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
    for (size_t i = 0; i < COUNT_OF(templates); i++) {
        buffer path = { 0 };
        csgi_status status = make_file(&templates[i], name, &path);

        if (status != CSGI_OK) {
            fprintf(stderr, "capricorn new: %s cannot be written: %s\n",
                    path.len ? path.bytes : name, strerror(errno));
            remove_files(name, i + 1);
        }
        buffer_fini(&path);
        if (status != CSGI_OK) return EXIT_NOT_MADE;
    }
    return EXIT_SERVED;
}

static int run(int argc, char **argv)
{
    server_options options;
    int count, exit_status;

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
    exit_status = make_folder(argv[0]);
    if (exit_status == EXIT_SERVED)
        printf("%s is a new plugin. To build, test and serve it:\n\n"
               "    cd %s && make && make test && make run\n",
               argv[0], argv[0]);
    return exit_status;
}

const command new_command = {
    .name = "new",
    .summary = "make the folder of a new plugin",
    .synopsis = "NAME",
    .about = "Makes the folder NAME with a plugin of that name: its source, a Makefile (make, make "
             "test, make run), a test and a README. It takes a C compiler, make, and pkg-config "
             "that finds csgi, which \"make install\" of Capricorn installs.\n"
             "\n"
             "Exit status: 0 made, 1 not made, 2 wrong usage.",
    .run = run,
};
