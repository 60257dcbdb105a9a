#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Builds and runs the test stages that are named, and ends with "N passed, N failed".

Started by the Makefile. It only runs and counts: what is tested stands in the stages' folders.
"""
import argparse
import collections
import concurrent.futures
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT_TIMEOUT_S = 180
PYTEST_TIMEOUT_S = 120
LOG_LINES_SHOWN = 120

# What starts threads, or is called by them.
THREADS = re.compile(r"\bpthread_|\buv_(async|queue_work|getaddrinfo|thread)")

Result = collections.namedtuple("Result", "name status detail", defaults=("",))
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"

# Each sanitizer's findings end the program, so that they fail its test.
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


class Runner:
    """What the stages share: the build, the number of jobs, and the word that picks tests."""

    def __init__(self, jobs, only):
        self.jobs = jobs
        self.only = only

    def picks(self, text):
        return not self.only or self.only in text

    def build_folder(self, sanitizer=""):
        return ROOT / self.build_name(sanitizer)

    def build_name(self, sanitizer=""):
        """The folder as make spells it: what it has no rule for it cannot bring up to date."""
        return pathlib.Path(os.environ.get("BUILD_ROOT", "build")) / sanitizer

    def environment(self, sanitizer="", **more):
        environment = {**os.environ, **SANITIZER_OPTIONS, **more}
        environment["CAPRICORN_BUILD"] = str(self.build_folder(sanitizer))
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):  # of the make that started us
            environment.pop(name, None)
        return environment

    def run(self, command, timeout=None, **environment):
        """Runs a command to its end; what it printed comes back as text, with its exit status."""
        sanitizer = environment.pop("sanitizer", "")
        process = subprocess.Popen(
            [str(part) for part in command], cwd=ROOT, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
            env=self.environment(sanitizer, **environment))
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            return -1, f"{output}\nkilled: it took longer than {timeout} s\n"
        return process.returncode, output

    def make(self, targets, sanitizer=""):
        """Builds; a failure comes back as the one result of the stage, else nothing."""
        san = [f"BUILD={self.build_name(sanitizer)}", *([f"SAN={sanitizer}"] if sanitizer else [])]
        status, output = self.run(["make", "-k", "--no-print-directory", f"-j{self.jobs}", *san,
                                   *targets])
        return [Result("build", FAILED, output)] if status else []

    def each(self, function, things):
        """The results of function(thing), two at a time."""
        with concurrent.futures.ThreadPoolExecutor(max(2, self.jobs)) as pool:
            return [result for results in pool.map(function, things) for result in results]


def parse_cmocka(program, output, status):
    """The tests that a cmocka program reported, and a failure for an end that it did not."""
    results, running, in_summary, start = [], None, False, 0
    for match in re.finditer(r"\[ *(=+|RUN|OK|FAILED|SKIPPED) *\] ([^\n]*)", output):
        word, rest = match.group(1), match.group(2)
        if word.startswith("="):
            in_summary = "test(s) run" in rest
        elif in_summary:
            continue
        elif word == "RUN":
            running, start = rest, match.start()
        else:
            name = running or rest
            status_word = {"OK": PASSED, "SKIPPED": SKIPPED}.get(word, FAILED)
            results.append(Result(f"{program}: {name}", status_word, output[start:match.end()]))
            running = None
    if running:
        results.append(Result(f"{program}: {running}", FAILED, output[start:]))
    elif status and not any(r.status == FAILED for r in results):
        results.append(Result(program, FAILED, f"{output}\nexit status {status}"))
    return results


def has_threads(folder):
    """Are there threads in that folder of the server, or in its tests? In others TSan sees nothing."""
    sources = [*ROOT.glob(f"server/{folder}/*.[ch]"), *ROOT.glob(f"tests/unit/{folder}/*.[ch]")]
    return any(THREADS.search(source.read_text()) for source in sources)


def unit(runner, sanitizer=""):
    """Each tests/unit/FOLDER/test_NAME.c is a program; with a word, those that have it."""
    sources = sorted(ROOT.glob("tests/unit/*/test_*.c"))
    if sanitizer == "tsan":
        threaded = {name for name in {s.parent.name for s in sources} if has_threads(name)}
        sources = [source for source in sources if source.parent.name in threaded]
    filters = {}
    for source in sources:
        name = str(source.relative_to(ROOT / "tests/unit").with_suffix(""))
        if runner.picks(name):
            filters[name] = ""
        elif runner.picks(source.read_text()):
            filters[name] = f"*{runner.only}*"
    folder = runner.build_name(sanitizer) / "unit"
    failure = runner.make([folder / name for name in filters], sanitizer) if filters else []
    if failure:
        return failure

    prefix = tsan_prefix() if sanitizer == "tsan" else []

    def run_one(name):
        status, output = runner.run([*prefix, folder / name], UNIT_TIMEOUT_S, sanitizer=sanitizer,
                                    TEST_FILTER=filters[name])
        return parse_cmocka(name, output, status)

    return runner.each(run_one, filters)


def tsan_prefix():
    """ThreadSanitizer of older compilers cannot live with much address randomisation."""
    setarch = ["setarch", os.uname().machine, "-R"]
    works = shutil.which("setarch") and not subprocess.run([*setarch, "true"],
                                                           stderr=subprocess.DEVNULL).returncode
    return setarch if works else []


def may_match(runner, path):
    """Has a test file there the word that picks tests?"""
    tests = [path] if path.is_file() else path.rglob("test_*.py")
    return any(runner.picks(test.name) or runner.picks(test.read_text()) for test in tests)


def run_pytest(runner, label, paths, sanitizer="", programs=True):
    """Builds what the tests run, runs pytest on the paths, and reads its report."""
    paths = [path for path in paths if path.exists() and may_match(runner, path)]
    failure = runner.make(["test-programs"], sanitizer) if paths and programs else []
    if failure or not paths:
        return failure
    report = runner.build_folder(sanitizer) / f"{label}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
               f"--junitxml={report}"]
    if importlib.util.find_spec("xdist"):
        command += ["-n", str(max(2, runner.jobs))]
    if importlib.util.find_spec("pytest_timeout"):
        command += [f"--timeout={PYTEST_TIMEOUT_S * (2 if sanitizer else 1)}"]
    if runner.only:
        command += ["-k", runner.only]
    status, output = runner.run([*command, *paths], sanitizer=sanitizer)
    results = read_junit(report) if report.exists() else []
    nothing_matched = status == 5
    if status and not nothing_matched and not any(r.status == FAILED for r in results):
        results.append(Result(label, FAILED, f"{output}\npytest's exit status {status}"))
    return results


def read_junit(report):
    results = []
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname', '')}: {case.get('name', '')}"
        wrong = [child for child in case if child.tag in ("failure", "error")]
        skipped = case.find("skipped")
        if wrong:
            results.append(Result(name, FAILED, "\n".join(child.text or "" for child in wrong)))
        elif skipped is not None:
            results.append(Result(name, SKIPPED, skipped.get("message", "")))
        else:
            results.append(Result(name, PASSED))
    return results


def integration(runner, sanitizer=""):
    paths = [ROOT / "tests/integration", *sorted(ROOT.glob("plugins/*/test_*.py")),
             *sorted(ROOT.glob("examples/*/test_*.py"))]
    return run_pytest(runner, "integration", paths, sanitizer)


def abi(runner):
    return run_pytest(runner, "abi", [ROOT / "tests/abi"])


def lint(runner):
    """Each check of tests/lint counts as a test; so do the tests that each check can fail."""
    status, output = runner.run([sys.executable, "tests/lint/lint.py", *filter(None, [runner.only])])
    results = []
    for block in re.split(r"\n(?=\S)", output.strip()):
        match = re.match(r"(passed|failed|skipped) ([^\n:]*)(.*)", block, re.DOTALL)
        if match:
            results.append(Result(match.group(2), match.group(1), match.group(3).lstrip(": ")))
    if status and not any(r.status == FAILED for r in results):
        results.append(Result("lint.py", FAILED, output))
    paths = [ROOT / "tests/lint", ROOT / "tests/harness"]
    return results + run_pytest(runner, "lint", paths, programs=False)


def tidy(runner):
    status, output = runner.run([sys.executable, "tests/lint/tidy.py", str(runner.jobs)])
    if status == 77:
        return [Result("clang-tidy", SKIPPED, output.strip())]
    errors = "\n".join(line for line in output.split("\n") if " error: " in line)
    return [Result("clang-tidy", FAILED if status else PASSED, errors or output)]


def fuzz(runner):
    """Each tests/fuzz/fuzz_NAME.c replays its regressions, then runs for FUZZ_SECONDS."""
    names = [source.stem for source in sorted(ROOT.glob("tests/fuzz/fuzz_*.c"))]
    names = [name for name in names if runner.picks(name)]
    why_not = names and why_no_fuzzer(runner)
    if why_not:
        return [Result(name, SKIPPED, why_not) for name in names]
    failure = runner.make([runner.build_name("fuzz") / name for name in names], "fuzz") if names else []
    return failure or runner.each(lambda name: fuzz_one(runner, name), names)


def why_no_fuzzer(runner):
    if not shutil.which("clang"):
        return "clang is not installed"
    trial = runner.build_folder("fuzz") / "trial.c"
    trial.parent.mkdir(parents=True, exist_ok=True)
    trial.write_text("int LLVMFuzzerTestOneInput(const char *b, unsigned long n);\n"
                     "int LLVMFuzzerTestOneInput(const char *b, unsigned long n)\n"
                     "{ return b && n ? 0 : 0; }\n")
    status, _ = runner.run(["clang", "-fsanitize=fuzzer,address", "-o", trial.with_suffix(""), trial])
    return "clang has no fuzzer here (libclang-rt-dev)" if status else ""


def fuzz_one(runner, name):
    subject = name[len("fuzz_"):]
    folder = runner.build_folder("fuzz")
    program, found = folder / name, folder / "corpus" / subject
    found.mkdir(parents=True, exist_ok=True)
    regressions = sorted((ROOT / "tests/fuzz/regression" / subject).glob("*"))
    if regressions:
        status, output = runner.run([program, *regressions], UNIT_TIMEOUT_S, sanitizer="fuzz")
        if status:
            return [Result(f"{name}: regressions", FAILED, output)]
    seconds = int(os.environ.get("FUZZ_SECONDS", "3"))
    seeds = [ROOT / "tests/fuzz/corpus" / subject]
    status, output = runner.run(
        [program, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
         "-print_final_stats=0", f"-artifact_prefix={folder}/{name}-", found,
         *[seed for seed in seeds if seed.is_dir()]], seconds + UNIT_TIMEOUT_S, sanitizer="fuzz")
    hint = f"\nWith its fix the input goes to tests/fuzz/regression/{subject}/." if status else ""
    return [Result(name, FAILED if status else PASSED, output + hint)]


STAGES = {
    "lint": lint,
    "tidy": tidy,
    "unit": unit,
    "unit-asan": lambda runner: unit(runner, "asan"),
    "unit-tsan": lambda runner: unit(runner, "tsan"),
    "abi": abi,
    "integration": integration,
    "integration-asan": lambda runner: integration(runner, "asan"),
    "integration-tsan": lambda runner: integration(runner, "tsan"),
    "fuzz": fuzz,
}


def summary(results):
    count = collections.Counter(result.status for result in results)
    text = f"{count[PASSED]} passed, {count[FAILED]} failed"
    return text + (f", {count[SKIPPED]} skipped" if count[SKIPPED] else "")


def show(results):
    """Every failure with the end of its log, and why tests were skipped."""
    for result in results:
        if result.status == FAILED:
            lines = result.detail.strip().split("\n")
            left_out = len(lines) - LOG_LINES_SHOWN
            print(f"  FAILED {result.name}")
            if left_out > 0:
                print(f"    ... {left_out} lines before this")
            for line in lines[-LOG_LINES_SHOWN:]:
                print(f"    {line}")
    reasons = collections.Counter(r.detail or r.name for r in results if r.status == SKIPPED)
    for reason, count in reasons.items():
        print(f"  skipped {count}: {reason}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", metavar="WORD", help="tests that have this word")
    parser.add_argument("stages", nargs="+", choices=STAGES, metavar="STAGE")
    arguments = parser.parse_args()
    runner = Runner(arguments.jobs, arguments.only)
    everything = []
    for name in arguments.stages:
        print(f"{name:<18}", end="", flush=True)
        start = time.monotonic()
        results = STAGES[name](runner)
        print(f"{summary(results):<40}{time.monotonic() - start:6.1f} s", flush=True)
        show(results)
        everything += [result._replace(name=f"{name}: {result.name}") for result in results]
    failed = [result.name for result in everything if result.status == FAILED]
    if failed:
        print("\nFailed:")
        for name in failed:
            print(f"  {name}")
    if not everything:
        print(f"No test has \"{arguments.only}\" in its file or name.")
    print(f"\n{summary(everything)}")
    return 1 if failed or not everything else 0


if __name__ == "__main__":
    sys.exit(main())
