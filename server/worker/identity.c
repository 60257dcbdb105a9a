/* SPDX-License-Identifier: MIT
 * Becoming another user. */
#include "worker/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

typedef struct identity {
    uid_t user;
    gid_t group;
    bool has_user, has_group;
    const char *name; /* the user's, for its further groups; NULL: it has none */
} identity;

static csgi_status fail(const char *doing, buffer *problem)
{
    buffer_printf(problem, "--user, --group: cannot %s: %s", doing, strerror(errno));
    return CSGI_EFAIL;
}

/* The number that a text is; the highest one means "none" to the kernel. */
static bool parse_id(const char *text, uint32_t *id)
{
    uint64_t number;

    if (!str_parse_u64(str_from(text), &number) || number >= UINT32_MAX) return false;
    *id = (uint32_t)number;
    return true;
}

static csgi_status find_user(identity *self, const char *user, buffer *problem)
{
    const struct passwd *entry = getpwnam(user);

    if (!entry && parse_id(user, &self->user)) {
        entry = getpwuid(self->user);
        if (!entry && !self->has_group) {
            buffer_printf(problem, "--user: %s is in no user database: say its --group too", user);
            return CSGI_EFAIL;
        }
    } else if (!entry) {
        buffer_printf(problem, "--user: there is no user %s", user);
        return CSGI_EFAIL;
    }
    self->has_user = true;
    if (!entry) return CSGI_OK;
    self->user = entry->pw_uid;
    self->name = entry->pw_name;
    if (!self->has_group) self->group = entry->pw_gid;
    return CSGI_OK;
}

static csgi_status find_group(identity *self, const char *group, buffer *problem)
{
    const struct group *entry = getgrnam(group);

    if (entry) {
        self->group = entry->gr_gid;
    } else if (!parse_id(group, &self->group)) {
        buffer_printf(problem, "--group: there is no group %s", group);
        return CSGI_EFAIL;
    }
    self->has_group = true;
    return CSGI_OK;
}

static csgi_status set_groups(const identity *self, buffer *problem)
{
    int failed = self->name ? initgroups(self->name, self->group) : setgroups(1, &self->group);

    if (failed) return fail("set the further groups", problem);
    if (setresgid(self->group, self->group, self->group) != 0)
        return fail("change the group", problem);
    return CSGI_OK;
}

/* Finds both, if this process may become them. */
static csgi_status find(identity *self, const char *user, const char *group, buffer *problem)
{
    csgi_status status = CSGI_OK;

    *self = (identity){ .user = geteuid(), .group = getegid() };
    if (group) status = find_group(self, group, problem);
    if (status == CSGI_OK && user) status = find_user(self, user, problem);
    if (status != CSGI_OK) return status;
    if (geteuid() == 0 || (self->user == geteuid() && self->group == getegid())) return CSGI_OK;
    buffer_printf(problem, "--user, --group: only root can become another user or group: start as "
                           "root, or without them");
    return CSGI_EFAIL;
}

csgi_status identity_check(const char *user, const char *group, buffer *problem)
{
    identity found;

    return find(&found, user, group, problem);
}

csgi_status identity_assume(const char *user, const char *group, identity_give_fn give, void *arg,
                            buffer *problem)
{
    identity found;
    csgi_status status;

    if (!user && !group) return CSGI_OK;
    status = find(&found, user, group, problem);
    if (status != CSGI_OK || geteuid() != 0) return status;
    status = give(arg, found.user, found.group, problem);
    if (status == CSGI_OK) status = set_groups(&found, problem);
    if (status != CSGI_OK || !found.has_user) return status;
    if (setresuid(found.user, found.user, found.user) != 0) return fail("change the user", problem);
    if (found.user != 0 && setuid(0) == 0) {
        buffer_printf(problem, "--user: the process could become root again");
        return CSGI_EFAIL;
    }
    return CSGI_OK;
}
