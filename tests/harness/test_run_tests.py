# SPDX-License-Identifier: MIT
"""The runner counts what happened: a failure, a crash or an unread end never passes for success."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import run_tests  # noqa: E402  (the path comes first)

HEAD = "[==========] tests: Running 2 test(s).\n[ RUN      ] first\n[       OK ] first\n"
END = "[==========] tests: 2 test(s) run.\n"


def statuses(output, status):
    return [(r.name, r.status) for r in run_tests.parse_cmocka("base/test_x", output, status)]


def test_passed_tests_are_counted_once():
    output = HEAD + "[ RUN      ] second\n[       OK ] second\n" + END + "[  PASSED  ] 2 test(s).\n"
    assert statuses(output, 0) == [("base/test_x: first", "passed"), ("base/test_x: second", "passed")]


def test_a_failed_test_is_counted_once_with_what_it_said():
    output = (HEAD + "[ RUN      ] second\n[  ERROR   ] --- 1 != 2\n[  FAILED  ] second\n" + END
              + "[  FAILED  ] tests: 1 test(s), listed below:\n[  FAILED  ] second\n")
    results = run_tests.parse_cmocka("base/test_x", output, 1)
    assert [r.status for r in results] == ["passed", "failed"]
    assert "1 != 2" in results[1].detail


def test_a_skipped_test_is_no_passed_one():
    output = HEAD + "[ RUN      ] second\n[  SKIPPED ] second\n" + END
    assert statuses(output, 0)[1] == ("base/test_x: second", "skipped")


def test_a_program_that_dies_fails_the_test_that_ran():
    assert statuses(HEAD + "[ RUN      ] second\nSegmentation", -11)[1] == ("base/test_x: second",
                                                                            "failed")


def test_a_leak_found_at_the_end_is_a_failure():
    output = HEAD + END + "ERROR: LeakSanitizer"
    assert statuses(output, 23) == [("base/test_x: first", "passed"), ("base/test_x", "failed")]


def test_a_program_that_says_nothing_and_fails_is_a_failure():
    assert statuses("", 127) == [("base/test_x", "failed")]


def test_a_report_of_pytest_is_read_by_outcome(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="c" name="good"/>'
        '<testcase classname="c" name="bad"><failure>assert 1</failure></testcase>'
        '<testcase classname="c" name="broken"><error>no fixture</error></testcase>'
        '<testcase classname="c" name="later"><skipped message="no clang"/></testcase>'
        "</testsuite></testsuites>")
    assert [(r.name, r.status, r.detail) for r in run_tests.read_junit(report)] == [
        ("c: good", "passed", ""), ("c: bad", "failed", "assert 1"),
        ("c: broken", "failed", "no fixture"), ("c: later", "skipped", "no clang")]


def test_the_last_line_sums_up():
    result = run_tests.Result
    both = [result("a", "passed"), result("b", "failed")]
    assert run_tests.summary(both) == "1 passed, 1 failed"
    assert run_tests.summary([*both, result("c", "skipped")]) == "1 passed, 1 failed, 1 skipped"
