/* SPDX-License-Identifier: MIT
 * AddressSanitizer has to be the first library of a process, and libstdc++ has to be there when it
 * looks for what throws: both are preloaded. */
#include "cli/dev_sanitize.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGUMENTS_MAX ((size_t)1 << 20)

extern void __asan_unpoison_memory_region(void const volatile *, size_t) __attribute__((weak));

/* The compiler's answer, or "" when it has no such library. */
static void find_library(const char *name, char *out, size_t size)
{
    char command[160];
    FILE *answer;

    *out = '\0';
    snprintf(command, sizeof command, "${CC:-cc} -print-file-name=%s 2>/dev/null", name);
    answer = popen(command, "re");
    if (!answer) return;
    if (!fgets(out, (int)size, answer)) *out = '\0';
    pclose(answer);
    out[strcspn(out, "\n")] = '\0';
    if (*out != '/') *out = '\0'; /* the name alone: it was not found */
}

/* What the user has preloaded comes after. */
static bool set_preload(buffer *problem)
{
    const char *before = getenv("LD_PRELOAD");
    char asan[4096], cxx[4096], *all;
    bool is_set;

    find_library("libasan.so", asan, sizeof asan);
    find_library("libstdc++.so.6", cxx, sizeof cxx);
    if (!*asan) {
        buffer_printf(problem, "--sanitize: the compiler has no libasan.so; it takes gcc with its "
                               "sanitizers (CC=gcc)\n");
        return false;
    }
    if (asprintf(&all, "%s%s%s%s%s", asan, *cxx ? ":" : "", cxx, before ? ":" : "",
                 before ? before : "") < 0)
        return false;
    is_set = setenv("LD_PRELOAD", all, 1) == 0;
    free(all);
    /* Plugins stay mapped, and what they hold at the end is no leak. */
    setenv("ASAN_OPTIONS", "detect_leaks=0", 0);
    setenv("UBSAN_OPTIONS", "print_stacktrace=1", 0);
    return is_set;
}

static void restart(buffer *problem)
{
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    buffer text = { 0 };
    size_t count = 0, at = 0;
    char **list;

    if (fd >= 0) {
        if (buffer_read_all(&text, fd, ARGUMENTS_MAX) != CSGI_OK) text.len = 0;
        close(fd);
    }
    for (size_t i = 0; i < text.len; i++)
        count += text.bytes[i] == '\0';
    list = calloc(count + 1, sizeof *list);
    for (size_t i = 0; list && i < count; i++) {
        list[i] = text.bytes + at;
        at += strlen(list[i]) + 1;
    }
    if (list && count) execv("/proc/self/exe", list);
    buffer_printf(problem, "--sanitize: this program cannot be started again: %s\n",
                  strerror(errno));
    free(list);
    buffer_fini(&text);
}

bool sanitize_restart(buffer *problem)
{
    const char *preloaded = getenv("LD_PRELOAD");

    if (__asan_unpoison_memory_region) return true;
    if (preloaded && strstr(preloaded, "libasan")) {
        buffer_printf(problem, "--sanitize: libasan.so cannot be preloaded (LD_PRELOAD is %s)\n",
                      preloaded);
        return false;
    }
    if (set_preload(problem)) restart(problem);
    return false;
}
