#!/usr/bin/env python3
"""Tests of ctest_report.py: nothing that went wrong may come out as passed."""

import sys
import unittest

sys.dont_write_bytecode = True
import ctest_report

SUITE = '<testsuite name="x">{}</testsuite>'
PASSED = '<testcase name="a.Passes" status="run"><system-out>fine</system-out></testcase>'
FAILED = '<testcase name="a.Fails" status="fail"><failure message="Failed"/></testcase>'
TIMED_OUT = '<testcase name="a.Hangs" status="fail"><failure message="Timeout"/></testcase>'
NOT_BUILT = ('<testcase name="a_NOT_BUILT" status="notrun">'
             '<skipped message="Unable to find executable"/></testcase>')
GTEST_SKIPPED = ('<testcase name="a.Skips" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>'
                 '<system-out>a_test.cc:7: Skipped\nneeds a second machine\n\n[  SKIPPED ] a.Skips (0 ms)'
                 '</system-out></testcase>')
SCRIPT_SKIPPED = ('<testcase name="s" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/>'
                  '<system-out>one\nno strace here\n</system-out></testcase>')
PART_SKIPPED = ('<testcase name="s" status="run"><system-out>test_a (__main__.T.test_a) ... ok\n'
                "test_b (__main__.T.test_b) ... skipped 'no strace here'\n</system-out></testcase>")
DISABLED = '<testcase name="a.Off" status="disabled"><skipped message="Disabled"/></testcase>'


def report_of(*cases):
    report = ctest_report.Report()
    report.add_ctest_run("plain", SUITE.format("".join(cases)))
    return report


class CTestReportTest(unittest.TestCase):
    def test_adds_up_all_runs_and_says_so_in_the_last_line(self):
        report = report_of(PASSED, PASSED)
        report.add_ctest_run("asan", SUITE.format(PASSED + GTEST_SKIPPED))
        self.assertEqual(report.text().splitlines()[-1], "3 passed, 0 failed, 1 skipped")
        self.assertTrue(report.ok())

    def test_failures_timeouts_and_missing_programs_fail(self):
        for case in (FAILED, TIMED_OUT, NOT_BUILT):
            report = report_of(PASSED, case)
            self.assertEqual(report.text().splitlines()[-1], "1 passed, 1 failed, 0 skipped")
            self.assertFalse(report.ok())

    def test_a_stage_without_result_fails(self):
        report = report_of(PASSED)
        report.add_failed_stage("build-asan", "build of preset asan failed\n")
        self.assertFalse(report.ok())
        self.assertIn("build of preset asan failed", report.text())

    def test_nothing_passed_is_no_success(self):
        self.assertFalse(report_of().ok())

    def test_skipped_tests_give_their_reason(self):
        text = report_of(GTEST_SKIPPED, SCRIPT_SKIPPED, DISABLED).text()
        self.assertIn("a.Skips: needs a second machine", text)
        self.assertIn("s: no strace here", text)
        self.assertIn("a.Off: disabled in its source", text)

    def test_a_part_of_a_script_that_was_skipped_is_counted_beside_the_rest(self):
        report = report_of(PART_SKIPPED)
        self.assertIn("s: test_b: no strace here", report.text())
        self.assertEqual(report.text().splitlines()[-1], "1 passed, 0 failed, 1 skipped")
        self.assertTrue(report.ok())


if __name__ == "__main__":
    unittest.main()
