#!/usr/bin/env python3
"""Tests of cloud_check.py and access_log.py: figures that are worse than wanted, or not true, may not come out as passed."""

import copy
import pathlib
import sys
import tempfile
import types
import unittest

sys.dont_write_bytecode = True
import access_log
import cloud_check
import cloud_page

LONG = "log_100000"
WRITER = "writer, its root asked for all the time"


def counts(**known):
    return {**dict.fromkeys(("puts", "gets", "lists", "deletes", "bytes_sent", "bytes_received"), 0), **known}


def both_sides(**known):
    return {"client_total": counts(**known), "server": {**dict.fromkeys(access_log.KINDS, 0), **known}}


def log(commits):
    cold = {which: {"requests": [1, 1], "bytes": [312, 65_536], "ms": [1.0, 2.0]} for which in ("any", "across_blocks")}
    opening = [{"ms": 3.0, "sequential": 3, "counts": counts(gets=3)}]
    return {"commit": {"commits": commits, "seconds": 2.0, "counts": counts(puts=commits, bytes_sent=568 * commits)},
            "open": opening, "open_merged": opening, "cold": cold, "cold_merged": cold,
            "before_merge": {"objects": commits + 2, "bytes": 568 * commits},
            "merge": {"seconds": 4.0, "counts": counts(puts=3, gets=commits, lists=4, deletes=100), "bytes": 312 * commits,
                      "reads_meanwhile": 7, "reads_afterwards": 990},
            "after_merge": {"objects": 4, "bytes": 312 * commits}, **both_sides(puts=commits, gets=commits, deletes=100)}


def workload(extra, **samples):
    return {"unit": "us", "samples": samples, "extra": extra}


def good_report():
    """A run in which every target is met."""
    shape = {"commits": 20, "counts": counts(puts=20, bytes_sent=4_200), "bytes_per_byte": 1.05, **both_sides(puts=27, gets=6)}
    readers = {"reader": {"counts": counts(), "asked": 0},
               "reader, its root asked for all the time": {"counts": counts(gets=60), "asked": 9}}
    idle = {"seconds": 60, "poll_interval_ms": 1000, **both_sides(puts=4, gets=70),
            "stores": {WRITER: {"counts": counts(), "asked": 9}, **readers}}
    bulk = {"bytes": 1 << 30, "parallel": 8, "bytes_per_byte": 1.0, "counted": {"bulk-0-0": both_sides(puts=140, deletes=1)}}
    workloads = {"requests": workload({name: copy.deepcopy(shape) for name in cloud_check.SHAPES}),
                 "idle": workload(idle), "bulk": workload(bulk, protobase=[200.0], rclone=[150.0]),
                 "log_10": workload(log(10)), LONG: workload(log(100_000)), "log_mock_100000": workload(log(100_000))}
    for atoms in (1, 100, 1000):
        workloads[f"commit_{atoms}"] = workload({}, protobase=[1100.0], bare_put=[1000.0],
                                                **{"bare_put, If-None-Match": [1050.0]})
    return {"date": "2026-01-01T00:00:00", "commit": "abc", "quick": False, "server": "a server", "seeds": "some",
            "load_before": [0.0], "load_after": [0.0], "pressure_before": [], "pressure_after": [], "workloads": workloads,
            "machine": {"processor": "one", "cores": 2, "memory_GiB": 1, "kernel": "1", "file_system": "ext4", "versions": {}}}


def falsified(workload_name, *path, value):
    report = copy.deepcopy(good_report())
    place = report["workloads"][workload_name]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return report


def not_passed(report):
    return [one for one in cloud_check.judge(report)[0] if one.word not in ("pass", cloud_check.STATED)]


# Where a figure is falsified, to what, and a word of the target that must notice.
LIES = (
    (("requests", "extra", "100x200", "counts", "puts"), 40, "100x200 B, puts each"),
    (("requests", "extra", "1x200", "counts", "lists"), 1, "1x200 B, lists each"),
    (("requests", "extra", "1x200", "counts", "gets"), 20, "1x200 B, gets each"),
    (("requests", "extra", "1x65536", "bytes_per_byte"), 1.06, "1x65536"),
    (("commit_100", "samples", "protobase"), [1300.0], "100 x 200 B, p50"),
    (("bulk", "samples", "protobase"), [140.0], "to rclone"),
    (("bulk", "extra", "bytes_per_byte"), 1.1, "records of 1 MiB"),
    ((LONG, "extra", "cold", "any", "requests"), [1, 2], "cold, any, requests"),
    ((LONG, "extra", "cold_merged", "across_blocks", "bytes"), [65_537], "cold merged, across blocks, bytes"),
    (("log_10", "extra", "open", 0, "sequential"), 4, "log_10, open"),
    ((LONG, "extra", "open_merged", 0, "sequential"), 4, "open merged"),
    (("idle", "extra", "stores", WRITER, "counts", "gets"), 1, "writer"),
    (("idle", "extra", "stores", "reader, its root asked for all the time", "counts", "gets"), 61, "reader, its root"),
    ((LONG, "extra", "commit", "commits"), 61_234, "commits made: 61,234 (== 100,000)"),
    (("log_mock_100000", "extra", "commit", "commits"), 99_999, "commits made: 99,999 (== 100,000)"),
    ((LONG, "extra", "after_merge", "objects"), 11, "objects left"),
    ((LONG, "extra", "merge", "reads_meanwhile"), 0, "reads meanwhile"),
    ((LONG, "extra", "merge", "reads_afterwards"), 0, "reads afterwards"),
    (("requests", "extra", "1000x1024", "server", "gets"), 7, "1000x1024, requests that only one side"),
    (("idle", "extra", "server", "lists"), 1, "idle, requests that only one side"),
    (("idle", "extra", "client_total", "gets"), 69, "idle, requests that only one side"),
    (("log_10", "extra", "server", "puts"), 9, "log_10, requests that only one side"),
    ((LONG, "extra", "server", "deletes"), 101, f"{LONG}, requests that only one side"),
    ((LONG, "extra", "server", "other"), 1, f"{LONG}, requests that only one side"),
    (("bulk", "extra", "counted", "bulk-0-0", "server", "puts"), 141, "bulk-0-0, requests that only one side"),
)

# What is left out, and what is then missing.
GAPS = (
    (("requests", "extra", "1x1024"), "1x1024"),
    ((LONG, "extra", "commit", "commits"), "commits made"),
    ((LONG, "extra", "after_merge", "bytes"), "bytes left"),
    ((LONG, "extra", "server"), "only one side"),
    (("idle", "extra", "server", "deletes"), "idle, requests that only one side"),
    (("idle", "extra", "stores", WRITER), "writer"),
    (("bulk", "extra", "counted"), "the server's own log"),
)


class CloudCheckTest(unittest.TestCase):
    def test_a_run_that_meets_all_targets_passes(self):
        verdicts, complete = cloud_check.judge(good_report())
        self.assertEqual([], not_passed(good_report()))
        self.assertTrue(complete)
        self.assertGreater(len(verdicts), 80)

    def test_a_falsified_figure_falls_short(self):
        for path, value, noticed in LIES:
            with self.subTest(path=path):
                failed = not_passed(falsified(*path, value=value))
                self.assertTrue(failed, "nothing noticed it")
                self.assertTrue(all(one.word == "FALL SHORT" for one in failed), failed)
                self.assertTrue(any(noticed in str(one) for one in failed), failed)

    def test_a_figure_that_is_left_out_is_missing(self):
        for path, noticed in GAPS:
            with self.subTest(path=path):
                report = falsified(*path, value=None)
                place = report["workloads"]
                for key in path[:-1]:
                    place = place[key]
                del place[path[-1]]
                verdicts, complete = cloud_check.judge(report)
                self.assertFalse(complete)
                missing = [one for one in verdicts if one.word == "NO DATA"]
                self.assertTrue(any(noticed in one.text for one in missing), missing)

    def test_measurements_that_are_empty_are_missing(self):
        for path in ((LONG, "extra", "cold", "any", "requests"), (LONG, "extra", "open"), ("log_10", "extra", "open")):
            with self.subTest(path=path):
                self.assertFalse(cloud_check.judge(falsified(*path, value=[]))[1])

    def test_no_workload_can_be_left_out(self):
        for name in good_report()["workloads"]:
            if name != "log_mock_100000":  # it is beside what was asked for
                with self.subTest(workload=name):
                    report = good_report()
                    del report["workloads"][name]
                    self.assertFalse(cloud_check.judge(report)[1])

    def test_the_floor_of_framing(self):
        self.assertEqual((216 * 10, 2000), cloud_check.framed("10x200"))
        self.assertEqual((344, 321), cloud_check.framed("1x321"))
        self.assertAlmostEqual(1.08, cloud_check.framing_floor("1000x200"))

    def test_the_page_shows_every_measure_with_its_verdict(self):
        report = falsified(LONG, "extra", "commit", "commits", value=61_234)
        text = cloud_page.page(report, cloud_check.by_measure(report))
        for name, wanted, _ in cloud_check.MEASURES:
            end = "falls short" if "commits" in name and "merge" in name else "pass"
            line = next(line for line in text.splitlines() if line.startswith(f"| **{name}** | **{wanted}** |"))
            self.assertTrue(line.endswith(f"| **{end}** |"), line)
        self.assertIn(f"| {LONG}, commits made | == 100,000 | 61,234 | falls short |", text)


class AccessLogTest(unittest.TestCase):
    LINES = (
        ("PUT /b", None), ("PUT /b/", None), ("PUT /b/run/log/1", "puts"), ("PUT /b/run/x?partNumber=1&uploadId=u", "puts"),
        ("POST /b/run/x?uploads", "puts"), ("POST /b/run/x?uploads=", "puts"), ("POST /b/run/x?uploadId=u", "puts"),
        ("POST /b?delete", "deletes"), ("POST /b/?delete=", "deletes"), ("DELETE /b/run/x", "deletes"),
        ("DELETE /b/run/x?uploadId=u", "deletes"), ("GET /b/run/x", "gets"), ("HEAD /b/run/x", "gets"),
        ("GET /b?list-type=2&prefix=run%2F", "lists"), ("HEAD /b", "lists"), ("POST /b/run/x", "other"),
        ("OPTIONS /b/run/x", "other"), ("DELETE /b", "other"), ("PUT /bb/run/x", None), ("GET /a/b/run", None))

    def test_each_request_is_counted_as_what_it_is(self):
        for request, kind in self.LINES:
            with self.subTest(request=request):
                expected = {**dict.fromkeys(access_log.KINDS, 0), **({kind: 1} if kind else {})}
                self.assertEqual(expected, self.read([request]))

    def test_requests_add_up(self):
        found = self.read([request for request, _ in self.LINES])
        self.assertEqual({"puts": 5, "gets": 2, "lists": 2, "deletes": 4, "other": 3}, found)

    def read(self, requests):
        with tempfile.TemporaryDirectory() as directory:
            place = pathlib.Path(directory)
            lines = [f'2026-01-01T00:00:00 7f 1 beast: 0x7f: 127.0.0.1 - test [1] "{request} HTTP/1.1" 200 0 - "-" - latency=0s\n'
                     for request in requests]
            (place / "rgw.log").write_text("".join(lines))
            return access_log.read(types.SimpleNamespace(directory=place), "b")


if __name__ == "__main__":
    unittest.main(verbosity=2)
