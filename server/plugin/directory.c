/* SPDX-License-Identifier: MIT
 * Finding the plugin files of a directory. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plugin/plugin.h"

/* What ends in ".so" ends in neither "~" nor ".tmp". */
static bool is_plugin_name(const char *name)
{
    size_t len = strlen(name);

    return name[0] != '.' && len > 3 && strcmp(name + len - 3, ".so") == 0;
}

/* A name that cannot be looked at counts as a file, so that loading it says why. */
static bool is_directory(DIR *parent, const char *name)
{
    struct stat about;

    return fstatat(dirfd(parent), name, &about, 0) == 0 && S_ISDIR(about.st_mode);
}

static char *join(const char *directory, const char *name)
{
    size_t len = strlen(directory);
    const char *slash = len && directory[len - 1] == '/' ? "" : "/";
    char *path;

    return asprintf(&path, "%s%s%s", directory, slash, name) < 0 ? NULL : path;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static csgi_status add_path(char ***paths, size_t *count, size_t *capacity, char *path)
{
    size_t wanted = *capacity ? *capacity * 2 : 16;
    char **larger;

    if (!path) return CSGI_ENOMEM;
    if (*count == *capacity) {
        /* It cannot overflow: half of it is there already. */
        larger = realloc(*paths, wanted * sizeof(*larger));
        if (!larger) {
            free(path);
            return CSGI_ENOMEM;
        }
        *paths = larger;
        *capacity = wanted;
    }
    (*paths)[(*count)++] = path;
    return CSGI_OK;
}

static csgi_status refuse_directory(const char *directory, buffer *problem)
{
    (void)buffer_printf(problem, "%s: the plugin directory cannot be read: %s; %s", directory,
                        strerror(errno),
                        errno == ENOENT ? "create it, or name another with --plugin-dir"
                                        : "name a directory of plugins with --plugin-dir");
    return CSGI_EFAIL;
}

csgi_status plugin_directory_list(const char *directory, char ***files, size_t *count,
                                  buffer *problem)
{
    DIR *entries = opendir(directory);
    char **paths = NULL;
    size_t found = 0, capacity = 0;
    csgi_status status = CSGI_OK;

    if (!entries) return refuse_directory(directory, problem);
    errno = 0;
    for (struct dirent *entry; status == CSGI_OK && (entry = readdir(entries)) != NULL; errno = 0) {
        if (is_plugin_name(entry->d_name) && !is_directory(entries, entry->d_name))
            status = add_path(&paths, &found, &capacity, join(directory, entry->d_name));
    }
    if (status == CSGI_OK && errno != 0) status = refuse_directory(directory, problem);
    closedir(entries);
    if (status != CSGI_OK) {
        plugin_directory_list_free(paths, found);
        return status;
    }
    if (found) qsort(paths, found, sizeof(*paths), compare_paths);
    *files = paths;
    *count = found;
    return CSGI_OK;
}

void plugin_directory_list_free(char **files, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(files[i]);
    free(files);
}
