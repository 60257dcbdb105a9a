/* SPDX-License-Identifier: MIT
 * Translating options. */
#include "worker/settings.h"

#include <sys/random.h>
#include <unistd.h>

#include "base/check.h"
#include "base/str.h"
#include "config/header_text.h"

/* Where 0 says "no limit", http1 wants UINT64_MAX: its own 0 is the default. */
static uint64_t or_no_limit(uint64_t limit)
{
    return limit ? limit : UINT64_MAX;
}

static http1_options http1_of(const server_options *options, csgi_str fixed_lines)
{
    return (http1_options){
        .server_header = options->server_header && !headers_have(&options->headers, STR("server")),
        .date_header = options->date_header && !headers_have(&options->headers, STR("date")),
        .fixed_lines = fixed_lines,
        .max_request_line = options->limit_request_line,
        .max_headers = options->limit_headers,
        .max_header_size = options->limit_header_size,
        .max_body = or_no_limit(options->limit_body),
        .max_requests = options->limit_requests_per_connection,
        .keep_alive_ms = options->timeout_keep_alive_ms,
        .headers_ms = or_no_limit(options->timeout_headers_ms),
        .body_ms = or_no_limit(options->timeout_body_ms),
        .write_ms = or_no_limit(options->timeout_write_ms),
    };
}

session_options settings_of_sessions(const server_options *options, csgi_str fixed_lines)
{
    return (session_options){
        .http1 = http1_of(options, fixed_lines),
        .access_log = options->access_log,
        .json_log = options->log_format == LOG_JSON,
        .access_log_format = options->access_log_format,
        .proxy_headers = options->proxy_headers,
        .proxy_protocol = options->proxy_protocol,
    };
}

uint64_t settings_choose_max_requests(const server_options *options)
{
    uint64_t random = 0, jitter = options->limit_max_requests_jitter;

    if (options->limit_max_requests == 0 || jitter == 0) return options->limit_max_requests;
    if (getrandom(&random, sizeof random, 0) != sizeof random) random = (uint64_t)getpid();
    return options->limit_max_requests + random % (jitter + 1);
}

csgi_status settings_read_proxies(const server_options *options, trust_list *out)
{
    csgi_str wrong;
    const char *why;
    csgi_status status =
        trust_list_parse(out, str_from(options->forwarded_allow_ips), &wrong, &why);

    CHECK(status != CSGI_EINVAL); /* the options have been checked */
    return status;
}
