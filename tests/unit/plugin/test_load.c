/* SPDX-License-Identifier: MIT
 * Loading real files: who may write them, what the dynamic loader complains of, and what is there
 * afterwards. Faults of descriptors are test_descriptor's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/str.h"
#include "failing_malloc.h"
#include "plugin/plugin.h"
#include "workshop.h"

static const plugin_rules insecure = { .allow_insecure = true };

static plugin *load(workshop *self, const char *file, const plugin_rules *rules)
{
    plugin *loaded = NULL;

    self->problem.len = 0;
    if (plugin_load(file, rules, &loaded, &self->problem) != CSGI_OK)
        fail_msg("%.*s", STR_ARG(buffer_str(&self->problem)));
    return loaded;
}

static void expect_refusal(workshop *self, const char *file, const plugin_rules *rules,
                           const char *part)
{
    plugin *loaded = NULL;

    self->problem.len = 0;
    assert_int_equal(plugin_load(file, rules, &loaded, &self->problem), CSGI_EFAIL);
    assert_null(loaded);
    expect_part(&self->problem, part);
    assert_memory_equal(self->problem.bytes, file, strlen(file));
}

static void a_plugin_is_loaded_with_its_descriptor_and_directory(void **state)
{
    workshop *self = *state;
    const char *file = workshop_compile(self, "a.so", PLUGIN_FLAGS, PLUGIN_SOURCE);
    plugin *loaded = load(self, file, NULL);

    assert_string_equal(loaded->file, file);
    assert_string_equal(loaded->directory, self->directory);
    assert_string_equal(loaded->descriptor.name.ptr, "sample");
    assert_int_equal(loaded->descriptor.endpoint_count, 1);
    assert_ptr_equal(loaded->descriptor.endpoints, loaded->endpoints);
    assert_int_equal(loaded->endpoints[0].call(NULL, NULL, NULL, NULL), CSGI_OK);
    plugin_release(loaded);
}

static void a_plugin_stays_until_its_last_holder_lets_go(void **state)
{
    workshop *self = *state;
    plugin *loaded = load(self, workshop_compile(self, "a.so", PLUGIN_FLAGS, PLUGIN_SOURCE), NULL);

    assert_ptr_equal(plugin_hold(loaded), loaded);
    plugin_release(loaded);
    assert_int_equal(loaded->endpoints[0].call(NULL, NULL, NULL, NULL), CSGI_OK);
    plugin_release(loaded);
    plugin_release(NULL);
}

static void a_relative_name_is_loaded_from_the_working_directory(void **state)
{
    workshop *self = *state;
    char before[4096];
    plugin *loaded;

    workshop_compile(self, "a.so", PLUGIN_FLAGS, PLUGIN_SOURCE);
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(self->directory), 0);
    loaded = load(self, "a.so", NULL);
    assert_string_equal(loaded->file, "a.so");
    assert_string_equal(loaded->directory, self->directory);
    plugin_release(loaded);
    assert_int_equal(chdir(before), 0);
}

static void a_file_or_directory_that_anybody_may_write_is_refused(void **state)
{
    workshop *self = *state;
    char *file = strdup(workshop_compile(self, "a.so", PLUGIN_FLAGS, PLUGIN_SOURCE));

    assert_int_equal(chmod(file, 0757), 0);
    expect_refusal(self, file, NULL, "anybody may write the file ");
    expect_part(&self->problem, "chmod o-w ");
    expect_part(&self->problem, "--insecure-plugins");
    plugin_release(load(self, file, &insecure));
    assert_int_equal(chmod(file, 0755), 0);
    plugin_release(load(self, file, NULL));
    assert_int_equal(chmod(self->directory, 0777), 0);
    expect_refusal(self, file, NULL, "anybody may write the directory ");
    plugin_release(load(self, file, &insecure));
    free(file);
}

static void where_a_link_leads_counts_as_well(void **state)
{
    workshop *self = *state;
    char real[128], inside[192];

    snprintf(real, sizeof(real), "%s/open", self->directory);
    assert_int_equal(mkdir(real, 0777), 0);
    assert_int_equal(chmod(real, 0777), 0);
    snprintf(inside, sizeof(inside), "%s/a.so", real);
    workshop_compile(self, "open/a.so", PLUGIN_FLAGS, PLUGIN_SOURCE);
    assert_int_equal(symlink(inside, workshop_path(self, "link.so")), 0);
    expect_refusal(self, self->path, NULL, "anybody may write the directory ");
    expect_part(&self->problem, "/open");
    assert_int_equal(chmod(real, 0755), 0);
    plugin_release(load(self, self->path, NULL));
}

static void a_strangers_file_or_directory_is_refused(void **state)
{
    workshop *self = *state;
    const char *file;

    if (geteuid() != 0) skip(); /* only root may give files away */
    file = workshop_compile(self, "a.so", PLUGIN_FLAGS, PLUGIN_SOURCE);
    assert_int_equal(chown(file, 12345, (gid_t)-1), 0);
    expect_refusal(self, file, NULL, "belongs to user 12345, expected root or the server's user 0");
    assert_int_equal(chown(file, 0, (gid_t)-1), 0);
    assert_int_equal(chown(self->directory, 12345, (gid_t)-1), 0);
    expect_refusal(self, file, NULL, "the directory ");
    plugin_release(load(self, file, &insecure));
}

/* Who may change a link on the way could have had his file copied, and show another. */
static void a_copy_is_of_the_file_that_is_looked_at(void **state)
{
    workshop *self = *state;
    char *file = strdup(workshop_compile(self, "a.so", PLUGIN_FLAGS, PLUGIN_SOURCE));
    const char *other = workshop_compile(self, "b.so", PLUGIN_FLAGS, PLUGIN_SOURCE);
    struct stat about;
    plugin_image image = { .path = strdup(other), .fd = -1, .hash = "", .generation = 1 };
    const plugin_rules rules = { .image = &image };
    plugin *loaded = NULL;

    assert_int_equal(stat(other, &about), 0);
    image.device = about.st_dev;
    image.inode = about.st_ino;
    assert_int_equal(plugin_load(file, &rules, &loaded, &self->problem), CSGI_EBUSY);
    assert_null(loaded);
    expect_part(&self->problem, "replaced");
    workshop_compile(self, "b.so", PLUGIN_FLAGS, PLUGIN_SOURCE); /* a copy goes with its plugin */
    image.path = strdup(other);
    assert_int_equal(stat(file, &about), 0);
    image.device = about.st_dev;
    image.inode = about.st_ino;
    plugin_release(load(self, file, &rules));
    free(file);
}

static void what_cannot_be_linked_is_told_by_name(void **state)
{
    workshop *self = *state;
    char *library, *user, flags[512];

    expect_refusal(self,
                   workshop_compile(self, "a.so", PLUGIN_FLAGS,
                                    PLUGIN_SOURCE "void frobnicate(int); "
                                                  "void (*volatile used)(int) = frobnicate;"),
                   NULL, "needs the symbol \"frobnicate\", which neither it nor its libraries");
    library = strdup(workshop_compile(self, "libgone.so", "-fPIC -shared", "void gone(void){}"));
    snprintf(flags, sizeof(flags), PLUGIN_FLAGS " -Wl,--no-as-needed -L%s -lgone", self->directory);
    /* gcc wants the source first for -l, hence --no-as-needed and -L before it. */
    user = strdup(workshop_compile(self, "b.so", flags, PLUGIN_SOURCE));
    assert_int_equal(unlink(library), 0);
    expect_refusal(self, user, NULL, "needs the library libgone.so, which is not found");
    free(library);
    free(user);
}

static void a_fault_of_the_descriptor_names_the_file(void **state)
{
    workshop *self = *state;

    expect_refusal(self,
                   workshop_compile(self, "a.so", PLUGIN_FLAGS,
                                    "#include <csgi/csgi.h>\n"
                                    "const csgi_plugin *csgi_plugin_query(uint32_t m)"
                                    "{ (void)m; return NULL; }"),
                   NULL, "returned no descriptor");
}

static void note_step(void *arg, const char *step)
{
    buffer *steps = arg;

    assert_int_equal(buffer_printf(steps, "%s ", step ? step : "-"), CSGI_OK);
}

static void the_steps_into_foreign_code_are_told(void **state)
{
    workshop *self = *state;
    buffer steps = { 0 };
    const plugin_rules rules = { .on_step = note_step, .arg = &steps };

    plugin_release(load(self, workshop_compile(self, "a.so", PLUGIN_FLAGS, PLUGIN_SOURCE), &rules));
    assert_int_equal(buffer_append(&steps, "", 1), CSGI_OK);
    assert_string_equal(steps.bytes, "dlopen - csgi_plugin_query - ");
    buffer_fini(&steps);
}

static void no_memory_is_an_error_and_leaks_nothing(void **state)
{
    workshop *self = *state;
    const char *file = workshop_compile(self, "a.so", PLUGIN_FLAGS, PLUGIN_SOURCE);

    for (size_t n = 0;; n++) {
        plugin *loaded = NULL;
        csgi_status status;

        failing_malloc_after(n);
        status = plugin_load(file, NULL, &loaded, &self->problem);
        if (!failing_malloc_off()) {
            assert_int_equal(status, CSGI_OK);
            plugin_release(loaded);
            break;
        }
        assert_int_equal(status, CSGI_ENOMEM);
        assert_null(loaded);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, workshop_open, workshop_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_plugin_is_loaded_with_its_descriptor_and_directory),
        TEST(a_plugin_stays_until_its_last_holder_lets_go),
        TEST(a_relative_name_is_loaded_from_the_working_directory),
        TEST(a_file_or_directory_that_anybody_may_write_is_refused),
        TEST(where_a_link_leads_counts_as_well),
        TEST(a_strangers_file_or_directory_is_refused),
        TEST(a_copy_is_of_the_file_that_is_looked_at),
        TEST(what_cannot_be_linked_is_told_by_name),
        TEST(a_fault_of_the_descriptor_names_the_file),
        TEST(the_steps_into_foreign_code_are_told),
        TEST(no_memory_is_an_error_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
