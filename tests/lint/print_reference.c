/* SPDX-License-Identifier: MIT
 * print_reference options|man: prints docs/options.md or the manual page, as the tables of this
 * source have it. */
#include <stdio.h>
#include <string.h>

#include "cli/reference.h"

int main(int argc, char **argv)
{
    const char *what = argc == 2 ? argv[1] : "";
    buffer text = { 0 };
    csgi_status status = CSGI_EINVAL;

    if (strcmp(what, "options") == 0) status = reference_print_options(&text);
    if (strcmp(what, "man") == 0) status = reference_print_man(&text);
    if (status != CSGI_OK) {
        fputs("usage: print_reference options|man\n", stderr);
        return 2;
    }
    if (fwrite(text.bytes, 1, text.len, stdout) != text.len) return 1;
    buffer_fini(&text);
    return 0;
}
