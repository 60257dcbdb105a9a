/* SPDX-License-Identifier: MIT
 * Known plugin files. */
#include "worker/registry.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "base/str.h"
#include "log/log.h"
#include "loop/offload.h"
#include "reload/stage.h"

/* A start waits for so long for a file that has just been put there. */
#define START_TRIES    10
#define START_PAUSE_US 20000u

typedef struct entry {
    list_node node;
    char *file;
    plugin *used, *opened; /* by what serves; since the last commit: may be the same */
    plugin *kept;          /* was opened in vain, and may be again */
    uint64_t generation;   /* the last that was given */
} entry;

struct registry {
    loop *loop;
    const server_options *options;
    stage *stage;
    list_node entries;
    csgi_str approved;
    bool has_approved, was_busy;
    bool keeps_mapped;
    plugin *mapped[REGISTRY_MAPPED]; /* no longer in use, in turn */
    size_t next_mapped;
};

csgi_status registry_new(loop *runner, const server_options *options, registry **out)
{
    registry *self = calloc(1, sizeof *self);
    csgi_status status = self ? stage_open(NULL, &self->stage) : CSGI_ENOMEM;

    if (status != CSGI_OK) {
        free(self);
        return status;
    }
    self->loop = runner;
    self->options = options;
    list_init(&self->entries);
    *out = self;
    return CSGI_OK;
}

static void entry_free(entry *self)
{
    plugin_release(self->used);
    plugin_release(self->opened);
    plugin_release(self->kept);
    free(self->file);
    free(self);
}

void registry_free(registry *self)
{
    list_node *node;

    if (!self) return;
    while ((node = list_pop(&self->entries)))
        entry_free(CONTAINER_OF(node, entry, node));
    for (size_t i = 0; i < REGISTRY_MAPPED; i++)
        plugin_release(self->mapped[i]);
    stage_close(self->stage);
    free(self);
}

/* NULL: no memory. */
static entry *find_or_add(registry *self, const char *file)
{
    entry *added;

    LIST_EACH (node, &self->entries) {
        entry *each = CONTAINER_OF(node, entry, node);

        if (strcmp(each->file, file) == 0) return each;
    }
    added = calloc(1, sizeof *added);
    if (!added) return NULL;
    added->file = strdup(file);
    if (!added->file) {
        free(added);
        return NULL;
    }
    list_append(&self->entries, &added->node);
    return added;
}

/* ---- opening ---- */

typedef struct opening {
    registry *registry;
    entry *entry;
    const plugin_rules *rules;
    plugin *loaded; /* NULL: the one in use, or the one kept, is it */
    bool is_kept;
    buffer *problem;
} opening;

static bool is_approved(const registry *self, const char *hash)
{
    if (!self->has_approved) return true;
    for (csgi_str rest = self->approved; rest.len;) {
        csgi_str line = str_take(&rest, '\n');

        if (str_starts_with(line, str_from(hash))) return true;
    }
    return false;
}

static csgi_status load_copy(opening *self, staged *copy)
{
    plugin_image image = { copy->image,  copy->fd,   copy->hash, self->entry->generation + 1,
                           copy->device, copy->inode };
    plugin_rules rules = *self->rules;
    csgi_status status;

    rules.image = &image;
    status = plugin_load(self->entry->file, &rules, &self->loaded, self->problem);
    if (!image.path) return status; /* it is the plugin's, or was */
    staged_discard(copy);
    return status;
}

/* The file itself is mapped: whoever writes into it in place changes code that runs. */
static csgi_status load_file(opening *self, const staged *seen)
{
    csgi_status status = plugin_load(self->entry->file, self->rules, &self->loaded, self->problem);

    if (status != CSGI_OK) return status;
    self->loaded->generation = self->entry->generation + 1;
    memcpy(self->loaded->hash, seen->hash, sizeof self->loaded->hash);
    log_warning("%s: no copy of it could be made, neither in a directory ($XDG_RUNTIME_DIR, "
                "$TMPDIR, /tmp) nor in memory: it is mapped itself, so replace it by a rename "
                "only",
                self->entry->file);
    return CSGI_OK;
}

/* Does all that may block. */
static csgi_status do_open(void *arg)
{
    opening *self = arg;
    const entry *of = self->entry;
    const char *known = of->used ? of->used->hash : NULL;
    staged copy;
    stage_result taken = stage_take(self->registry->stage, of->file, of->generation + 1, known,
                                    &copy, self->problem);

    switch (taken) {
    case STAGE_SAME:
        return CSGI_OK;
    case STAGE_BUSY:
        buffer_printf(self->problem, "%s: it is being written", of->file);
        return CSGI_EBUSY;
    case STAGE_GONE:
        buffer_printf(self->problem, "%s: there is no such file", of->file);
        return CSGI_EFAIL;
    case STAGE_REFUSED:
        return CSGI_EFAIL;
    case STAGE_TAKEN:
    case STAGE_NO_COPY:
        break;
    }
    self->is_kept = of->kept && strcmp(of->kept->hash, copy.hash) == 0;
    if (self->is_kept || !is_approved(self->registry, copy.hash)) {
        staged_discard(&copy);
        return self->is_kept ? CSGI_OK : CSGI_EBUSY;
    }
    return taken == STAGE_TAKEN ? load_copy(self, &copy) : load_file(self, &copy);
}

/* Before there is a loop to wait on. */
static csgi_status open_at_start(opening *self)
{
    size_t mark = self->problem->len;

    for (int tries = 1;; tries++) {
        csgi_status status = do_open(self);

        if (status != CSGI_EBUSY || tries == START_TRIES) return status;
        self->problem->len = mark;
        usleep(START_PAUSE_US);
    }
}

/* Where it may: a thread does it. */
static csgi_status run_open(opening *self)
{
    csgi_status result, status;

    if (!task_current(self->registry->loop)) return open_at_start(self);
    status = offload_run(self->registry->loop, do_open, self, &result);
    return status == CSGI_OK ? result : status;
}

static void keep_opened(opening *self)
{
    entry *of = self->entry;

    if (self->loaded) {
        plugin_find_runtimes();
        of->generation = self->loaded->generation;
        of->opened = self->loaded;
    } else if (self->is_kept) {
        of->opened = of->kept;
        of->kept = NULL;
    } else {
        of->opened = plugin_hold(of->used);
    }
}

csgi_status registry_open(registry *self, const char *file, const plugin_rules *rules, plugin **out,
                          buffer *problem)
{
    plugin_rules chosen = *rules;
    opening begun = { self, find_or_add(self, file), &chosen, NULL, false, problem };
    csgi_status status;

    if (!begun.entry) return CSGI_ENOMEM;
    if (task_current(self->loop)) chosen.on_step = NULL; /* another thread is no step of ours */
    if (!begun.entry->opened) {
        status = run_open(&begun);
        if (status == CSGI_EBUSY) self->was_busy = true;
        if (status != CSGI_OK) return status;
        keep_opened(&begun);
    }
    *out = plugin_hold(begun.entry->opened);
    return CSGI_OK;
}

/* ---- commit and rollback ---- */

void registry_keep_mapped(registry *self)
{
    self->keeps_mapped = true;
}

/* One that has been replaced is let go of, now or after some more. */
static void let_go(registry *self, plugin *replaced)
{
    plugin **place = &self->mapped[self->next_mapped];

    if (!self->keeps_mapped || !replaced) {
        plugin_release(replaced);
        return;
    }
    plugin_release(*place);
    *place = replaced;
    self->next_mapped = (self->next_mapped + 1) % REGISTRY_MAPPED;
}

void registry_commit(registry *self)
{
    LIST_EACH_SAFE (node, &self->entries) {
        entry *each = CONTAINER_OF(node, entry, node);

        if (each->used == each->opened)
            plugin_release(each->used);
        else
            let_go(self, each->used);
        plugin_release(each->kept);
        each->used = each->opened;
        each->opened = each->kept = NULL;
    }
    self->was_busy = false;
}

void registry_rollback(registry *self)
{
    LIST_EACH (node, &self->entries) {
        entry *each = CONTAINER_OF(node, entry, node);

        if (!each->opened) continue;
        if (each->opened == each->used) {
            plugin_release(each->opened);
        } else {
            plugin_release(each->kept);
            each->kept = each->opened;
        }
        each->opened = NULL;
    }
    self->was_busy = false;
}

bool registry_misses_file(const registry *self)
{
    LIST_EACH (node, &self->entries) {
        const entry *each = CONTAINER_OF(node, entry, node);

        if (each->used && access(each->file, F_OK) != 0) return true;
    }
    return false;
}

bool registry_was_busy(const registry *self)
{
    return self->was_busy;
}

csgi_status registry_print_opened(const registry *self, buffer *out)
{
    csgi_status status = CSGI_OK;

    LIST_EACH (node, &self->entries) {
        const entry *each = CONTAINER_OF(node, entry, node);

        if (each->opened && status == CSGI_OK)
            status = buffer_printf(out, "%s %s\n", each->opened->hash, each->file);
    }
    return status;
}

void registry_approve(registry *self, const csgi_str *lines)
{
    self->has_approved = lines != NULL;
    if (lines) self->approved = *lines;
}
