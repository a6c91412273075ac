"""What tests that kill workers have in common: starting them, keeping their records, judging the space.

The record of a worker (test/soak/record.h) comes over a pipe and is kept in a file outside the space.
"""

import os
import pathlib
import subprocess
import threading

from _space import BUILD_DIR, SANITIZED

JUDGE = str(BUILD_DIR / "test" / "soak_worker")
WORKER = os.environ.get("PROTOBASE_SOAK_WORKER", JUDGE)  # test/planted_bugs sets another one
KILL_AT_CALL = str(BUILD_DIR / "test" / "kill_at_call")
KILLED = 137
# Leaks cannot be looked for under ptrace; nor does a process that is killed report any.
ENVIRONMENT = os.environ
if SANITIZED:
    ENVIRONMENT["ASAN_OPTIONS"] = "detect_leaks=0"


class Space:
    """A space and the records of all that worked on it."""

    def __init__(self, directory, wal_kib):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.path = str(self.directory / "space")
        self.wal_kib = wal_kib
        self.tags = 0
        self.records = []

    def new_record(self):
        """A tag nobody had, and the file for what that worker says."""
        self.tags += 1
        record = self.directory / f"record-{self.tags}"
        self.records.append(str(record))
        return f"w{self.tags}", record

    def work_command(self, tag, threads, *plan):
        return [WORKER, "work", self.path, tag, str(threads), str(self.wal_kib), *map(str, plan)]

    def check_command(self, tag, records):
        return [JUDGE, "check", self.path, tag, str(self.wal_kib), *records]

    def check(self):
        """Opens the space, judges it, commits to it; returns what the judge counted."""
        before = list(self.records)
        tag, record = self.new_record()
        result = run(self.check_command(tag, before), record)
        if result.returncode != 0:
            raise AssertionError(f"{self.path}: {result.stderr}")
        words = [line for line in result.stderr.splitlines() if line.startswith("judged: ")][0].split()
        return dict(zip(words[2::2], map(int, words[1::2])))


def run(command, record):
    """Runs a worker to its end; its record goes into the file."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, timeout=300, env=ENVIRONMENT)
    pathlib.Path(record).write_bytes(result.stdout)
    result.stderr = result.stderr.decode(errors="replace")
    return result


class Worker:
    """A worker that runs beside us; a thread takes its record over the pipe. `under`: a command before it."""

    def __init__(self, space, threads, *plan, under=(), **options):
        self.tag, self.record = space.new_record()
        self.errors = open(f"{self.record}.stderr", "w+b")
        self.process = subprocess.Popen(
            [*under, *space.work_command(self.tag, threads, *plan)], stdout=subprocess.PIPE, stderr=self.errors,
            env=ENVIRONMENT, start_new_session=True,  # a Ctrl-C is for us, who then end it
            **{"stdin": subprocess.DEVNULL, **options})
        self.acknowledged = 0
        self.acknowledgement = threading.Condition()
        self.reader = threading.Thread(target=self._keep_record)
        self.reader.start()

    def _keep_record(self):
        with open(self.record, "wb") as file:
            for line in self.process.stdout:
                file.write(line)
                if line.startswith(b"E"):
                    with self.acknowledgement:
                        self.acknowledged += 1
                        self.acknowledgement.notify_all()

    def wait_for(self, acknowledged, timeout=60):
        """Until so many calls were answered, or it has ended; whether they were."""
        with self.acknowledgement:
            return self.acknowledgement.wait_for(
                lambda: self.acknowledged >= acknowledged or not self.reader.is_alive(), timeout)

    def is_running(self):
        return self.process.poll() is None

    def end(self):
        """Waits until it has ended and its record is complete; its status and what it complained of."""
        status = self.process.wait(timeout=120)
        self.reader.join(timeout=120)
        self.process.stdout.close()
        self.errors.seek(0)
        complaint = self.errors.read().decode(errors="replace")
        self.errors.close()
        return status, complaint

    def kill(self):
        self.process.kill()
        return self.end()
