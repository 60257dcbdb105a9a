/* SPDX-License-Identifier: MIT
 * Looking at a plugin file's bytes: what is refused, with which words, and what is warned of. No
 * bytes, however garbled, may make it read beyond them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>

#include "base/check.h"
#include "base/str.h"
#include "plugin/plugin.h"
#include "workshop.h"

#define QUERY "__attribute__((visibility(\"default\"))) void *csgi_plugin_query(unsigned m)"
#define BARE  QUERY "{ (void)m; return 0; }\n"

static void expect_refusal(workshop *self, const char *file, const char *part)
{
    self->problem.len = 0;
    assert_int_equal(elf_inspect(file, &self->problem, NULL), CSGI_EFAIL);
    expect_part(&self->problem, part);
    assert_memory_equal(self->problem.bytes, file, strlen(file));
}

static void expect_warning(workshop *self, const char *file, const char *part)
{
    self->problem.len = self->warnings.len = 0;
    if (elf_inspect(file, &self->problem, &self->warnings) != CSGI_OK)
        fail_msg("%.*s", STR_ARG(buffer_str(&self->problem)));
    expect_part(&self->warnings, part);
    assert_int_equal(self->warnings.bytes[self->warnings.len - 1], '\n');
}

static void expect_no_warning(workshop *self, const char *file)
{
    self->problem.len = self->warnings.len = 0;
    if (elf_inspect(file, &self->problem, &self->warnings) != CSGI_OK)
        fail_msg("%.*s", STR_ARG(buffer_str(&self->problem)));
    if (self->warnings.len) fail_msg("%.*s", STR_ARG(buffer_str(&self->warnings)));
}

static void a_plugin_passes_with_either_kind_of_symbol_hash(void **state)
{
    workshop *self = *state;

    expect_no_warning(self, workshop_compile(self, "a.so", PLUGIN_FLAGS, PLUGIN_SOURCE));
    expect_no_warning(self, workshop_compile(self, "b.so", PLUGIN_FLAGS " -Wl,--hash-style=sysv",
                                             PLUGIN_SOURCE));
    expect_no_warning(self,
                      workshop_compile(self, "c.so",
                                       PLUGIN_FLAGS " -s -Wl,--version-script=sdk/csgi-plugin.map",
                                       PLUGIN_SOURCE));
}

static void what_is_no_regular_file_is_refused(void **state)
{
    workshop *self = *state;

    expect_refusal(self, workshop_path(self, "none.so"), "cannot be opened: No such file");
    expect_refusal(self, self->directory, "is a directory");
    assert_int_equal(mkfifo(workshop_path(self, "fifo.so"), 0600), 0);
    expect_refusal(self, self->path, "is no regular file");
    expect_refusal(self, workshop_write(self, "empty.so", "", 0), "is empty");
    expect_refusal(self, workshop_write(self, "text.so", "#!/bin/sh\n", 10), "is not an ELF file");
    expect_refusal(self, workshop_write(self, "short.so", "\177EL", 3), "is not an ELF file");
    expect_refusal(self, workshop_write(self, "short.so", "\177ELF", 4), "bit file");
}

static void what_is_elf_but_no_shared_object_is_refused(void **state)
{
    workshop *self = *state;

    expect_refusal(self, workshop_compile(self, "a.so", "-c -fPIC", BARE), "is an object file");
    expect_refusal(self, workshop_compile(self, "b.so", "-fPIE -pie", BARE "int main(void){}"),
                   "is a program");
    expect_refusal(self,
                   workshop_compile(self, "c.so", "-fno-PIE -no-pie", BARE "int main(void){}"),
                   "is an ELF file of type 2");
}

/* Changes one byte of the plugin. */
static const char *write_changed(workshop *self, const buffer *from, size_t at, unsigned char byte)
{
    unsigned char before = (unsigned char)from->bytes[at];

    from->bytes[at] = (char)byte;
    workshop_write(self, "changed.so", from->bytes, from->len);
    from->bytes[at] = (char)before;
    return self->path;
}

static void a_file_for_another_machine_is_refused(void **state)
{
    workshop *self = *state;
    buffer bytes = workshop_read(workshop_compile(self, "a.so", PLUGIN_FLAGS, PLUGIN_SOURCE));
    unsigned char other_class = sizeof(void *) == 8 ? ELFCLASS32 : ELFCLASS64;
    unsigned char other_order =
        (unsigned char)(ELFDATA2LSB + ELFDATA2MSB - (unsigned char)bytes.bytes[EI_DATA]);

    expect_refusal(self, write_changed(self, &bytes, EI_CLASS, other_class), "-bit file");
    expect_refusal(self, write_changed(self, &bytes, EI_DATA, other_order), "other byte order");
    expect_refusal(self, write_changed(self, &bytes, offsetof(Elf64_Ehdr, e_machine), EM_MIPS),
                   "is for MIPS (ELF machine 8), this server is for ");
    expect_refusal(self, write_changed(self, &bytes, offsetof(Elf64_Ehdr, e_machine), 251),
                   "is for another machine (ELF machine 251)");
    buffer_fini(&bytes);
}

static void a_file_that_is_cut_short_anywhere_is_refused(void **state)
{
    workshop *self = *state;
    buffer bytes = workshop_read(workshop_compile(self, "a.so", PLUGIN_FLAGS, PLUGIN_SOURCE));
    size_t step = bytes.len / 300;

    for (size_t len = sizeof(Elf64_Ehdr); len < bytes.len; len += step)
        expect_refusal(self, workshop_write(self, "cut.so", bytes.bytes, len), "is cut short: ");
    expect_refusal(self, workshop_write(self, "cut.so", bytes.bytes, bytes.len - 1), "cut short");
    expect_no_warning(self, workshop_write(self, "cut.so", bytes.bytes, bytes.len));
    buffer_fini(&bytes);
}

/* Garbles the headers and tables at random, from a fixed seed; it must come back, whatever it says.
 */
static void garbled_files_are_read_within_their_bounds(void **state)
{
    workshop *self = *state;
    buffer bytes = workshop_read(workshop_compile(self, "a.so", PLUGIN_FLAGS, PLUGIN_SOURCE));
    uint32_t random = 12345;
    int refused = 0;

    for (int round = 0; round < 2000; round++) {
        size_t at[4];
        char before[4];
        csgi_status status;

        for (size_t i = 0; i < 4; i++) {
            random = random * 1664525 + 1013904223;
            at[i] = EI_NIDENT + (random >> 8) % (i % 2 ? 700 : bytes.len - EI_NIDENT);
            before[i] = bytes.bytes[at[i]];
            bytes.bytes[at[i]] = (char)(random >> 24);
        }
        workshop_write(self, "garbled.so", bytes.bytes, bytes.len);
        for (size_t i = 4; i-- > 0;)
            bytes.bytes[at[i]] = before[i];
        self->problem.len = self->warnings.len = 0;
        status = elf_inspect(self->path, &self->problem, &self->warnings);
        assert_true(status == CSGI_OK || (status == CSGI_EFAIL && self->problem.len > 0));
        refused += status != CSGI_OK;
    }
    assert_in_range(refused, 100, 1999);
    buffer_fini(&bytes);
}

static void a_file_without_the_function_is_refused(void **state)
{
    workshop *self = *state;

    expect_refusal(self, workshop_compile(self, "a.so", PLUGIN_FLAGS, "int x;"),
                   "exports no csgi_plugin_query, so it is no CSGI plugin");
    expect_refusal(self,
                   workshop_compile(self, "b.so", PLUGIN_FLAGS, "void csgi_plugin_query(void){}"),
                   "exports no csgi_plugin_query");
    expect_refusal(self,
                   workshop_compile(self, "c.so", "-fPIC -shared", "int csgi_plugin_query = 1;"),
                   "but not as a function");
    expect_refusal(self,
                   workshop_compile(self, "d.so", "-fPIC -shared",
                                    "void f(void) __asm__(\"_Z17csgi_plugin_queryj\");"
                                    "void f(void){}"),
                   "under a C++ name");
    expect_refusal(self,
                   workshop_compile(self, "e.so", "-fPIC -shared -Wl,--hash-style=sysv",
                                    "void csgi_plugin_query(void);"
                                    "void g(void){ csgi_plugin_query(); }"),
                   "exports no csgi_plugin_query");
}

static void what_will_hurt_is_warned_of(void **state)
{
    workshop *self = *state;

    expect_warning(self,
                   workshop_compile(self, "a.so", "-fPIC -shared",
                                    BARE "int a1, a2, a3, a4; void a5(void){}"),
                   "a.so: warning: exports other symbols as well: ");
    expect_part(&self->warnings, " and 2 more; another plugin's might be taken for them");
    expect_warning(self,
                   workshop_compile(self, "b.so", PLUGIN_FLAGS,
                                    BARE "__asm__(\".data\\n.globl one\\n.type one, "
                                         "%gnu_unique_object\\none: .quad 1\\n.size one, 8\\n\");"),
                   "warning: has unique symbols (STB_GNU_UNIQUE): one; ");
    expect_warning(self,
                   workshop_compile(self, "c.so", PLUGIN_FLAGS " -Wl,-rpath,'$ORIGIN/lib'", BARE),
                   "warning: looks for libraries in $ORIGIN");
    expect_warning(self,
                   workshop_compile(self, "d.so", PLUGIN_FLAGS " -ftls-model=initial-exec",
                                    BARE "static __thread int t; __attribute__((visibility("
                                         "\"hidden\"))) int *f(void){ return &t; }"),
                   "warning: uses static thread-local storage");
    expect_warning(self,
                   workshop_compile(self, "e.so", PLUGIN_FLAGS " -Wl,-z,notext",
                                    BARE "__asm__(\".text\\n.balign 8\\n.quad "
                                         "csgi_plugin_query\\n\");"),
                   "warning: has text relocations");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, workshop_open, workshop_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_plugin_passes_with_either_kind_of_symbol_hash),
        TEST(what_is_no_regular_file_is_refused),
        TEST(what_is_elf_but_no_shared_object_is_refused),
        TEST(a_file_for_another_machine_is_refused),
        TEST(a_file_that_is_cut_short_anywhere_is_refused),
        TEST(garbled_files_are_read_within_their_bounds),
        TEST(a_file_without_the_function_is_refused),
        TEST(what_will_hurt_is_warned_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
