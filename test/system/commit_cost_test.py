"""What a commit costs: one fdatasync, shared by those who commit at the same time; nothing else."""

import os
import re
import shutil
import subprocess
import sys

from _space import BUILD_DIR, SKIPPED, SpaceTest, main

LOOP = BUILD_DIR / "bin" / "protobase-commit-loop"
COMMITS = 1000
THREADS = 16
COUNTED = "fdatasync,fsync,rename,renameat,renameat2,sync_file_range,syncfs,sync"


def can_trace():
    """Whether strace is here and may trace: some containers forbid it."""
    return shutil.which("strace") and subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "true"], capture_output=True).returncode == 0


class CommitCost(SpaceTest):

    def calls(self, commits, threads):
        """How often the loop called what; also proves that the commits are there."""
        counts = self.directory / "counts"
        subprocess.run(["strace", "-f", "-c", "-o", counts, "-e", "trace=" + COUNTED, LOOP, self.space,
                        str(commits), str(threads)], check=True, timeout=240,
                       env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})  # it cannot be traced
        found = dict.fromkeys(COUNTED.split(","), 0)
        for line in counts.read_text().splitlines():
            match = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
            if match and match[2] in found:
                found[match[2]] = int(match[1])
        print(f"{commits} commits, {threads} threads:", {k: v for k, v in found.items() if v})
        self.assertEqual(commits, len(self.lines("log", self.space)))
        self.assert_verifies()
        return found

    def assert_nothing_else(self, calls):
        self.assertLessEqual(calls["fsync"], 4)
        self.assertEqual({0}, {count for name, count in calls.items()
                               if name not in ("fdatasync", "fsync")}, calls)

    def test_one_thread_pays_one_sync_each(self):
        calls = self.calls(COMMITS, 1)
        self.assertGreaterEqual(calls["fdatasync"], COMMITS)
        self.assertLessEqual(calls["fdatasync"], COMMITS + 8)
        self.assert_nothing_else(calls)

    def test_many_threads_share_their_syncs(self):
        calls = self.calls(COMMITS, THREADS)
        # Each thread waits for its own commit, so a sync cannot serve more commits than there are threads.
        self.assertGreaterEqual(calls["fdatasync"] * THREADS, COMMITS)
        self.assertLess(calls["fdatasync"], COMMITS // 2)
        self.assert_nothing_else(calls)


if __name__ == "__main__":
    if not can_trace():
        print("SKIPPED: strace is not installed or not allowed here", file=sys.stderr)
        sys.exit(SKIPPED)
    main()
