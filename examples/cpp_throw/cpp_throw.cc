// SPDX-License-Identifier: MIT
// GET /throw/{name}, in C++: exceptions thrown, caught and rethrown while the task is suspended in
// between, and other requests throw theirs. The one rule: no exception leaves the endpoint.
#include <csgi/csgi.h>
#include <csgi/ext/draft/task.h>

#include <stdexcept>
#include <string>

namespace
{

// A failed status of the host's, as an exception.
struct failure {
    csgi_status status;
};

void check(csgi_status status)
{
    if (status != CSGI_OK) throw failure{ status };
}

class sleeper
{
  public:
    explicit sleeper(const csgi_host *host)
        : host_(host), task_(static_cast<const csgi_task_extension *>(
                           host->extension(host, CSGI_TASK_EXTENSION)))
    {
        // An extension may be missing on another server: ask before the first use.
        if (!task_ || !CSGI_HAS(task_, csgi_task_extension, sleep_ms)) throw failure{ CSGI_ENOSYS };
    }
    void sleep_ms(uint64_t ms) const
    {
        check(task_->sleep_ms(host_, ms));
    }

  private:
    const csgi_host *host_;
    const csgi_task_extension *task_;
};

void fail_later(const sleeper &sleeper, const std::string &name)
{
    sleeper.sleep_ms(1); // suspended with frames to unwind above
    throw std::runtime_error(name);
}

std::string story(const sleeper &sleeper, const std::string &name)
{
    try {
        try {
            fail_later(sleeper, name);
        } catch (const std::exception &) {
            sleeper.sleep_ms(5); // suspended inside a catch: other tasks throw and catch meanwhile
            throw;               // still this task's exception
        }
    } catch (const std::runtime_error &error) {
        sleeper.sleep_ms(1);
        return std::string("caught ") + error.what() + " again\n";
    }
    return "nothing was thrown\n";
}

void reply(csgi_send *send, const std::string &text)
{
    static const csgi_field headers[] = {
        { CSGI_STR("content-type"), CSGI_STR("text/plain; charset=utf-8"), 0, 0 },
    };
    csgi_http_start start = {
        CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), 200, 0, { headers, 1 }
    };
    csgi_http_body body = { CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY),
                            { text.data(), text.size() },
                            0,
                            0,
                            { nullptr, 0 } };

    check(send->call(send, &start.event));
    check(send->call(send, &body.event));
}

csgi_status throwing(void *instance, const csgi_scope *scope, csgi_receive *, csgi_send *send)
{
    const csgi_host *host = static_cast<const csgi_host *>(instance);

    if (scope->type != CSGI_HTTP) return CSGI_ENOTSUP;
    try {
        // A routes file may serve this at a path that has no parameter.
        const csgi_fields &params = scope->path_params;
        const csgi_str name = params.count ? params.items[0].value : csgi_str{ "", 0 };
        reply(send, story(sleeper(host), std::string(name.ptr, name.len)));
        return CSGI_OK;
    } catch (const failure &failed) {
        return failed.status; // as when the client is gone: CSGI_EDISCONNECTED, not our failure
    } catch (const std::exception &error) {
        const std::string what = error.what();
        return host->fail(host, CSGI_EFAIL, csgi_str{ what.data(), what.size() });
    } catch (...) {
        return CSGI_EFAIL;
    }
}

const csgi_endpoint endpoints[] = {
    { CSGI_STR("throwing"), CSGI_STR("/throw/{name}"), CSGI_STR("GET"), CSGI_HTTP, 0, throwing,
      nullptr },
};

const csgi_plugin plugin = {
    CSGI_PLUGIN_HEAD,
    0,
    0,
    static_cast<uint32_t>(sizeof(csgi_endpoint)),
    CSGI_STR("cpp_throw"),
    CSGI_STR("1.0.0"),
    CSGI_STR("Throws and catches across suspensions"),
    endpoints,
    sizeof(endpoints) / sizeof(endpoints[0]),
    nullptr,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
};

} // namespace

CSGI_PLUGIN(plugin);
