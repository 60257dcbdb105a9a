/* SPDX-License-Identifier: MIT
 * Any text as a file of environment variables: names are names, everything lies in the text, and a
 * mistake is told. */
#include "fuzz.h"

#include "config/env_file.h"

static void check_pair(const env_pair *pair, const char *text, size_t len)
{
    MUST(*pair->name && strspn(pair->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                           "0123456789_") == strlen(pair->name));
    MUST(pair->name >= text && pair->name < text + len);
    MUST(pair->value > pair->name && pair->value + strlen(pair->value) <= text + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = malloc(len + 1);
    buffer pairs = { 0 }, problem = { 0 };
    csgi_status status;

    MUST(text);
    memcpy(text, bytes, len);
    text[len] = '\0';
    status = env_text_parse("f", text, len, &pairs, &problem);
    MUST((status == CSGI_OK) == (problem.len == 0));
    for (size_t i = 0; i < pairs.len / sizeof(env_pair); i++)
        check_pair((const env_pair *)(const void *)pairs.bytes + i, text, len);
    buffer_fini(&pairs);
    buffer_fini(&problem);
    free(text);
    return 0;
}
