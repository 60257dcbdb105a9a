/* SPDX-License-Identifier: MIT
 * C++ that throws and catches across suspensions: each request suspends inside a catch block, while
 * others do the same, and must rethrow its own exception and no other's. */
#include <csgi/csgi.h>
#include <csgi/ext/draft/task.h>

#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>

namespace
{

struct cancelled {
    csgi_status status;
};

class request
{
  public:
    request(void *instance, const csgi_scope *scope, csgi_send *send)
        : host_(static_cast<const csgi_host *>(instance)), scope_(scope), send_(send),
          tasks_(static_cast<const csgi_task_extension *>(
              host_->extension(host_, CSGI_TASK_EXTENSION)))
    {
    }

    std::string query() const
    {
        return { scope_->query_string.ptr, scope_->query_string.len };
    }

    void sleep(uint64_t ms) const
    {
        csgi_status status = nap(ms);
        if (status != CSGI_OK) throw cancelled{ status };
    }

    csgi_status nap(uint64_t ms) const noexcept
    {
        return tasks_->sleep_ms(host_, ms);
    }

    csgi_status reply(uint32_t status, const std::string &text) const
    {
        csgi_http_start start = {
            CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), status, 0, { nullptr, 0 }
        };
        csgi_http_body body = { CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY),
                                { text.data(), text.size() },
                                0,
                                0,
                                { nullptr, 0 } };
        csgi_status result = send_->call(send_, &start.event);
        return result == CSGI_OK ? send_->call(send_, &body.event) : result;
    }

  private:
    const csgi_host *host_;
    const csgi_scope *scope_;
    csgi_send *send_;
    const csgi_task_extension *tasks_;
};

/* Throws its own text, suspends while it is being handled, and throws it on. */
void throw_across(const request &self, int depth)
{
    try {
        if (depth == 0) throw std::runtime_error(self.query());
        throw_across(self, depth - 1);
    } catch (const std::exception &) {
        self.sleep(2);
        throw;
    }
}

csgi_status rethrow(void *instance, const csgi_scope *scope, csgi_receive *, csgi_send *send)
{
    if (scope->type != CSGI_HTTP) return CSGI_ENOTSUP;
    const request self(instance, scope, send);
    try {
        throw_across(self, 4);
        return self.reply(200, "nothing was thrown");
    } catch (const std::exception &error) {
        return self.reply(200, std::string("caught ") + error.what());
    } catch (const cancelled &cancelled) {
        return cancelled.status;
    }
}

/* A destructor that suspends while an exception is on its way. */
csgi_status unwind(void *instance, const csgi_scope *scope, csgi_receive *, csgi_send *send)
{
    struct sleeper {
        const request &self;
        std::string &seen;
        ~sleeper()
        {
            seen += std::to_string(std::uncaught_exceptions());
            self.nap(2);
            seen += std::to_string(std::uncaught_exceptions());
        }
    };
    const request self(instance, scope, send);
    std::string seen = std::to_string(std::uncaught_exceptions());

    if (scope->type != CSGI_HTTP) return CSGI_ENOTSUP;
    try {
        const sleeper guard{ self, seen };
        throw 1;
    } catch (int) {
        seen += std::to_string(std::uncaught_exceptions());
        return self.reply(200, seen);
    }
}

/* Breaks the rule: its exception would cross the boundary. */
csgi_status escape(void *, const csgi_scope *, csgi_receive *, csgi_send *)
{
    throw std::runtime_error("nobody catches this");
}

const csgi_endpoint endpoints[] = {
    { CSGI_STR("escape"), CSGI_STR("/escape"), CSGI_STR("GET"), CSGI_HTTP, 0, escape, nullptr },
    { CSGI_STR("rethrow"), CSGI_STR("/rethrow"), CSGI_STR("GET"), CSGI_HTTP, 0, rethrow, nullptr },
    { CSGI_STR("unwind"), CSGI_STR("/unwind"), CSGI_STR("GET"), CSGI_HTTP, 0, unwind, nullptr },
};

const csgi_plugin plugin = { CSGI_PLUGIN_HEAD,
                             0,
                             0,
                             sizeof(csgi_endpoint),
                             CSGI_STR("throwing"),
                             CSGI_STR("1.0.0"),
                             CSGI_STR("throws across suspensions"),
                             endpoints,
                             sizeof(endpoints) / sizeof(endpoints[0]),
                             nullptr,
                             nullptr,
                             nullptr,
                             nullptr,
                             nullptr,
                             nullptr,
                             nullptr };

} // namespace

CSGI_PLUGIN(plugin);
