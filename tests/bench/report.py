# SPDX-License-Identifier: MIT
"""What was measured, as tables and as claims: budgets met or not."""

import os
import platform
import re
import statistics
from pathlib import Path

# A budget: what it is of, the most that is allowed, and what would be very good.
BUDGETS = (
    ("plain request, CPU against nginx", 1.0, None),
    ("plain request, CPU against the floor", None, 1.13 * 1.05),
    ("weather request, CPU against nginx", 1.0, 0.89 * 1.05),
    ("weather request over https, CPU against nginx", 1.0, None),
    ("weather request, CPU of FastAPI with a shared httpx client against ours", -60, -85),
    ("latency added by the upstream hop, against nginx", 1.0, 0.95),
    ("access log on, CPU against off", 1.05, 1.02),
    ("start to first answer, ms", 30, 12),
    ("idle connection, KiB", 1.0, 0.6),
    ("waiting request, KiB", 8, 6),
    ("suspended tasks in one process", -30_000, -100_000),
)


def middle(samples, key):
    return statistics.median(sample[key] for sample in samples)


def ratio(found, name, base, key="cpu_us"):
    """The median of the rounds' ratios; nothing when one was not measured, or did not answer."""
    if not found.get(name) or not found.get(base):
        return None
    if any(sample.get("errors") for sample in (*found[name], *found[base])):
        return None
    return statistics.median(a[key] / b[key] for a, b in zip(found[name], found[base]))


def table(head, rows):
    """In Markdown, with the columns under one another."""
    rows = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))) + " |"
             for row in rows]
    rule = "|" + "|".join("-" * (width + 2) if i == 0 else "-" * (width + 1) + ":"
                          for i, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def show(number, digits=2):
    if number is None:
        return ""
    return f"{number:,}" if isinstance(number, int) else f"{number:,.{digits}f}"


def load_table(what, found):
    """One load on all servers."""
    rows = []
    for name, samples in found.items():
        costs = sorted(sample["cpu_us"] for sample in samples)
        errors = sum(sample["errors"] for sample in samples)
        rows.append((name, show(middle(samples, "requests_per_s"), 0),
                     show(middle(samples, "cpu_us")), f"{show(costs[0])} to {show(costs[-1])}",
                     show(middle(samples, "p50_ms")), show(middle(samples, "p99_ms")),
                     show(middle(samples, "p999_ms")), show(ratio(found, name, "nginx")),
                     show(ratio(found, name, "epoll floor")), errors))
    head = (what, "req/s", "CPU µs/request", "lowest to highest", "p50 ms", "p99 ms", "p99.9 ms",
            "CPU / nginx", "CPU / floor", "errors")
    if "epoll floor" not in found:
        head, rows = head[:8] + head[9:], [row[:8] + row[9:] for row in rows]
    return table(head, rows)


def latency_table(found):
    rows = [(name, show(middle(samples, "plain_ms"), 3), show(middle(samples, "weather_ms"), 3),
             show(middle(samples, "added_ms"), 3), show(ratio(found, name, "nginx", "added_ms")))
            for name, samples in found.items()]
    return table(("one client, p50", "plain ms", "weather ms", "added ms", "added / nginx"), rows)


def startup_table(found):
    rows = [(name, show(statistics.median(times), 1), show(min(times), 1), show(max(times), 1))
            for name, times in found.items()]
    return table(("exec to first 200", "median ms", "lowest", "highest"), rows)


def memory_table(found):
    rows = [(name, each.get("connections", ""), show(each.get("idle_kib")),
             each.get("requests", ""), show(each.get("waiting_kib")))
            for name, each in found.items()]
    return table(("memory", "connections", "KiB for an idle one", "requests",
                  "KiB for a waiting one"), rows)


def figures(report):
    """What the budgets are of, as far as it was measured."""
    plain, weather = report.get("plain", {}), report.get("weather", {})
    memory = report.get("memory", {}).get("capricorn", {})
    starts = report.get("startup", {}).get("capricorn")
    httpx = ratio(weather, "FastAPI, shared httpx client", "capricorn")
    return dict(zip((name for name, _, _ in BUDGETS), (
        ratio(plain, "capricorn", "nginx"), ratio(plain, "capricorn", "epoll floor"),
        ratio(weather, "capricorn", "nginx"),
        ratio(report.get("https", {}), "capricorn", "nginx"), httpx,
        ratio(report.get("latency", {}), "capricorn", "nginx", "added_ms"),
        ratio(plain, "capricorn, access log", "capricorn"),
        statistics.median(starts) if starts else None,
        memory.get("idle_kib"), memory.get("waiting_kib"), report.get("tasks"))))


def verdict(figure, limit):
    """A limit below zero is a least one."""
    if limit is None:
        return ""
    met = figure >= -limit if limit < 0 else figure <= limit
    bound = f"{abs(limit):g}" if abs(limit) < 1000 else f"{abs(limit):,.0f}"
    return f"{'≥' if limit < 0 else '≤'} {bound}: {'met' if met else 'not met'}"


def budget_table(report):
    measured = figures(report)
    rows = [(name, show(measured[name], 3), verdict(measured[name], most),
             verdict(measured[name], best))
            for name, most, best in BUDGETS if measured[name] is not None]
    return table(("budget", "measured", "budget", "stretch"), rows) if rows else ""


def write_into(path, blocks):
    """Puts each text between its marks in the document: the figures there are those measured."""
    text = Path(path).read_text(encoding="utf-8")
    for name, block in blocks.items():
        pattern = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
        text, count = re.subn(
            pattern, lambda found, block=block: f"{found[1]}\n{block}\n\n{found[2]}", text,
            flags=re.S)
        if count != 1:
            raise RuntimeError(f"{path} has no place for {name}")
    Path(path).write_text(text, encoding="utf-8")


def surroundings(report):
    """The machine and what is installed, as a list."""
    lines = [f"measured on {report['when']} UTC"]
    lines += [f"{name.replace('_', ' ')}: {value}" for name, value in report["machine"].items()]
    lines.append("; ".join(f"{name} {value}" for name, value in report["versions"].items()))
    return "\n".join(f"- {line}" for line in lines)


def machine():
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.M)
    system = re.search(r'^PRETTY_NAME="(.*)"$', Path("/etc/os-release").read_text(), re.M)
    return {"processors": f"{os.cpu_count()} x {cpu.group(1) if cpu else platform.machine()}",
            "memory": f"{int(memory.group(1)) >> 20} GiB",
            "kernel": platform.release().split("-")[0],
            "system": system.group(1) if system else "",
            "load_before": f"{os.getloadavg()[0]:.2f}"}
