/* SPDX-License-Identifier: MIT
 * A plugin file, loaded: found sound, mapped, asked for its descriptor, and that descriptor
 * checked. Nothing of it has run yet but csgi_plugin_query. What instances are is app/'s. */
#ifndef CAPRICORN_PLUGIN_PLUGIN_H
#define CAPRICORN_PLUGIN_PLUGIN_H

#include <stdbool.h>
#include <sys/types.h>

#include <csgi/csgi.h>

#include "base/buffer.h"

/* Limits of a descriptor. */
#define PLUGIN_MAX_ENDPOINTS 4096
#define PLUGIN_TEXT_MAX      4096        /* bytes of a name, path or other text */
#define PLUGIN_STACK_MIN     (16u << 10) /* bytes; 0 is the server's default */
#define PLUGIN_STACK_MAX     (64u << 20)

typedef struct plugin plugin;
struct plugin {
    csgi_plugin descriptor;   /* a copy of full size: what the plugin does not know is 0 */
    csgi_endpoint *endpoints; /* likewise, endpoint_count of them */
    char *file;               /* as given */
    char *directory;          /* of the file, absolute */
    void *handle;             /* dlopen's */
    uint64_t generation;      /* 1, and one more with each reload of its file */
    char *image;              /* a copy that is mapped in the file's place; NULL: the file itself */
    int image_fd;             /* of a copy in memory, or -1 */
    char hash[17];            /* of what is mapped; "" without a copy */
    int references;
};

/* A copy of a plugin file, to be mapped in its place. */
typedef struct plugin_image {
    char *path; /* on the heap */
    int fd;     /* of a copy in memory, which the path names; or -1 */
    const char *hash;
    uint64_t generation;
    dev_t device; /* of the file that it was copied from: its name may lead to another since */
    ino_t inode;
} plugin_image;

typedef struct plugin_rules {
    bool allow_insecure; /* world-writable, or a stranger's, files and directories too */
    /* Where the loader is, for a crash report: "dlopen", "csgi_plugin_query", or NULL; may be NULL.
     */
    void (*on_step)(void *arg, const char *step);
    void *arg;
    /* What is mapped; NULL: the file. It is the plugin's from then on (its path becomes NULL), and
     * removed when it is unmapped. */
    plugin_image *image;
} plugin_rules;

/* Loads a file; rules NULL are all zero. On failure *problem is one sentence for the user: file,
 * what was found, what was expected, what to do. CSGI_EFAIL, CSGI_ENOMEM; CSGI_EBUSY: the image is
 * a copy of another file than the name leads to by now. */
csgi_status plugin_load(const char *file, const plugin_rules *rules, plugin **out, buffer *problem);
plugin *plugin_hold(plugin *self);
/* The last one unmaps the file (not under sanitizers), and sees to it that it is: what keeps it
 * mapped is logged. */
void plugin_release(plugin *self);
/* A library that plugins bring may need the server's help, of which this looks for: to be called
 * after plugin_load, on the thread of the tasks. */
void plugin_find_runtimes(void);

/* Looks at a file's bytes without mapping it: is it a shared object for this machine that exports
 * csgi_plugin_query? On failure *problem is a sentence. warnings (may be NULL) gets a line for each
 * thing that loads but will hurt. CSGI_EFAIL, CSGI_ENOMEM. */
csgi_status elf_inspect(const char *file, buffer *problem, buffer *warnings);

/* The plugin files (NAME.so) of a directory, sorted by name, as heap paths; folders, and names that
 * begin with "." or end in "~" or ".tmp", are left alone. CSGI_EFAIL, CSGI_ENOMEM. */
csgi_status plugin_directory_list(const char *directory, char ***files, size_t *count,
                                  buffer *problem);
void plugin_directory_list_free(char **files, size_t count);

#endif
