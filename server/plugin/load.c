/* SPDX-License-Identifier: MIT
 * Loading a plugin file: who may write it, mapping it, asking for its descriptor. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/str.h"
#include "log/log.h"
#include "loop/task.h"
#include "plugin/descriptor.h"
#include "plugin/image.h"
#include "plugin/plugin.h"

/* A sanitizer's report needs the code that it names. Weak: it may be preloaded, for a plugin. */
extern void __asan_unpoison_memory_region(void const volatile *, size_t) __attribute__((weak));
#ifdef __SANITIZE_THREAD__
#define KEEP_MAPPED true
#else
#define KEEP_MAPPED (__asan_unpoison_memory_region != NULL)
#endif

__attribute__((format(printf, 3, 4))) static csgi_status refuse(buffer *problem, const char *file,
                                                                const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (buffer_printf(problem, "%s: ", file) == CSGI_OK)
        (void)buffer_vprintf(problem, format, args);
    va_end(args);
    return CSGI_EFAIL;
}

/* ---- who may write it ---- */

/* A path's directory, on the heap; path has a slash. */
static char *directory_of(const char *path)
{
    size_t len = (size_t)(strrchr(path, '/') - path);

    return strndup(path, len ? len : 1);
}

static csgi_status check_writers(const char *file, const char *what, const char *path,
                                 buffer *problem)
{
    struct stat about;

    if (stat(path, &about) != 0) {
        return refuse(problem, file, "the %s %s cannot be looked at: %s", what, path,
                      strerror(errno));
    }
    if (about.st_mode & S_IWOTH) {
        return refuse(problem, file,
                      "anybody may write the %s %s, so anybody could run code in this server: "
                      "chmod o-w %s, or allow it with --insecure-plugins",
                      what, path, path);
    }
    if (about.st_uid != 0 && about.st_uid != geteuid()) {
        return refuse(problem, file,
                      "the %s %s belongs to user %u, expected root or the server's user %u: chown "
                      "it, or allow it with --insecure-plugins",
                      what, path, (unsigned)about.st_uid, (unsigned)geteuid());
    }
    return CSGI_OK;
}

/* The directory that the name stands in, and where a symbolic link leads: file and directory. */
static csgi_status check_permissions(const char *file, const char *named_directory,
                                     const char *real_path, buffer *problem)
{
    char *real_directory = directory_of(real_path);
    csgi_status status = real_directory ? CSGI_OK : CSGI_ENOMEM;

    if (status == CSGI_OK) status = check_writers(file, "file", real_path, problem);
    if (status == CSGI_OK) status = check_writers(file, "directory", named_directory, problem);
    if (status == CSGI_OK && strcmp(real_directory, named_directory) != 0)
        status = check_writers(file, "directory", real_directory, problem);
    free(real_directory);
    return status;
}

/* What may be written by whom was asked of the file that the name leads to now. Who may change a
 * link on the way could have had another copied. */
static csgi_status check_copied(const char *file, const char *real_path, const plugin_image *copy,
                                buffer *problem)
{
    struct stat about;

    if (stat(real_path, &about) == 0 && about.st_dev == copy->device && about.st_ino == copy->inode)
        return CSGI_OK;
    (void)refuse(problem, file, "it was replaced while it was read");
    return CSGI_EBUSY;
}

/* ---- mapping ---- */

static void tell_step(const plugin_rules *rules, const char *step)
{
    if (rules && rules->on_step) rules->on_step(rules->arg, step);
}

/* The word that follows marker in text, up to a space, quote, comma or bracket. */
static csgi_str word_after(const char *text, const char *marker)
{
    const char *found = strstr(text, marker);

    if (!found) return (csgi_str){ NULL, 0 };
    found += strlen(marker);
    return (csgi_str){ found, strcspn(found, " ,'()\n") };
}

/* Puts the loader's words into ours. The wordings are glibc's; others are shown as they are. */
static csgi_status refuse_mapping(const char *file, const char *real_path, const char *why,
                                  buffer *problem)
{
    csgi_str symbol = word_after(why, "undefined symbol: ");
    csgi_str version = word_after(why, "version `");
    const char *missing = strstr(why, ": cannot open shared object file");
    size_t prefix = strlen(real_path);

    if (symbol.len) {
        return refuse(problem, file,
                      "needs the symbol \"%.*s\", which neither it nor its libraries define: link "
                      "what defines it into the plugin (-Wl,-z,defs makes the linker say so%s)",
                      STR_ARG(symbol),
                      str_starts_with(symbol, STR("csgi_"))
                          ? "; csgi/web.h needs libcsgi_web.a: pkg-config --libs csgi"
                          : "");
    }
    if (version.len) {
        return refuse(problem, file,
                      "needs %.*s, which this system's libraries lack: build it on the oldest "
                      "system it is to run on",
                      STR_ARG(version));
    }
    if (missing && strncmp(why, real_path, prefix) != 0) {
        return refuse(problem, file,
                      "needs the library %.*s, which is not found: install it, or link it into "
                      "the plugin",
                      (int)(missing - why), why);
    }
    if (strncmp(why, real_path, prefix) == 0 && strncmp(why + prefix, ": ", 2) == 0)
        why += prefix + 2;
    return refuse(problem, file, "cannot be mapped: %s", why);
}

/* Lets tasks keep C++ exceptions apart, as soon as some plugin has brought libstdc++. */
void plugin_find_runtimes(void)
{
    static void *runtime; /* of the process, kept mapped: its function is called from now on */
    void *symbol;
    void *(*get_globals)(void);

    if (runtime) return;
    runtime = dlopen("libstdc++.so.6", RTLD_NOLOAD | RTLD_LAZY);
    symbol = runtime ? dlsym(runtime, "__cxa_get_globals") : NULL;
    if (!symbol) return;
    memcpy(&get_globals, &symbol, sizeof(get_globals)); /* POSIX's way from object to function */
    task_set_exception_globals(get_globals);
}

static csgi_status map_file(plugin *self, const char *real_path, const plugin_rules *rules,
                            buffer *problem)
{
    const char *why;

    tell_step(rules, "dlopen");
    self->handle = dlopen(real_path, RTLD_NOW | RTLD_LOCAL);
    tell_step(rules, NULL);
    if (self->handle) return CSGI_OK;
    why = dlerror();
    return refuse_mapping(self->file, real_path, why ? why : "for no given reason", problem);
}

static csgi_status ask_descriptor(plugin *self, const plugin_rules *rules, buffer *problem)
{
    void *symbol = dlsym(self->handle, "csgi_plugin_query");
    const csgi_plugin *(*query)(uint32_t host_major);
    const csgi_plugin *from;

    if (!symbol) return refuse(problem, self->file, "exports no csgi_plugin_query");
    memcpy(&query, &symbol, sizeof(query));
    tell_step(rules, "csgi_plugin_query");
    from = query(CSGI_ABI_MAJOR);
    tell_step(rules, NULL);
    return descriptor_read(from, self->file, &self->descriptor, &self->endpoints, problem);
}

/* ---- unmapping ---- */

/* What the loader would not say: why the object stays. */
static const char *why_pinned(const char *path)
{
    buffer ignored = { 0 };
    image it;
    const char *why = "destructors of its threads' variables have yet to run, or another library "
                      "holds it";

    if (image_open(&it, path, &ignored) == CSGI_OK && image_read_symbols(&it) == CSGI_OK) {
        if (image_dynamic(&it, DT_FLAGS_1) & DF_1_NODELETE) why = "it was linked with -z nodelete";
        for (size_t i = 0; i < it.symbol_count; i++) {
            if (ELF64_ST_BIND(it.symbols[i].st_info) == STB_GNU_UNIQUE)
                why = "it has unique symbols (C++ templates; build it with -fno-gnu-unique)";
        }
    }
    image_close(&it);
    buffer_fini(&ignored);
    return why;
}

/* A copy whose name is gone would be mapped for ever, and its memory with it. */
static void unmap(plugin *self)
{
    const char *path = self->image ? self->image : self->file;
    void *still;

    if (!self->handle || KEEP_MAPPED) return;
    dlclose(self->handle);
    if (!self->image) return;
    still = dlopen(path, RTLD_NOLOAD | RTLD_LAZY);
    if (!still) return;
    dlclose(still);
    log_warning("%s: generation %llu stays mapped after its end: %s", self->file,
                (unsigned long long)self->generation, why_pinned(path));
}

static void free_plugin(plugin *self)
{
    unmap(self);
    if (self->image_fd >= 0)
        close(self->image_fd);
    else if (self->image)
        unlink(self->image);
    free(self->image);
    free(self->endpoints);
    free(self->directory);
    free(self->file);
    free(self);
}

/* Names the directory the file was given in, absolute. */
static csgi_status name_directory(plugin *self, buffer *problem)
{
    char *given = strchr(self->file, '/') ? directory_of(self->file) : strdup(".");

    if (!given) return CSGI_ENOMEM;
    self->directory = realpath(given, NULL);
    free(given);
    if (self->directory) return CSGI_OK;
    if (errno == ENOMEM) return CSGI_ENOMEM;
    return refuse(problem, self->file, "its directory cannot be looked at: %s", strerror(errno));
}

static csgi_status load(plugin *self, const char *real_path, const plugin_rules *rules,
                        buffer *problem)
{
    bool is_checked = !(rules && rules->allow_insecure);
    csgi_status status = name_directory(self, problem);

    if (status == CSGI_OK && is_checked)
        status = check_permissions(self->file, self->directory, real_path, problem);
    if (status == CSGI_OK && is_checked && rules && rules->image)
        status = check_copied(self->file, real_path, rules->image, problem);
    if (status == CSGI_OK)
        status = map_file(self, self->image ? self->image : real_path, rules, problem);
    if (status == CSGI_OK) status = ask_descriptor(self, rules, problem);
    return status;
}

static void take_image(plugin *self, plugin_image *from)
{
    self->image = from->path;
    self->image_fd = from->fd;
    self->generation = from->generation;
    snprintf(self->hash, sizeof self->hash, "%s", from->hash);
    from->path = NULL;
    from->fd = -1;
}

/* What will be mapped is looked at; what is said of it names the file. */
static csgi_status inspect(const char *file, const plugin_rules *rules, buffer *problem)
{
    const char *looked_at = rules && rules->image ? rules->image->path : file;
    size_t prefix = strlen(looked_at);
    buffer why = { 0 };
    csgi_status status;

    if (looked_at == file) return elf_inspect(file, problem, NULL);
    status = elf_inspect(looked_at, &why, NULL);
    if (status == CSGI_EFAIL && str_starts_with(buffer_str(&why), str_from(looked_at)))
        buffer_printf(problem, "%s%.*s", file, (int)(why.len - prefix), why.bytes + prefix);
    else if (status == CSGI_EFAIL)
        buffer_append_str(problem, buffer_str(&why));
    buffer_fini(&why);
    return status;
}

csgi_status plugin_load(const char *file, const plugin_rules *rules, plugin **out, buffer *problem)
{
    plugin *self;
    char *real_path;
    csgi_status status = inspect(file, rules, problem);

    if (status != CSGI_OK) return status;
    self = calloc(1, sizeof(*self));
    if (!self) return CSGI_ENOMEM;
    self->references = 1;
    self->generation = 1;
    self->image_fd = -1;
    if (rules && rules->image) take_image(self, rules->image);
    self->file = strdup(file);
    real_path = realpath(file, NULL);
    if (!self->file)
        status = CSGI_ENOMEM;
    else if (!real_path)
        status = refuse(problem, file, "cannot be looked at: %s", strerror(errno));
    else
        status = load(self, real_path, rules, problem);
    free(real_path);
    if (status != CSGI_OK) {
        free_plugin(self);
        return status;
    }
    *out = self;
    return CSGI_OK;
}

plugin *plugin_hold(plugin *self)
{
    self->references++;
    return self;
}

void plugin_release(plugin *self)
{
    if (!self) return;
    CHECK(self->references > 0);
    if (--self->references == 0) free_plugin(self);
}
