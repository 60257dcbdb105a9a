/* SPDX-License-Identifier: MIT
 * Is a file a shared object that exports csgi_plugin_query, and what of it will hurt? Answered from
 * its bytes, before any of its code can run. */
#include <stdio.h>
#include <string.h>

#include "plugin/image.h"
#include "plugin/plugin.h"

static const char query_name[] = "csgi_plugin_query";

enum { NAMES_SHOWN = 3 }; /* of a list in a warning */

/* Visible to others: defined here, not local, not hidden. */
static bool is_exported(const ElfW(Sym) * symbol)
{
    unsigned binding = ELF64_ST_BIND(symbol->st_info);
    unsigned visibility = ELF64_ST_VISIBILITY(symbol->st_other);

    if (symbol->st_shndx == SHN_UNDEF || binding == STB_LOCAL) return false;
    return visibility == STV_DEFAULT || visibility == STV_PROTECTED;
}

/* Made by the linker, in objects linked long ago. */
static bool is_linkers(const char *name)
{
    return strcmp(name, "_init") == 0 || strcmp(name, "_fini") == 0 || strcmp(name, "_end") == 0 ||
           strcmp(name, "_edata") == 0 || strcmp(name, "__bss_start") == 0;
}

static const ElfW(Sym) * find_export(const image *self, bool (*is_wanted)(const char *name))
{
    for (size_t i = 0; i < self->symbol_count; i++) {
        const ElfW(Sym) *symbol = &self->symbols[i];

        if (is_exported(symbol) && is_wanted(image_string(self, symbol->st_name))) return symbol;
    }
    return NULL;
}

static bool is_query(const char *name)
{
    return strcmp(name, query_name) == 0;
}

/* The name as C++ mangles it when extern "C" is missing. */
static bool is_mangled_query(const char *name)
{
    return strncmp(name, "_Z", 2) == 0 && strstr(name, query_name) != NULL;
}

static csgi_status check_query(image *self)
{
    const ElfW(Sym) *query = find_export(self, is_query);

    if (query && ELF64_ST_TYPE(query->st_info) == STT_FUNC) return CSGI_OK;
    if (query) {
        return image_refuse(self,
                            "exports %s, but not as a function: define it with "
                            "CSGI_PLUGIN(plugin)",
                            query_name);
    }
    if (find_export(self, is_mangled_query)) {
        return image_refuse(self,
                            "exports %s under a C++ name: include <csgi/csgi.h> where it is "
                            "defined, which declares it extern \"C\"",
                            query_name);
    }
    return image_refuse(self,
                        "exports no %s, so it is no CSGI plugin: end its source with "
                        "CSGI_WEB_PLUGIN(...) or CSGI_PLUGIN(plugin), and see that no version "
                        "script hides it",
                        query_name);
}

static bool is_program(const image *self)
{
    return (image_dynamic(self, DT_FLAGS_1) & DF_1_PIE) != 0;
}

/* Adds a warning that lists symbols, when there are any: "FILE: warning: BEFORE a, b and 2 more
 * AFTER". */
static void warn_of_symbols(const image *self, buffer *warnings,
                            bool (*is_listed)(const image *self, const ElfW(Sym) * symbol),
                            const char *before, const char *after)
{
    size_t count = 0;

    for (size_t i = 0; i < self->symbol_count; i++) {
        if (!is_listed(self, &self->symbols[i])) continue;
        if (count == 0) (void)buffer_printf(warnings, "%s: warning: %s", self->file, before);
        if (count < NAMES_SHOWN) {
            (void)buffer_printf(warnings, "%s%s", count ? ", " : " ",
                                image_string(self, self->symbols[i].st_name));
        }
        count++;
    }
    if (count > NAMES_SHOWN) (void)buffer_printf(warnings, " and %zu more", count - NAMES_SHOWN);
    if (count) (void)buffer_printf(warnings, "%s\n", after);
}

static bool is_extra(const image *self, const ElfW(Sym) * symbol)
{
    const char *name = image_string(self, symbol->st_name);

    return is_exported(symbol) && !is_query(name) && !is_linkers(name);
}

static bool is_unique(const image *self, const ElfW(Sym) * symbol)
{
    (void)self;
    return ELF64_ST_BIND(symbol->st_info) == STB_GNU_UNIQUE && symbol->st_shndx != SHN_UNDEF;
}

static void warn(const image *self, buffer *warnings, const char *text)
{
    (void)buffer_printf(warnings, "%s: warning: %s\n", self->file, text);
}

static bool has_origin(const image *self)
{
    const char *runpath = image_string(self, image_dynamic(self, DT_RUNPATH));
    const char *rpath = image_string(self, image_dynamic(self, DT_RPATH));

    return strstr(runpath, "$ORIGIN") || strstr(runpath, "${ORIGIN}") || strstr(rpath, "$ORIGIN") ||
           strstr(rpath, "${ORIGIN}");
}

static bool has_text_relocations(const image *self)
{
    if (image_dynamic(self, DT_FLAGS) & DF_TEXTREL) return true;
    for (size_t i = 0; i < self->dynamic_count; i++) {
        if (self->dynamic[i].d_tag == DT_TEXTREL) return true; /* its value is 0 */
    }
    return false;
}

static void add_warnings(const image *self, buffer *warnings)
{
    warn_of_symbols(self, warnings, is_extra, "exports other symbols as well:",
                    "; another plugin's might be taken for them: build with the flags of "
                    "pkg-config csgi");
    warn_of_symbols(self, warnings, is_unique, "has unique symbols (STB_GNU_UNIQUE):",
                    "; it stays mapped for ever and reloads share them: build with g++ "
                    "-fno-gnu-unique");
    if (has_origin(self)) {
        warn(self, warnings,
             "looks for libraries in $ORIGIN; the server may map a copy of the file from elsewhere:"
             " use an absolute run path, or link them in");
    }
    if (image_dynamic(self, DT_FLAGS) & DF_STATIC_TLS) {
        warn(self, warnings,
             "uses static thread-local storage, of which a running process has little: build "
             "without -ftls-model=initial-exec");
    }
    if (has_text_relocations(self)) {
        warn(self, warnings,
             "has text relocations: its code is copied for each process, and hardened systems "
             "refuse it: compile all of it with -fPIC");
    }
}

csgi_status elf_inspect(const char *file, buffer *problem, buffer *warnings)
{
    image self;
    csgi_status status = image_open(&self, file, problem);

    if (status == CSGI_OK) status = image_read_symbols(&self);
    if (status == CSGI_OK && is_program(&self)) {
        status = image_refuse(&self, "is a program, expected a shared object: link it with \"gcc "
                                     "-shared\"");
    }
    if (status == CSGI_OK) status = check_query(&self);
    if (status == CSGI_OK && warnings) add_warnings(&self, warnings);
    image_close(&self);
    return status;
}
