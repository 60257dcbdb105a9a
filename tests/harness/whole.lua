-- SPDX-License-Identifier: MIT
-- Has wrk look at every body: it must be one character, again and again, as each version of a
-- plugin answers its own (plugins/ongoing.c, /whole). One line of JSON says what was found.
local threads = {}

function setup(thread)
    threads[#threads + 1] = thread
end

function init(_)
    torn, first = 0, ""
end

function response(status, _, body)
    local one = body:sub(1, 1)
    if status ~= 200 or #body ~= 16 or body ~= one:rep(16) then
        torn = torn + 1
        first = body
    end
end

function done(summary, _, _)
    local errors, torn = summary.errors, 0
    for _, thread in ipairs(threads) do
        torn = torn + thread:get("torn")
    end
    io.write(string.format(
        'REPORT {"requests": %d, "torn": %d, "connect": %d, "read": %d, "write": %d, ' ..
        '"status": %d, "timeout": %d}\n',
        summary.requests, torn, errors.connect, errors.read, errors.write, errors.status,
        errors.timeout))
end
