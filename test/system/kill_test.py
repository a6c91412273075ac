"""A worker is killed at every system call of a short workload, and at every one of the recovery after it."""

import collections
import concurrent.futures
import shutil
import subprocess
import sys
import threading

from _soak import ENVIRONMENT, KILL_AT_CALL, KILLED, Space, Worker, run
from _space import SANITIZED, SKIPPED, SpaceTest, main

PLAN = "psclfwxprsofs"
WAL_KIB = 64  # small, so that the workload rolls over
STEP = 23 if SANITIZED else 1  # every so many calls
CRASHES_WITH_EVERY_RECOVERY = 1 if SANITIZED else 2
JOBS = 4  # they wait for the disk most of the time


def can_trace():
    return subprocess.run([KILL_AT_CALL, "0", "/bin/true"], capture_output=True).returncode == 0


class KilledAtEveryCall(SpaceTest):

    def setUp(self):
        super().setUp()
        self.counting = threading.Lock()
        self.killed_at = collections.Counter()
        self.judged = collections.Counter()

    def new_space(self, name):
        return Space(self.directory / name, WAL_KIB)

    def kill_at(self, space, call, command, record):
        """Runs the command until that call; whether it got there. Nobody else may end it."""
        result = run([KILL_AT_CALL, str(call), *command], record)
        said = result.stderr.splitlines()[-1].split()
        if result.returncode == KILLED:
            with self.counting:
                self.killed_at[said[-1]] += 1
            return True
        self.assertEqual((0, "calls"), (result.returncode, said[0]), result.stderr)
        return False

    def work_until(self, space, call):
        tag, record = space.new_record()
        return self.kill_at(space, call, space.work_command(tag, 1, PLAN), record)

    def recover_until(self, space, call):
        before = list(space.records)
        tag, record = space.new_record()
        return self.kill_at(space, call, space.check_command(tag, before), record)

    def count_calls(self, command):
        result = subprocess.run([KILL_AT_CALL, "0", *command], capture_output=True, timeout=120,
                                env=ENVIRONMENT)
        self.assertEqual(0, result.returncode, result.stderr)
        return int(result.stderr.split()[-1])

    def count_work(self):
        space = self.new_space("count")
        return self.count_calls(space.work_command("w", 1, PLAN))

    def check(self, space):
        judged = space.check()
        with self.counting:
            self.judged.update(judged)
        shutil.rmtree(space.directory)

    def copy(self, space, name):
        """The same space and records once more."""
        copy = self.new_space(name)
        shutil.copytree(space.directory, copy.directory, dirs_exist_ok=True)
        copy.tags = space.tags
        copy.records = [str(copy.directory / record.rsplit("/", 1)[1]) for record in space.records]
        return copy

    def for_each(self, task, calls):
        """task(call) for all of them, some at a time; how often it said that the call was reached."""
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            return sum(pool.map(task, calls))

    def report(self, kills, what):
        print(f"{kills} kills {what}, at: " +
              ", ".join(f"{name} {count}" for name, count in self.killed_at.most_common()))
        print("judged:", dict(self.judged))

    def test_every_call_of_a_workload_and_one_of_each_recovery(self):
        def once(call):
            space = self.new_space(f"at-{call}")
            reached = self.work_until(space, call)
            if not self.recover_until(space, 1 + call * 7 % recovery):
                reached = False  # its check ran to the end: the next one is another's
            self.check(space)
            return reached

        calls = self.count_work()
        recovery = 90  # about as many calls as opening, judging and a commit take
        kills = self.for_each(once, range(1, calls + 1, STEP))
        self.report(kills, f"in {calls} calls, each with one more in its recovery")
        self.assertGreater(kills, calls // STEP * 3 // 4)
        if STEP == 1:
            wanted = ("openat", "pwritev", "fdatasync", "fsync", "ftruncate", "fcntl", "write")
            self.assertEqual([], [name for name in wanted if not self.killed_at[name]])

    def test_every_call_of_some_recoveries(self):
        calls = self.count_work()
        total = 0
        for crash in range(1, CRASHES_WITH_EVERY_RECOVERY + 1):
            crashed = self.new_space(f"crashed-{crash}")
            at = calls * crash // (CRASHES_WITH_EVERY_RECOVERY + 1)
            self.assertTrue(self.work_until(crashed, at))
            counted = self.copy(crashed, f"counted-{crash}")
            recovery = self.count_calls(counted.check_command("w", counted.records))

            def once(call):
                space = self.copy(crashed, f"recovery-{crash}-{call}")
                reached = self.recover_until(space, call)
                self.check(space)
                return reached

            kills = self.for_each(once, range(1, recovery + 1, STEP))
            self.assertGreater(kills, recovery // STEP * 3 // 4)
            total += kills
        self.report(total, f"in the recovery from {CRASHES_WITH_EVERY_RECOVERY} crashes")

    def test_every_call_beside_a_living_process(self):
        """Nobody recovers here: the other one settles what the dead one left half done."""
        def once(call):
            space = self.new_space(f"beside-{call}")
            other = Worker(space, 1, "-", stdin=subprocess.PIPE)
            self.tell(other, b"s", 2)  # opened, committed
            reached = self.work_until(space, call)
            self.tell(other, b"rcs", 6)  # a compare-and-set reads first
            other.process.stdin.close()
            self.assertEqual((0, ""), other.end())
            self.check(space)
            return reached

        calls = self.count_work()
        kills = self.for_each(once, range(1, calls + 1, STEP))
        self.report(kills, "beside a living process")
        self.assertGreater(kills, calls // STEP // 2)

    def tell(self, worker, letters, answers):
        worker.process.stdin.write(letters)
        worker.process.stdin.flush()
        self.assertTrue(worker.wait_for(answers), "the living process hangs")
        self.assertTrue(worker.is_running())


if __name__ == "__main__":
    if not can_trace():
        print("SKIPPED: ptrace is not allowed here, so nothing is killed at a chosen system call",
              file=sys.stderr)
        sys.exit(SKIPPED)
    main()
