/* SPDX-License-Identifier: MIT
 * What decides what is served. */
#include "worker/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

#define PIECE_SIZE  ((size_t)65536)
#define NAME_SUFFIX 5u /* ".json" */

/* ---- which they are ---- */

static csgi_status add(inputs *self, csgi_str path)
{
    char **grown = realloc(self->paths, (self->count + 1) * sizeof *grown);

    if (!grown) return CSGI_ENOMEM;
    self->paths = grown;
    grown[self->count] = strndup(path.ptr, path.len);
    if (!grown[self->count]) return CSGI_ENOMEM;
    self->count++;
    return CSGI_OK;
}

/* "dir/NAME.so", and "dir/NAME.json". */
static csgi_status add_plugin(inputs *self, csgi_str file)
{
    csgi_str stem = file;
    csgi_status status = add(self, file);
    char *config;

    if (status != CSGI_OK) return status;
    if (stem.len > 3 && str_eq(str_slice(stem, stem.len - 3, 3), STR(".so"))) stem.len -= 3;
    if (asprintf(&config, "%.*s.json", STR_ARG(stem)) < 0) return CSGI_ENOMEM;
    status = add(self, str_from(config));
    free(config);
    return status;
}

static csgi_status add_routes(inputs *self, const routes_file *routes)
{
    csgi_status status = add(self, routes->name);

    for (size_t i = 0; i < routes->app_count && status == CSGI_OK; i++) {
        csgi_str file = routes->apps[i].plugin;

        if (str_find_char(file, '/') < file.len) status = add(self, file);
    }
    return status;
}

csgi_status inputs_list(inputs *self, const server_options *options, const plugin_choice *choice)
{
    csgi_status status = CSGI_OK;

    *self = (inputs){ 0 };
    if (choice->routes) status = add_routes(self, choice->routes);
    if (status == CSGI_OK && (choice->routes || choice->file_count == 0))
        status = add(self, str_from(options->plugin_dir));
    for (size_t i = 0; i < choice->file_count && status == CSGI_OK; i++)
        status = add_plugin(self, str_from(choice->files[i]));
    if (status != CSGI_OK) inputs_fini(self);
    return status;
}

void inputs_fini(inputs *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->paths[i]);
    free(self->paths);
    *self = (inputs){ 0 };
}

/* ---- what is in them ---- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < len; i++) /* FNV-1a */
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    return hash;
}

static uint64_t mix_content(uint64_t hash, int fd)
{
    char *piece = malloc(PIECE_SIZE);
    ssize_t count;

    while (piece && (count = read(fd, piece, PIECE_SIZE)) != 0) {
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) break;
        hash = mix(hash, piece, (size_t)count);
    }
    free(piece);
    return hash;
}

static uint64_t mix_file(uint64_t hash, const char *path)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    hash = mix(hash, path, strlen(path) + 1);
    if (fd < 0) return mix(hash, "gone", 4);
    if (fstat(fd, &about) == 0) {
        hash = mix(hash, &about.st_mode, sizeof about.st_mode);
        hash = mix(hash, &about.st_uid, sizeof about.st_uid);
        if (S_ISREG(about.st_mode)) hash = mix_content(hash, fd);
    }
    close(fd);
    return hash;
}

static int is_looked_at(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    if (entry->d_name[0] == '.') return 0;
    if (len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0) return 1;
    return len > NAME_SUFFIX && strcmp(entry->d_name + len - NAME_SUFFIX, ".json") == 0;
}

static uint64_t mix_directory(uint64_t hash, const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_looked_at, alphasort);

    if (count < 0) return mix_file(hash, path);
    hash = mix_file(hash, path); /* who may write it */
    for (int i = 0; i < count; i++) {
        char *file;

        if (asprintf(&file, "%s/%s", path, entries[i]->d_name) >= 0) {
            hash = mix_file(hash, file);
            free(file);
        }
        free(entries[i]);
    }
    free(entries);
    return hash;
}

uint64_t inputs_fingerprint(const inputs *self)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < self->count; i++)
        hash = mix_directory(hash, self->paths[i]);
    return hash;
}
