#!/usr/bin/env python3
"""Adds up the result files of several ctest runs: what ./dev test says at its end.

Usage: ctest_report.py DIRECTORY. Reads DIRECTORY/*.xml (ctest --output-junit) and DIRECTORY/*.failed (a
stage that produced no result; its text says why). The last line is `N passed, N failed, N skipped`; the
exit status is 1 when anything failed or nothing passed. A test that could not be started has failed.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

# A part of a script that did not run, as unittest says it, in a test that passed otherwise.
PART_SKIPPED = re.compile(r"^(\w+) \([\w.]+\)(?:\n.*)? \.\.\. skipped ['\"](.*)['\"]$", re.MULTILINE)
GTEST_SKIP_REASON = re.compile(r"Skipped\n(.*?)\n\n?\[  SKIPPED \]", re.DOTALL)


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = []   # (stage, test, reason)
        self.skipped = []  # (stage, test, reason)

    def add_ctest_run(self, stage, junit_xml):
        for case in ElementTree.fromstring(junit_xml).iter("testcase"):
            name, status = case.get("name"), case.get("status")
            output = case.findtext("system-out") or ""
            note = case.find("skipped")
            message = note.get("message", "") if note is not None else ""
            if status == "run":
                self.passed += 1
                self.skipped += [(stage, f"{name}: {part}", reason)
                                 for part, reason in PART_SKIPPED.findall(output)]
            elif status == "disabled" or message.startswith("SKIP_"):
                self.skipped.append((stage, name, skip_reason(status, output)))
            else:
                self.failed.append((stage, name, fail_reason(case, message)))

    def add_failed_stage(self, stage, reason):
        self.failed.append((stage, "(whole stage)", reason.strip()))

    def ok(self):
        return self.passed > 0 and not self.failed

    def text(self):
        lines = [""]
        for title, tests in (("SKIPPED", self.skipped), ("FAILED", self.failed)):
            if tests:
                lines.append(f"*** {title}: {len(tests)} ***")
            lines += [f"  {title} {stage}: {name}: {reason}" for stage, name, reason in tests]
        counts = f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"
        return "\n".join(lines + [counts])


def skip_reason(status, output):
    if status == "disabled":
        return "disabled in its source"
    gtest = GTEST_SKIP_REASON.search(output)
    text = gtest.group(1) if gtest else output
    said = [line.strip() for line in text.splitlines() if line.strip()]
    return said[-1] if said else "no reason given"


def fail_reason(case, message):
    failure = case.find("failure")
    if failure is not None and failure.get("message"):
        return failure.get("message")
    return message or f"ended as {case.get('status')}"


def main(directory):
    report = Report()
    for path in sorted(pathlib.Path(directory).glob("*.xml")):
        report.add_ctest_run(path.stem, path.read_text(encoding="utf-8", errors="replace"))
    for path in sorted(pathlib.Path(directory).glob("*.failed")):
        report.add_failed_stage(path.stem, path.read_text(encoding="utf-8"))
    print(report.text())
    return 0 if report.ok() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
