#!/usr/bin/env python3
"""Tests of check.py, groups.py and compare.py: what is judged is a ratio of rounds, who it is about is named, a run without data
fails, and a space that an opening changed behind our back is noticed."""

import contextlib
import io
import os
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import check
import compare
import groups


def report(**workloads):
    """Of {workload: {contestant: samples}}, or (that, extra)."""
    both = {name: one if isinstance(one, tuple) else (one, {}) for name, one in workloads.items()}
    return {"workloads": {name: {"unit": "us", "samples": samples, "extra": extra} for name, (samples, extra) in both.items()}}


def line(about, **workloads):
    """The one line that begins with `about`."""
    verdicts, _ = check.judge(report(**workloads))
    found = [one for one in verdicts if one.text.startswith(about)]
    assert len(found) == 1, found
    return found[0]


class CheckTest(unittest.TestCase):
    def test_the_peer_that_comes_nearest_is_named(self):
        samples = {"protobase": [90, 90], "rocksdb": [120, 120], "leveldb": [130, 130], "lmdb": [180, 180], "sqlite": [100, 80]}
        one = line("commit of one, to the fastest peer", commit_one=samples)
        self.assertEqual(("FALL SHORT", "1.01 [0.956 - 1.07], sqlite"), (one.word, one.figure))

    def test_what_two_threads_gain_is_a_ratio_of_rounds(self):
        # Of medians it would be 2.
        one = line("hot get, two threads to one",
                   get_hot_two_threads={"protobase": [100, 240, 100], "protobase_one_thread": [100, 200, 89]})
        self.assertEqual(("FALL SHORT", "1.78"), (one.word, one.figure))
        self.assertEqual("NO DATA", line("hot get, two threads to one",
                                         get_hot_two_threads={"protobase": [1, 1], "protobase_one_thread": [1]}).word)

    def test_flatness_is_a_ratio_of_rounds(self):
        one = line("open_killed, ten or twenty times", open_killed_large={"protobase": [2, 8], "protobase_small": [2, 4]})
        self.assertEqual(("pass", "1.5 [1.25 - 1.75]"), (one.word, one.figure))

    def test_a_variant_is_judged_by_its_own_figures(self):
        one = line("hot get, protobase_mapped_once",
                   get_hot={"protobase": [100], "protobase_mapped_once": [130], "mmap_log": [100]})
        self.assertEqual("FALL SHORT", one.word)

    def test_a_blob_that_is_copied_twice_falls_short(self):
        self.assertEqual("FALL SHORT", line("times a blob", blob_copies={"protobase": [1.5]}).word)
        self.assertEqual("pass", line("times a blob", blob_copies={"protobase": [1.0]}).word)

    def test_bits_of_verify_mapped_once_count_against_the_target(self):
        extra = {"caches": 0, "buffers": 32, "stored": 6400, "resident_peak": 6500}
        memory = ({"protobase_mapped_once": [128]}, {"protobase_mapped_once": extra})
        self.assertEqual("2", line("the same, protobase_mapped_once, without", memory=memory).figure)
        self.assertEqual("0.78", line("the same, protobase_mapped_once, where its bits", memory=memory).figure)

    def test_spare_memory_counts_against_the_target(self):
        memory = ({"protobase": [160]}, {"protobase": {"caches": 64, "buffers": 32, "stored": 0, "spare": 64}})
        self.assertEqual("1.25", line("peak resident memory", memory=memory).figure)
        self.assertEqual("0.75", line("the same, without what the kernel", memory=memory).figure)
    def test_an_opening_must_be_faster_than_its_limit(self):
        self.assertEqual("FALL SHORT", line("open_clean, ms", open_clean={"protobase": [5.0]}).word)
        self.assertEqual("pass", line("open_clean, ms", open_clean={"protobase": [4.99]}).word)

    def test_a_disk_that_was_slowed_down_is_told(self):
        about = "workloads before or after"
        samples = {"protobase": [1]}
        self.assertEqual("none", line(about, commit_one=(samples, {"sync_us": [90, 95]}), open_clean=samples).figure)
        self.assertEqual("commit_one", line(about, commit_one=(samples, {"sync_us": [90, 4000]})).figure)


class RunTest(unittest.TestCase):
    """groups.run() with a report that has no data at all."""

    def run_with(self, *options):
        with tempfile.TemporaryDirectory() as folder:
            places = ["--program", "none", "--directory", f"{folder}/data", "--output", f"{folder}/output"]
            arguments = groups.parser("of a test").parse_args([*places, *options])
            with contextlib.redirect_stdout(io.StringIO()):
                groups.run(arguments, lambda _: report(), "results.json", lambda made: ({}, check.judge(made)[0]))

    def test_targets_without_data_fail_the_run(self):
        with self.assertRaisesRegex(SystemExit, "targets have no data"):
            self.run_with()

    def test_some_groups_only_need_no_data_of_the_others(self):
        self.run_with("--only", "commits")


class KeptTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.space = pathlib.Path(folder.name, "space")
        self.space.mkdir()
        with (self.space / "sealed").open("wb") as file:
            file.truncate(compare.Kept.LARGE + 1)
        (self.space / "newest").write_text("the newest", encoding="utf-8")
        (self.space / "small").write_text("as it was", encoding="utf-8")
        os.utime(self.space / "sealed", ns=(1, 1))
        os.utime(self.space / "small", ns=(1, 1))
        self.copies = pathlib.Path(folder.name, "copies")

    def test_what_an_opening_changed_is_put_back(self):
        kept = compare.Kept(self.space, self.copies)
        self.assertEqual({"small", "newest"}, {file.name for file in self.copies.iterdir()})
        (self.space / "small").write_text("changed", encoding="utf-8")
        (self.space / "new").write_text("new", encoding="utf-8")
        kept.put_back()
        self.assertEqual("as it was", (self.space / "small").read_text(encoding="utf-8"))
        self.assertEqual({"small", "sealed", "newest"}, {file.name for file in self.space.iterdir()})

    def test_a_large_file_that_was_changed_is_noticed(self):
        kept = compare.Kept(self.space, self.copies)
        with (self.space / "sealed").open("r+b") as file:
            file.write(b"x")
        with self.assertRaisesRegex(RuntimeError, "sealed"):
            kept.put_back()


if __name__ == "__main__":
    unittest.main()
