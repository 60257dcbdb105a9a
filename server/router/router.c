/* SPDX-License-Identifier: MIT
 * The route table: from a raw path and a method to a route and its parameters, or to what else is
 * to be answered. */
#include "router/router.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/str.h"
#include "router/host_trees.h"

struct router {
    tree tree;        /* of the routes for any host */
    host_trees hosts; /* of the others */
    methods methods;
    const tree_route **routes; /* in the order of adding */
    size_t count, capacity;
};

router *router_new(void)
{
    router *self = calloc(1, sizeof(*self));

    if (!self) return NULL;
    if (tree_init(&self->tree) != CSGI_OK) {
        free(self);
        return NULL;
    }
    methods_init(&self->methods);
    return self;
}

void router_free(router *self)
{
    if (!self) return;
    host_trees_fini(&self->hosts);
    tree_fini(&self->tree);
    free(self->routes);
    free(self);
}

bool router_has_hosts(const router *self)
{
    return self->hosts.count > 0;
}

size_t router_count(const router *self)
{
    return self->count;
}

const route *router_get(const router *self, size_t index)
{
    CHECK(index < self->count);
    return &self->routes[index]->route;
}

/* ---- adding ---- */

static csgi_status reserve_route(router *self)
{
    size_t capacity = self->capacity ? self->capacity * 2 : 16;
    const tree_route **routes;

    if (self->count < self->capacity) return CSGI_OK;
    /* It cannot overflow: half of it is there already. */
    routes = realloc(self->routes, capacity * sizeof(*routes));
    if (!routes) return CSGI_ENOMEM;
    self->routes = routes;
    self->capacity = capacity;
    return CSGI_OK;
}

static csgi_status parse_route(router *self, const route *wanted, tree_route *out, buffer *problem)
{
    csgi_status status = pattern_parse(wanted->pattern, &self->tree.arena, &out->pattern, problem);
    buffer why = { 0 };

    if (status != CSGI_OK) return status;
    status = methods_parse(&self->methods, wanted->methods, &self->tree.arena, &out->methods, &why);
    if (status == CSGI_EINVAL) {
        (void)buffer_printf(problem, "route \"%.*s\": %.*s", STR_ARG(wanted->pattern), (int)why.len,
                            why.bytes ? why.bytes : "");
    }
    buffer_fini(&why);
    if (status != CSGI_OK) return status;
    out->route.target = wanted->target;
    out->route.pattern = arena_copy_str(&self->tree.arena, wanted->pattern);
    out->route.methods = arena_copy_str(&self->tree.arena, wanted->methods);
    out->route.host = arena_copy_str(&self->tree.arena, wanted->host);
    return out->route.pattern.ptr && out->route.methods.ptr && out->route.host.ptr ? CSGI_OK
                                                                                   : CSGI_ENOMEM;
}

/* The tree that a route belongs in; NULL: no memory. */
static tree *tree_for(router *self, const route *wanted)
{
    return wanted->host.len ? host_trees_take(&self->hosts, wanted->host) : &self->tree;
}

static csgi_status check_host(const route *wanted, buffer *problem)
{
    if (wanted->host.len <= HOST_NAME_MAX_LEN) return CSGI_OK;
    (void)buffer_printf(problem, "route \"%.*s\": its host has more than %d bytes",
                        STR_ARG(wanted->pattern), HOST_NAME_MAX_LEN);
    return CSGI_EINVAL;
}

static csgi_status report_rival(router *self, const tree_route *added, const tree_route *rival,
                                buffer *problem)
{
    method_set both = added->methods & rival->methods;
    csgi_str names = methods_list(&self->methods, both, &self->tree.arena);

    (void)buffer_printf(problem,
                        "route \"%s\" collides with route \"%s\": both match the same paths%s%s "
                        "with %s%.*s; change a path or the methods of one",
                        added->route.pattern.ptr, rival->route.pattern.ptr,
                        added->route.host.len ? " of " : "", added->route.host.ptr,
                        both == METHOD_SET_ANY ? "any method" : "",
                        both == METHOD_SET_ANY ? 0 : (int)names.len, names.ptr ? names.ptr : "");
    return CSGI_EINVAL;
}

csgi_status router_add(router *self, const route *wanted, const route **rival, buffer *problem)
{
    tree_route *added = arena_alloc(&self->tree.arena, sizeof(*added), _Alignof(tree_route));
    const tree_route *found;
    tree *into;
    csgi_status status;

    if (rival) *rival = NULL;
    if (!added || reserve_route(self) != CSGI_OK) return CSGI_ENOMEM;
    *added = (tree_route){ 0 };
    status = check_host(wanted, problem);
    if (status == CSGI_OK) status = parse_route(self, wanted, added, problem);
    if (status != CSGI_OK) return status;
    into = tree_for(self, wanted);
    if (!into) return CSGI_ENOMEM;
    found = tree_find_rival(into, added);
    if (found && rival) *rival = &found->route;
    if (found) return report_rival(self, added, found, problem);
    status = tree_add(into, added);
    if (status == CSGI_OK) self->routes[self->count++] = added;
    return status;
}

/* ---- matching ---- */

/* Where a request's route may be, the best first; the last is for any host. */
typedef struct candidates {
    const tree *trees[HOST_MATCHES_MAX + 1];
    size_t count;
} candidates;

static const tree_route *find_in(const candidates *trees, tree_search *search)
{
    const tree_route *found = NULL;

    for (size_t i = 0; i < trees->count && !found; i++)
        found = tree_find(trees->trees[i], search);
    return found;
}

/* Decodes the raw bytes of a segment (or of the rest of the path) to out. False: a bad escape, a
 * NUL, or no UTF-8. */
static bool decode(csgi_str raw, char *out, csgi_str *text)
{
    size_t len;

    if (!str_percent_decode(raw, out, &len)) return false;
    *text = (csgi_str){ out, len };
    return str_is_utf8(*text) && (len == 0 || memchr(out, '\0', len) == NULL);
}

/* Splits and hashes a path of plain ASCII, the usual kind. False: it is not; nothing is known yet.
 */
static bool split_plain(tree_search *search, csgi_str raw)
{
    const char *end = raw.ptr + raw.len;

    for (const char *p = raw.ptr; p < end;) {
        path_segment *segment = &search->segments[search->count];
        uint64_t hash = SEGMENT_HASH_START;
        const char *start = ++p;

        if (search->count == ROUTE_MAX_SEGMENTS) {
            search->has_more = true;
            start = NULL;
        }
        for (; p < end && *p != '/'; p++) {
            if (*p <= 0 || *p == '%') return false;
            hash = segment_hash(hash, *p);
        }
        if (!start) continue;
        *segment = (path_segment){ { start, (size_t)(p - start) }, start, hash, 0, false };
        search->count++;
    }
    return true;
}

/* Splits any path; what is decoded goes to the arena. CSGI_EINVAL: not decodable. CSGI_ENOMEM. */
static csgi_status split_encoded(tree_search *search, csgi_str raw, arena *memory)
{
    char *out = arena_alloc(memory, raw.len, 1);
    csgi_str rest = raw;

    if (!out) return CSGI_ENOMEM;
    search->count = 0;
    search->has_more = false;
    while (rest.len) {
        size_t len = str_find_char(str_slice(rest, 1, rest.len), '/');
        path_segment segment = { .raw = rest.ptr + 1, .hash = SEGMENT_HASH_START };

        if (!decode((csgi_str){ segment.raw, len }, out, &segment.text)) return CSGI_EINVAL;
        rest = str_slice(rest, 1 + len, rest.len);
        if (search->count == ROUTE_MAX_SEGMENTS) {
            search->has_more = true;
            continue;
        }
        for (size_t i = 0; i < segment.text.len; i++)
            segment.hash = segment_hash(segment.hash, segment.text.ptr[i]);
        out += segment.text.len;
        search->segments[search->count++] = segment;
    }
    return CSGI_OK;
}

/* The value of a parameter, decoded and NUL-terminated, in the arena; ptr is NULL when there is no
 * memory. */
static csgi_str param_value(const path_segment *segment, segment_kind kind, csgi_str raw,
                            arena *memory)
{
    csgi_str rest, value;
    char *out;

    if (kind != SEGMENT_PATH) return arena_copy_str(memory, segment->text);
    rest = (csgi_str){ segment->raw, (size_t)(raw.ptr + raw.len - segment->raw) };
    out = arena_alloc(memory, rest.len + 1, 1);
    if (!out) return (csgi_str){ NULL, 0 };
    CHECK(decode(rest, out, &value)); /* the path was decodable as a whole */
    out[value.len] = '\0';
    return value;
}

static csgi_status bind_params(const tree_route *found, const tree_search *search, csgi_str raw,
                               arena *memory, csgi_fields *params)
{
    size_t count = found->pattern.param_count, filled = 0;
    csgi_field *fields;

    if (count == 0) return CSGI_OK;
    fields = arena_alloc(memory, count * sizeof(*fields), _Alignof(csgi_field));
    if (!fields) return CSGI_ENOMEM;
    for (size_t i = 0; i < found->pattern.count; i++) {
        const pattern_segment *segment = &found->pattern.segments[i];
        csgi_field field = { .name = segment->text };

        if (segment->kind == SEGMENT_LITERAL) continue;
        field.value = param_value(&search->segments[i], segment->kind, raw, memory);
        if (!field.value.ptr) return CSGI_ENOMEM;
        fields[filled++] = field;
    }
    *params = (csgi_fields){ fields, count };
    return CSGI_OK;
}

/* Is there a route, whatever its methods, when the path has one slash more at its end, or one less?
 * Then its path is in *location. */
static bool find_redirect(const candidates *trees, tree_search *search, csgi_str raw, arena *memory,
                          csgi_str *location)
{
    bool has_slash;

    CHECK(search->count > 0); /* a path begins with a slash */
    has_slash = search->segments[search->count - 1].text.len == 0;
    /* Browsers read "//host" and "/\host" as another server's address. */
    if (raw.len > 1 && (raw.ptr[1] == '/' || raw.ptr[1] == '\\')) return false;
    if (search->has_more || (has_slash && search->count == 1)) return false;
    if (has_slash) {
        search->count--;
        raw.len--;
    } else {
        search->segments[search->count++] =
            (path_segment){ .text = STR(""), .hash = SEGMENT_HASH_START };
    }
    if (!find_in(trees, search) && !search->allowed) return false;
    *location = arena_printf(memory, "%.*s%s", STR_ARG(raw), has_slash ? "" : "/");
    return true;
}

/* Every method that some route names. */
static method_set all_methods(const router *self)
{
    method_set all = 0;

    for (size_t i = 0; i < self->count; i++) {
        if (self->routes[i]->methods != METHOD_SET_ANY) all |= self->routes[i]->methods;
    }
    return all;
}

static csgi_str allow_list(const router *self, method_set allowed, arena *memory)
{
    if (allowed & METHOD_GET) allowed |= METHOD_HEAD;
    return methods_list(&self->methods, allowed | METHOD_OPTIONS, memory);
}

/* What to answer where no route took the method. */
static route_result match_other(const router *self, const candidates *trees, tree_search *search,
                                csgi_str raw, arena *memory, route_match *match,
                                csgi_status *status)
{
    bool is_options = search->method == METHOD_OPTIONS;

    if (search->allowed) {
        match->allow = allow_list(self, search->allowed, memory);
        if (!match->allow.ptr) *status = CSGI_ENOMEM;
        return is_options ? ROUTE_OPTIONS : ROUTE_METHOD_NOT_ALLOWED;
    }
    if (!find_redirect(trees, search, raw, memory, &match->location)) return ROUTE_NOT_FOUND;
    if (!match->location.ptr) *status = CSGI_ENOMEM;
    return ROUTE_REDIRECT;
}

/* Splits the path. CSGI_EINVAL, CSGI_ENOMEM. */
static csgi_status split(tree_search *search, csgi_str raw, arena *memory)
{
    search->count = 0;
    search->has_more = false;
    search->allowed = 0;
    return split_plain(search, raw) ? CSGI_OK : split_encoded(search, raw, memory);
}

static csgi_status list_all_methods(const router *self, arena *memory, route_match *match)
{
    match->allow = allow_list(self, all_methods(self), memory);
    return match->allow.ptr ? CSGI_OK : CSGI_ENOMEM;
}

route_result router_match(const router *self, const route_request *request, arena *memory,
                          route_match *match, csgi_status *status)
{
    tree_search search; /* 2 KiB: the segments beyond count stay as they are */
    candidates trees;   /* likewise */
    csgi_str raw_path = request->raw_path;
    route_result result = ROUTE_FOUND;
    const tree_route *found;

    search.method = methods_find(&self->methods, request->method);
    *match = (route_match){ 0 };
    *status = CSGI_OK;
    if (search.method == METHOD_OPTIONS && str_eq(raw_path, STR("*"))) {
        *status = list_all_methods(self, memory, match);
        return *status == CSGI_OK ? ROUTE_OPTIONS : ROUTE_BAD_PATH;
    }
    if (raw_path.len == 0 || raw_path.ptr[0] != '/') return ROUTE_NOT_FOUND;
    *status = split(&search, raw_path, memory);
    if (*status != CSGI_OK) return ROUTE_BAD_PATH;
    trees.count = self->hosts.count ? host_trees_find(&self->hosts, request->host, trees.trees) : 0;
    trees.trees[trees.count++] = &self->tree;
    found = find_in(&trees, &search);
    if (found) {
        match->route = &found->route;
        *status = bind_params(found, &search, raw_path, memory, &match->params);
    } else {
        result = match_other(self, &trees, &search, raw_path, memory, match, status);
    }
    return *status == CSGI_OK ? result : ROUTE_BAD_PATH;
}
