-- SPDX-License-Identifier: MIT
-- Has wrk say what it found as one line of JSON, p99.9 included.
function done(summary, latency, _)
    local errors = summary.errors
    io.write(string.format(
        'REPORT {"requests": %d, "seconds": %.6f, "p50_us": %d, "p99_us": %d, "p999_us": %d, ' ..
        '"errors": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
        latency:percentile(99.9),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
