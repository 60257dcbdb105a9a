/* SPDX-License-Identifier: MIT
 * Checking of descriptors. Only what the plugin declares by its sizes is read: it may be older than
 * this server, whose fields are then 0, or newer, whose further fields are left alone. */
#include "plugin/descriptor.h"

#include <stdlib.h>

#include "base/str.h"
#include "plugin/plugin.h"

/* What CSGI 1.0 had; nothing of this major is smaller. */
#define PLUGIN_MIN_SIZE   (offsetof(csgi_plugin, extension) + sizeof(void *))
#define ENDPOINT_MIN_SIZE (offsetof(csgi_endpoint, around) + sizeof(void *))
/* Larger is garbage, however the structs may grow. */
#define STRUCT_MAX_SIZE 65536u

#define MUST_UNDERSTAND 0xffff0000u /* flag bits 16-31 */
#define KNOWN_SCOPES    ((uint32_t)(CSGI_HTTP | CSGI_WEBSOCKET))

typedef struct reader {
    const char *file;
    buffer *problem;
} reader;

__attribute__((format(printf, 2, 3))) static csgi_status refuse(const reader *self,
                                                                const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (buffer_printf(self->problem, "%s: ", self->file) == CSGI_OK)
        (void)buffer_vprintf(self->problem, format, args);
    va_end(args);
    return CSGI_EFAIL;
}

/* The first five words are the same in every major: what they say comes first. */
static csgi_status check_version(const reader *self, const csgi_plugin *from)
{
    if (from->magic != CSGI_MAGIC) {
        return refuse(self,
                      "its descriptor has the magic word 0x%08x, expected 0x%08x (\"CSGI\"): begin "
                      "the descriptor with CSGI_PLUGIN_HEAD",
                      from->magic, CSGI_MAGIC);
    }
    if (from->abi_major != CSGI_ABI_MAJOR) {
        return refuse(self,
                      "is for CSGI %u.%u, this server has %u.%u: use a server for CSGI %u, or "
                      "build the plugin against csgi.h %u.%u",
                      from->abi_major, from->abi_minor, CSGI_ABI_MAJOR, CSGI_ABI_MINOR,
                      from->abi_major, CSGI_ABI_MAJOR, CSGI_ABI_MINOR);
    }
    if (from->abi_minor_required > CSGI_ABI_MINOR) {
        return refuse(self,
                      "needs CSGI %u.%u or later, this server has %u.%u: use a newer server, or "
                      "build the plugin against csgi.h %u.%u",
                      CSGI_ABI_MAJOR, from->abi_minor_required, CSGI_ABI_MAJOR, CSGI_ABI_MINOR,
                      CSGI_ABI_MAJOR, CSGI_ABI_MINOR);
    }
    if (from->size < PLUGIN_MIN_SIZE || from->size > STRUCT_MAX_SIZE) {
        return refuse(self,
                      "its descriptor says it has %u bytes, expected at least %zu: begin the "
                      "descriptor with CSGI_PLUGIN_HEAD",
                      from->size, PLUGIN_MIN_SIZE);
    }
    return CSGI_OK;
}

static csgi_status check_text(const reader *self, csgi_str text, const char *owner,
                              const char *field)
{
    if (text.len == 0) return CSGI_OK;
    if (!text.ptr || text.len > PLUGIN_TEXT_MAX) {
        return refuse(self,
                      "the %s of %s has %zu bytes at %p, expected at most %d: set it with "
                      "CSGI_STR(\"...\")",
                      field, owner, text.len, (const void *)text.ptr, PLUGIN_TEXT_MAX);
    }
    if (!str_is_utf8(text) || !str_is_field_value(text))
        return refuse(self, "the %s of %s is not text in UTF-8 on one line", field, owner);
    return CSGI_OK;
}

static csgi_status check_name(const reader *self, csgi_str name, const char *owner)
{
    csgi_status status = check_text(self, name, owner, "name");

    if (status != CSGI_OK) return status;
    if (name.len == 0) return refuse(self, "%s has no name: set the name field", owner);
    if (str_is_name(name)) return CSGI_OK;
    return refuse(self, "%s is named \"%.*s\": use letters, digits, \"_\" and \"-\" only", owner,
                  STR_ARG(name));
}

static csgi_status check_plugin(const reader *self, const csgi_plugin *from)
{
    csgi_status status = check_name(self, from->name, "the plugin");

    if (status == CSGI_OK) status = check_text(self, from->version, "the plugin", "version");
    if (status == CSGI_OK) status = check_text(self, from->summary, "the plugin", "summary");
    if (status != CSGI_OK) return status;
    if (from->flags & MUST_UNDERSTAND) {
        return refuse(self,
                      "sets the plugin flags 0x%08x, which a server must understand and this one "
                      "(CSGI %u.%u) does not: use a newer server, or build the plugin without them",
                      from->flags & MUST_UNDERSTAND, CSGI_ABI_MAJOR, CSGI_ABI_MINOR);
    }
    if (from->stack_size != 0 &&
        (from->stack_size < PLUGIN_STACK_MIN || from->stack_size > PLUGIN_STACK_MAX)) {
        return refuse(self,
                      "wants task stacks of %u bytes, expected %u to %u, or 0 for the server's "
                      "default",
                      from->stack_size, PLUGIN_STACK_MIN, PLUGIN_STACK_MAX);
    }
    if (from->endpoint_count == 0) return CSGI_OK;
    if (from->endpoint_count > PLUGIN_MAX_ENDPOINTS || !from->endpoints) {
        return refuse(self,
                      "says it has %zu endpoints at %p, expected at most %d: count them with "
                      "sizeof endpoints / sizeof endpoints[0]",
                      from->endpoint_count, (const void *)from->endpoints, PLUGIN_MAX_ENDPOINTS);
    }
    if (from->endpoint_size < ENDPOINT_MIN_SIZE || from->endpoint_size > STRUCT_MAX_SIZE ||
        from->endpoint_size % _Alignof(csgi_endpoint) != 0) {
        return refuse(self,
                      "says its endpoints have %u bytes each, expected at least %zu: set "
                      "endpoint_size to sizeof(csgi_endpoint)",
                      from->endpoint_size, ENDPOINT_MIN_SIZE);
    }
    return CSGI_OK;
}

/* ---- endpoints ---- */

static csgi_status check_endpoint_flags(const reader *self, const csgi_endpoint *from)
{
    uint32_t unknown = from->flags & MUST_UNDERSTAND & ~(uint32_t)CSGI_BLOCKING;

    if (unknown) {
        return refuse(self,
                      "endpoint \"%.*s\" sets the flags 0x%08x, which a server must understand and "
                      "this one (CSGI %u.%u) does not: use a newer server, or build the plugin "
                      "without them",
                      STR_ARG(from->name), unknown, CSGI_ABI_MAJOR, CSGI_ABI_MINOR);
    }
    return CSGI_OK;
}

/* Scopes of a later minor than this server's are never offered, so they are no fault. */
static csgi_status check_accepts(const reader *self, const csgi_endpoint *from, uint32_t abi_minor)
{
    bool has_known = (from->accepts & KNOWN_SCOPES) != 0;
    bool has_unknown = (from->accepts & ~KNOWN_SCOPES) != 0;

    if (has_known && !(has_unknown && abi_minor <= CSGI_ABI_MINOR)) return CSGI_OK;
    return refuse(self,
                  "endpoint \"%.*s\" accepts 0x%x, expected CSGI_HTTP, CSGI_WEBSOCKET or both%s",
                  STR_ARG(from->name), from->accepts,
                  from->accepts & CSGI_LIFESPAN ? "; lifespan is the plugin's own function" : "");
}

static csgi_status check_methods(const reader *self, const csgi_endpoint *from)
{
    for (size_t start = 0; from->methods.len && start <= from->methods.len;) {
        size_t len = str_find_char(str_slice(from->methods, start, from->methods.len), ',');

        if (!str_is_token(str_trim(str_slice(from->methods, start, len)))) {
            return refuse(self,
                          "endpoint \"%.*s\" has the methods \"%.*s\", expected a list such as "
                          "\"GET,POST\", or nothing for any method",
                          STR_ARG(from->name), STR_ARG(from->methods));
        }
        start += len + 1;
    }
    return CSGI_OK;
}

/* Only what every path must be; the router judges patterns, with all routes before it. */
static csgi_status check_path(const reader *self, const csgi_endpoint *from)
{
    if (from->path.len == 0) return CSGI_OK;
    if (from->path.ptr[0] != '/') {
        return refuse(self,
                      "endpoint \"%.*s\" has the path \"%.*s\", expected \"/...\", or "
                      "nothing for no default route",
                      STR_ARG(from->name), STR_ARG(from->path));
    }
    if (from->around && (str_find_char(from->path, '{') < from->path.len ||
                         str_find_char(from->path, '}') < from->path.len)) {
        return refuse(self,
                      "middleware endpoint \"%.*s\" has the path \"%.*s\", expected a literal "
                      "prefix without parameters, such as \"/\" or \"/api\"",
                      STR_ARG(from->name), STR_ARG(from->path));
    }
    return CSGI_OK;
}

static csgi_status check_endpoint(const reader *self, const csgi_endpoint *from, uint32_t abi_minor)
{
    csgi_status status = check_name(self, from->name, "an endpoint");

    if (status != CSGI_OK) return status;
    if (!from->call == !from->around) {
        return refuse(self, "endpoint \"%.*s\" has %s, expected exactly one of them",
                      STR_ARG(from->name),
                      from->call ? "both call and around" : "neither call nor around");
    }
    status = check_endpoint_flags(self, from);
    if (status == CSGI_OK) status = check_accepts(self, from, abi_minor);
    if (status == CSGI_OK) status = check_text(self, from->path, "an endpoint", "path");
    if (status == CSGI_OK) status = check_text(self, from->methods, "an endpoint", "methods");
    if (status == CSGI_OK) status = check_path(self, from);
    if (status == CSGI_OK) status = check_methods(self, from);
    return status;
}

static csgi_status check_endpoints(const reader *self, const csgi_plugin *from,
                                   const csgi_endpoint *endpoints)
{
    for (size_t i = 0; i < from->endpoint_count; i++) {
        csgi_status status = check_endpoint(self, &endpoints[i], from->abi_minor);

        if (status != CSGI_OK) return status;
        for (size_t j = 0; j < i; j++) {
            if (!str_eq(endpoints[i].name, endpoints[j].name)) continue;
            return refuse(self, "has two endpoints named \"%.*s\": rename one",
                          STR_ARG(endpoints[i].name));
        }
    }
    return CSGI_OK;
}

/* ---- copies ---- */

static void copy_grown(void *to, size_t to_size, const void *from, size_t from_size)
{
    memset(to, 0, to_size);
    memcpy(to, from, from_size < to_size ? from_size : to_size);
}

static csgi_endpoint *copy_endpoints(const csgi_plugin *from)
{
    csgi_endpoint *copies =
        calloc(from->endpoint_count ? from->endpoint_count : 1, sizeof(*copies));

    for (size_t i = 0; copies && i < from->endpoint_count; i++) {
        copy_grown(&copies[i], sizeof(*copies),
                   (const char *)from->endpoints + i * from->endpoint_size, from->endpoint_size);
    }
    return copies;
}

csgi_status descriptor_read(const csgi_plugin *from, const char *file, csgi_plugin *out,
                            csgi_endpoint **endpoints, buffer *problem)
{
    const reader self = { file, problem };
    csgi_plugin copy;
    csgi_endpoint *copies;
    csgi_status status;

    if (!from) {
        return refuse(&self,
                      "csgi_plugin_query(%u) returned no descriptor: the plugin has none for CSGI "
                      "%u; build it against csgi.h %u.%u, or use a server of its own major",
                      CSGI_ABI_MAJOR, CSGI_ABI_MAJOR, CSGI_ABI_MAJOR, CSGI_ABI_MINOR);
    }
    status = check_version(&self, from);
    if (status != CSGI_OK) return status;
    copy_grown(&copy, sizeof(copy), from, from->size);
    status = check_plugin(&self, &copy);
    if (status != CSGI_OK) return status;
    copies = copy_endpoints(&copy);
    if (!copies) return CSGI_ENOMEM;
    status = check_endpoints(&self, &copy, copies);
    if (status != CSGI_OK) {
        free(copies);
        return status;
    }
    copy.size = (uint32_t)sizeof(copy);
    copy.endpoint_size = (uint32_t)sizeof(*copies);
    copy.endpoints = copies;
    *out = copy;
    *endpoints = copies;
    return CSGI_OK;
}
