/* SPDX-License-Identifier: MIT
 * Any text as JSON: what the check accepts, the parser makes a tree of (but for a name that occurs
 * twice), and it reads the same when printed again. */
#include "fuzz.h"

#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = exact_copy(bytes, len);
    const char *why = NULL;
    size_t offset = 0;
    const char *wrong = csgi_web_json_check(text, len, &offset);
    cJSON *tree;

    MUST(!wrong || offset <= len);
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
