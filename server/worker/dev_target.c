/* SPDX-License-Identifier: MIT
 * One plugin of `capricorn dev`. */
#include "worker/dev_target.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "reload/depends.h"
#include "reload/diagnostics.h"
#include "reload/sources.h"

#define DEPENDS_MAX ((size_t)1 << 20)

/* ---- what it is made from ---- */

static csgi_status add_path(buffer *paths, csgi_str path)
{
    csgi_status status = buffer_append_str(paths, path);

    return status == CSGI_OK ? buffer_append(paths, "", 1) : status;
}

/* While it is broken a header that appears may mend it. */
static csgi_status list_sources(const dev_target *self, buffer *paths)
{
    csgi_status status;

    if (!self->depends) return sources_list(self->directory, false, paths);
    status = add_path(paths, str_from(self->source));
    if (status == CSGI_OK) status = buffer_append_str(paths, buffer_str(&self->paths));
    if (status == CSGI_OK && self->is_broken) status = sources_list(self->directory, true, paths);
    return status;
}

/* 0: no memory. */
static uint64_t fingerprint_now(const dev_target *self)
{
    buffer paths = { 0 };
    uint64_t found = 0;

    if (list_sources(self, &paths) == CSGI_OK) found = sources_fingerprint(buffer_str(&paths));
    buffer_fini(&paths);
    return found;
}

bool dev_target_is_stale(dev_target *self)
{
    return self->fingerprint == 0 || fingerprint_now(self) != self->fingerprint;
}

csgi_status dev_target_list_watched(const dev_target *self, buffer *paths)
{
    csgi_status status = add_path(paths, str_from(self->source));

    if (status == CSGI_OK) status = add_path(paths, str_from(self->config));
    if (status == CSGI_OK && !self->depends)
        status = add_path(paths, str_from(*self->directory ? self->directory : "."));
    return status == CSGI_OK ? buffer_append_str(paths, buffer_str(&self->paths)) : status;
}

/* What the compiler wrote; a file that makes no sense is as good as none. */
static void take_depends(dev_target *self)
{
    buffer text = { 0 }, paths = { 0 };
    int fd = open(self->depends, O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && buffer_read_all(&text, fd, DEPENDS_MAX) == CSGI_OK &&
        depends_read(buffer_str(&text), &paths) == CSGI_OK) {
        buffer_fini(&self->paths);
        self->paths = paths;
        paths = (buffer){ 0 };
    }
    if (fd >= 0) close(fd);
    buffer_fini(&text);
    buffer_fini(&paths);
}

static bool has_path(const buffer *paths, csgi_str wanted)
{
    for (csgi_str rest = buffer_str(paths); rest.len;) {
        if (str_eq(str_take(&rest, '\0'), wanted)) return true;
    }
    return false;
}

/* Where the mistakes are it will be mended, also in a header that no rule has named yet. */
static void take_wrong_files(dev_target *self)
{
    buffer plain = { 0 };
    csgi_str rest;
    diagnostic error;

    if (diagnostics_strip(buffer_str(&self->said), &plain) != CSGI_OK) plain.len = 0;
    for (rest = buffer_str(&plain); diagnostics_next(&rest, &error);) {
        if (!has_path(&self->paths, error.file)) add_path(&self->paths, error.file);
    }
    buffer_fini(&plain);
}

/* ---- making it ---- */

static csgi_status run_command(dev_target *self, build *with, loop *runner)
{
    /* What is compiled by us is named as the user did, from here. */
    const char *place = self->depends || !*self->directory ? NULL : self->directory;
    const build_order order = { self->command, place };
    csgi_status status;

    self->said.len = 0;
    if (access(self->source, F_OK) != 0) {
        buffer_printf(&self->said, "%s: there is no such file any more\n", self->source);
        return CSGI_EFAIL;
    }
    status = build_run(with, runner, &order, &self->said);
    if (status != CSGI_OK || access(self->file, F_OK) == 0) return status;
    buffer_printf(&self->said, "%s: it was not made of %s\n", self->file, self->source);
    return CSGI_EFAIL;
}

csgi_status dev_target_build(dev_target *self, build *with, loop *runner)
{
    uint64_t began_ns = loop_clock_ns(), before = fingerprint_now(self);
    csgi_status status;
    bool is_stale;

    self->fingerprint = before; /* a change from now on supersedes it */
    status = run_command(self, with, runner);
    self->took_ms = (loop_clock_ns() - began_ns) / 1000000;
    if (status != CSGI_OK && status != CSGI_EFAIL) {
        self->fingerprint = 0;
        return status;
    }
    is_stale = fingerprint_now(self) != before; /* saved meanwhile */
    self->is_broken = status == CSGI_EFAIL;
    if (self->depends && self->is_broken) take_wrong_files(self);
    if (self->depends && !self->is_broken) take_depends(self);
    self->fingerprint = is_stale ? 0 : fingerprint_now(self);
    return CSGI_OK;
}

void dev_target_link_config(const dev_target *self)
{
    char real[PATH_MAX];

    if (!self->config_link) return;
    unlink(self->config_link);
    if (realpath(self->config, real)) (void)!symlink(real, self->config_link);
}

void dev_target_fini(dev_target *self)
{
    free(self->source);
    free(self->file);
    free(self->directory);
    free(self->depends);
    free(self->config);
    free(self->config_link);
    buffer_fini(&self->paths);
    buffer_fini(&self->said);
}
