/* SPDX-License-Identifier: MIT
 * Any text as JSON: what the check accepts, the parser makes a tree of (but for a name that occurs
 * twice), and it reads the same when printed again. And as a template: what is made of it is JSON,
 * and all of JSON is made of itself. */
#include "fuzz.h"

#include <stdbool.h>

#include "json.h"
#include "text.h"

static void *blocks[64];
static size_t block_count;

static void *make_block(csgi_arena *arena, size_t size, size_t align)
{
    (void)arena, (void)align;
    MUST(block_count < sizeof blocks / sizeof blocks[0]);
    return blocks[block_count++] = malloc(size);
}

/* Templates end with a NUL, and those here take no arguments. */
static void check_template(const char *bytes, size_t len, bool is_json)
{
    static const csgi_host host = { .size = sizeof host, .alloc = make_block };
    csgi_web_arguments none;
    csgi_web_text made;
    char *text;
    size_t offset;

    if (memchr(bytes, '\0', len) || memchr(bytes, '%', len)) return;
    text = malloc(len + 1);
    MUST(text);
    memcpy(text, bytes, len);
    text[len] = '\0';
    memset(&none, 0, sizeof none);
    csgi_web_text_init(&made, &host, NULL);
    csgi_web_text_json(&made, text, &none);
    csgi_web_text_json_end(&made);
    MUST(made.status == CSGI_OK || (made.status == CSGI_EINVAL && made.offset <= len));
    MUST(made.status == CSGI_OK || !is_json);
    if (made.status == CSGI_OK) MUST(!csgi_web_json_check(made.bytes, made.length, &offset));
    while (block_count)
        free(blocks[--block_count]);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = exact_copy(bytes, len);
    const char *why = NULL;
    size_t offset = 0;
    const char *wrong = csgi_web_json_check(text, len, &offset);
    cJSON *tree;

    MUST(!wrong || offset <= len);
    check_template(text, len, !wrong);
    tree = csgi_web_json_parse(text, len, &why, &offset);
    MUST(!wrong || !tree);
    MUST(tree || why);
    if (tree) {
        char *printed = cJSON_PrintUnformatted(tree);

        MUST(printed);
        MUST(!csgi_web_json_check(printed, strlen(printed), &offset));
        cJSON_free(printed);
    }
    cJSON_Delete(tree);
    free(text);
    return 0;
}
