/* SPDX-License-Identifier: MIT
 * Source files. */
#include "reload/sources.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/str.h"

#define PIECE_SIZE ((size_t)16384)

static const char *const c_endings[] = { ".c", NULL };
static const char *const cxx_endings[] = { ".cc", ".cpp", ".cxx", NULL };
static const char *const header_endings[] = { ".h", ".hh", ".hpp", ".hxx", ".inc", NULL };

static bool ends_with_any(const char *name, const char *const *endings)
{
    size_t len = strlen(name);

    for (size_t i = 0; endings[i]; i++) {
        size_t end = strlen(endings[i]);

        if (len > end && strcmp(name + len - end, endings[i]) == 0) return true;
    }
    return false;
}

bool source_is_c(const char *path)
{
    return ends_with_any(path, c_endings);
}

bool source_is_cxx(const char *path)
{
    return ends_with_any(path, cxx_endings);
}

static int is_header(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && ends_with_any(entry->d_name, header_endings);
}

static int is_source(const struct dirent *entry)
{
    const char *name = entry->d_name;

    if (is_header(entry)) return 1;
    if (strcasecmp(name, "makefile") == 0 || strcmp(name, "GNUmakefile") == 0) return 1;
    return name[0] != '.' && (source_is_c(name) || source_is_cxx(name));
}

csgi_status sources_list(const char *directory, bool only_headers, buffer *paths)
{
    struct dirent **entries;
    int count = scandir(*directory ? directory : ".", &entries,
                        only_headers ? is_header : is_source, alphasort);
    csgi_status status = CSGI_OK;

    if (count < 0) return CSGI_OK;
    for (int i = 0; i < count; i++) {
        if (status == CSGI_OK)
            status = buffer_printf(paths, "%s%s%s", directory, *directory ? "/" : "",
                                   entries[i]->d_name);
        if (status == CSGI_OK) status = buffer_append(paths, "", 1);
        free(entries[i]);
    }
    free(entries);
    return status;
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < len; i++) /* FNV-1a */
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    return hash;
}

static uint64_t mix_file(uint64_t hash, const char *path)
{
    char piece[PIECE_SIZE];
    ssize_t count;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) return mix(hash, "gone", 4);
    while ((count = read(fd, piece, sizeof piece)) != 0) {
        if (count < 0 && errno != EINTR) break;
        if (count > 0) hash = mix(hash, piece, (size_t)count);
    }
    close(fd);
    return hash;
}

uint64_t sources_fingerprint(csgi_str paths)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    while (paths.len) {
        csgi_str path = str_take(&paths, '\0');

        hash = mix(hash, path.ptr, path.len + 1);
        hash = mix_file(hash, path.ptr);
    }
    return hash;
}
