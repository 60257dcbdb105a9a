/* SPDX-License-Identifier: MIT
 * Makes an instance: checks what the plugin declares, then the configuration against it. */
#include "call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_REASON = 512 };

CSGI_PRINTF(2, 3)
static csgi_status refuse(const csgi_host *host, const char *format, ...)
{
    char reason[LONGEST_REASON];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    return host->fail(host, CSGI_EFAIL, (csgi_str){ reason, strlen(reason) });
}

static const char *json_type_name(const cJSON *node)
{
    if (cJSON_IsString(node)) return "a string";
    if (cJSON_IsNumber(node)) return "a number";
    if (cJSON_IsBool(node)) return "true or false";
    if (cJSON_IsNull(node)) return "null";
    return cJSON_IsArray(node) ? "an array" : "an object";
}

/* Is there a "{name}" or "{name:...}" in the path? */
static int path_has_param(const char *path, const char *name)
{
    size_t length = strlen(name);

    for (path = strchr(path, '{'); path; path = strchr(path, '{')) {
        path++;
        if (strncmp(path, name, length) == 0 && (path[length] == '}' || path[length] == ':'))
            return 1;
    }
    return 0;
}

static int is_int_text(const csgi_declaration *item, const char *text)
{
    int64_t number;

    return item->type != CSGI_TYPE_INT || !text || csgi_web_int_parse(text, &number) == CSGI_OK;
}

/* RFC 9110 section 5.6.2. */
static int is_token(const char *name)
{
    static const char others[] = "!#$%&'*+-.^_`|~0123456789"
                                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    return *name && name[strspn(name, others)] == '\0';
}

/* The author's own mistakes, told when the plugin is loaded. */
static csgi_status declarations_check(const csgi_host *host, const char *owner, const char *path,
                                      const csgi_declaration *item)
{
    for (; item->in != CSGI_IN_END; item++) {
        int is_param =
            item->in == CSGI_IN_QUERY || item->in == CSGI_IN_PATH || item->in == CSGI_IN_HEADER;

        if (item->in != CSGI_IN_SUMMARY && is_param != (path != NULL))
            return refuse(host, "%s declares \"%s\" in the wrong place", owner, item->name);
        if (item->in == CSGI_IN_PATH && !path_has_param(path, item->name))
            return refuse(host, "%s declares the path parameter \"%s\", but \"%s\" has no {%s}",
                          owner, item->name, path, item->name);
        if (item->in == CSGI_IN_HEADER && !is_token(item->name))
            return refuse(host, "%s declares the header \"%s\", which is no name of a header",
                          owner, item->name);
        if (!is_int_text(item, item->default_value) || !is_int_text(item, item->ge) ||
            !is_int_text(item, item->le))
            return refuse(host, "%s declares \"%s\" as int, but a default or bound is no int",
                          owner, item->name);
    }
    return CSGI_OK;
}

static csgi_status state_check(const csgi_host *host, const csgi_declaration *item)
{
    int count = 0;

    for (; item->in != CSGI_IN_END; item++) {
        if (item->in != CSGI_IN_STATE) continue;
        if (count++) return refuse(host, "the plugin has CSGI_STATE twice; it takes one");
        if (!item->run || !item->restore)
            return refuse(host, "CSGI_STATE takes a save and a restore, but one of them is NULL");
        if (item->version == 0 || item->oldest > item->version)
            return refuse(host,
                          "CSGI_STATE has the version %u, and .oldest = %u; versions are 1 or "
                          "more, and the oldest one is not above the version",
                          item->version, item->oldest);
    }
    return CSGI_OK;
}

static csgi_status plugin_check(const csgi_host *host, const csgi_web_plugin *plugin)
{
    const csgi_route *const *route;
    csgi_status code;

    for (route = plugin->routes; *route; route++) {
        code = declarations_check(host, (*route)->name, (*route)->path, (*route)->declared);
        if (code != CSGI_OK) return code;
    }
    code = declarations_check(host, "the plugin", NULL, plugin->declared);
    return code == CSGI_OK ? state_check(host, plugin->declared) : code;
}

static csgi_status refuse_key(const csgi_host *host, const csgi_declaration *declared,
                              const char *key)
{
    char known[LONGEST_REASON / 2] = "";
    size_t length = 0;

    for (; declared->in != CSGI_IN_END && length < sizeof(known); declared++) {
        if (declared->in != CSGI_IN_CONFIG) continue;
        length += (size_t)snprintf(known + length, sizeof(known) - length, "%s\"%s\"",
                                   length ? ", " : "", declared->name);
    }
    return refuse(host, "config: unknown key \"%s\"; %s%s", key,
                  length ? "known are " : "this plugin has no configuration", known);
}

/* One declared key. node is NULL when the configuration does not have it. */
static csgi_status value_set(const csgi_host *host, const csgi_declaration *key, const cJSON *node,
                             csgi_web_value *value)
{
    int is_int = key->type == CSGI_TYPE_INT, bounds;

    if (!node) {
        value->text = key->default_value;
        if (!key->default_value && !key->optional)
            return refuse(host, "config: \"%s\" is required", key->name);
        return key->default_value && is_int ? csgi_web_int_parse(key->default_value, &value->number)
                                            : CSGI_OK;
    }
    if (is_int ? !cJSON_IsNumber(node) : !cJSON_IsString(node))
        return refuse(host, "config: \"%s\" must be %s, but is %s", key->name,
                      is_int ? "an integer" : "a string", json_type_name(node));
    if (!is_int) {
        value->text = node->valuestring;
        return CSGI_OK;
    }
    if (!csgi_web_json_int(node, &value->number))
        return refuse(host, "config: \"%s\" must be an integer, but is %g", key->name,
                      node->valuedouble);
    bounds = csgi_web_int_bounds(key, value->number);
    if (bounds)
        return refuse(host, "config: \"%s\" must be at %s %s, but is %lld", key->name,
                      bounds < 0 ? "least" : "most", bounds < 0 ? key->ge : key->le,
                      (long long)value->number);
    return CSGI_OK;
}

static csgi_status config_read(csgi_web_instance *self, csgi_str config_json)
{
    const csgi_declaration *declared = self->plugin->declared;
    size_t i, offset, count = csgi_web_declared_count(declared);
    csgi_status code = CSGI_OK;
    const char *why;
    const cJSON *node;

    self->values = calloc(count + 1, sizeof(*self->values));
    if (!self->values) return CSGI_ENOMEM;
    self->config = csgi_web_json_parse(config_json.ptr, config_json.len, &why, &offset);
    if (!self->config && !why) return CSGI_ENOMEM;
    if (!self->config) return refuse(self->host, "config: not JSON: %s, at byte %zu", why, offset);
    if (!cJSON_IsObject(self->config))
        return refuse(self->host, "config: must be an object, but is %s",
                      json_type_name(self->config));
    cJSON_ArrayForEach(node, self->config)
    {
        for (i = 0; i < count; i++)
            if (declared[i].in == CSGI_IN_CONFIG && strcmp(declared[i].name, node->string) == 0)
                break;
        if (i == count) return refuse_key(self->host, declared, node->string);
    }
    for (i = 0; i < count && code == CSGI_OK; i++)
        if (declared[i].in == CSGI_IN_CONFIG)
            code = value_set(self->host, &declared[i],
                             cJSON_GetObjectItemCaseSensitive(self->config, declared[i].name),
                             &self->values[i]);
    return code;
}

csgi_status csgi_web_create(const csgi_web_plugin *plugin, const csgi_host *host,
                            csgi_str config_json, void **instance)
{
    csgi_web_instance *self;
    csgi_status code = plugin_check(host, plugin);

    if (code != CSGI_OK) return code;
    self = calloc(1, sizeof(*self));
    if (!self) return CSGI_ENOMEM;
    self->host = host;
    self->plugin = plugin;
    code = config_read(self, config_json);
    if (code == CSGI_OK)
        *instance = self;
    else
        csgi_web_destroy(self);
    return code;
}

void csgi_web_destroy(void *instance)
{
    csgi_web_instance *self = instance;

    cJSON_Delete(self->config);
    free(self->values);
    free(self);
}

const char *csgi_config_str(csgi_call *call, const char *name)
{
    csgi_web_instance *instance = call->own->instance;
    const csgi_web_value *value =
        csgi_web_value_find(call, instance->plugin->declared, instance->values, CSGI_IN_CONFIG,
                            CSGI_TYPE_STR, name);

    return value ? value->text : "";
}

int64_t csgi_config_int(csgi_call *call, const char *name)
{
    csgi_web_instance *instance = call->own->instance;
    const csgi_web_value *value =
        csgi_web_value_find(call, instance->plugin->declared, instance->values, CSGI_IN_CONFIG,
                            CSGI_TYPE_INT, name);

    return value ? value->number : 0;
}
