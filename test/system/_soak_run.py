"""The soak: workers share a space and are killed and paused at random; what is left is judged again and again.

Every so often all are dead at once: then the space is judged by the records of all who ever worked on it. A
reader verifies it meanwhile. A space that has grown is given up for a new one, so disk use is bounded. All
draws come from one seed; the moments at which they meet the workers do not.
"""

import pathlib
import random
import shutil
import signal
import subprocess
import time

from _soak import ENVIRONMENT, WORKER, Space, Worker

WORKERS = 3
WAL_KIB = 256
LETTERS = "pppppplfsssssccccwrrrr" + "x"
STEPS = (0, 30, 300)  # of a worker before it ends by itself; 0: never
SPACE_BYTES = 48 << 20
MAX_RECORDS = 200  # of one space: how many workers it outlives
PROGRESS_S = 10


class Failure(Exception):
    """The soak found something; the space is kept."""


class Soak:

    def __init__(self, directory, seed, seconds, say=print):
        self.directory = pathlib.Path(directory)
        self.dice = random.Random(seed)
        self.seed = seed
        self.end = time.monotonic() + seconds
        self.next_progress = time.monotonic() + PROGRESS_S
        self.say = say
        self.counts = dict.fromkeys(("spaces", "opens", "kills", "kills_of_all", "pauses", "ended",
                                     "commits", "acknowledged", "atoms", "reads", "judgements",
                                     "verifies"), 0)
        self.workers = []
        self.reader = None
        self.space = None

    def run(self):
        """Until the time is up; Failure when a promise was broken. Leaves no process behind."""
        try:
            while time.monotonic() < self.end:
                self.begin_space()
                while time.monotonic() < self.end and self.has_room():
                    self.disturb()
                self.kill_all()
                self.judge()
                self.end_reader()
                shutil.rmtree(self.space.directory)
        finally:
            self.stop_everything()

    def summary(self):
        return f"seed {self.seed}: " + ", ".join(
            f"{name.replace('_', ' ')} {count}" for name, count in self.counts.items())

    # --- the space

    def begin_space(self):
        self.counts["spaces"] += 1
        self.space = Space(self.directory / f"space-{self.counts['spaces']}", WAL_KIB)
        self.judged = {}

    def has_room(self):
        size = sum(path.stat().st_size for path in pathlib.Path(self.space.path).glob("*"))
        return size < SPACE_BYTES and len(self.space.records) < MAX_RECORDS

    def judge(self):
        """Precondition: all workers are dead."""
        try:
            judged = self.space.check()
        except AssertionError as error:
            raise Failure(str(error)) from None
        for name, count in judged.items():
            self.counts[name] += count - self.judged.get(name, 0)
        self.judged = judged
        self.counts["judgements"] += 1
        self.counts["opens"] += 1

    # --- the workers

    def disturb(self):
        """One thing happens to one worker, or to all; then what ended is begun again."""
        self.reap()
        while len(self.workers) < WORKERS:
            self.begin_worker()
        time.sleep(self.dice.uniform(0.0, 0.4))
        what = self.dice.choices(("kill", "kill all", "judge", "pause", "nothing"), (8, 2, 1, 4, 3))[0]
        if what == "kill":
            self.kill(self.dice.choice(self.workers))
        elif what == "pause":
            self.pause(self.dice.choice(self.workers))
        elif what != "nothing":
            self.kill_all()
        if what == "judge":
            self.judge()
        self.verify_meanwhile()
        self.report_progress()

    def begin_worker(self):
        plan = (LETTERS, self.dice.getrandbits(48), self.dice.choice(STEPS))
        self.workers.append(Worker(self.space, self.dice.choice((1, 2)), *plan))
        self.counts["opens"] += 1

    def kill(self, worker):
        self.workers.remove(worker)
        status, complaint = worker.kill()
        self.counts["kills"] += status == -signal.SIGKILL
        self.judge_end(worker, status, complaint)

    def kill_all(self):
        self.counts["kills_of_all"] += 1
        for worker in self.workers:
            worker.process.kill()  # all at once, then wait
        for worker in list(self.workers):
            self.kill(worker)

    def pause(self, worker):
        worker.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(self.dice.uniform(0.0, 0.8))  # longer than the others wait for the root
        finally:
            worker.process.send_signal(signal.SIGCONT)
        self.counts["pauses"] += 1

    def reap(self):
        for worker in [worker for worker in self.workers if not worker.is_running()]:
            self.workers.remove(worker)
            self.counts["ended"] += 1
            self.judge_end(worker, *worker.end())

    def judge_end(self, worker, status, complaint):
        if status not in (0, -signal.SIGKILL) or complaint:
            raise Failure(f"{self.space.path}: worker {worker.tag} ended with {status}: {complaint}")

    # --- the reader

    def verify_meanwhile(self):
        if self.reader is not None and self.reader.poll() is None:
            return
        self.end_reader()
        if pathlib.Path(self.space.path, "protobase.lock").exists():  # before that it is no space
            self.reader = subprocess.Popen([WORKER, "verify", self.space.path], env=ENVIRONMENT,
                                           stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                           start_new_session=True)

    def end_reader(self):
        if self.reader is None:
            return
        reader, self.reader = self.reader, None
        try:
            complaint = reader.communicate(timeout=120)[1].decode(errors="replace")
        finally:
            reader.kill()
        if reader.returncode != 0:
            raise Failure(f"{self.space.path}: verify beside writers: {complaint}")
        self.counts["verifies"] += 1

    # --- the end

    def report_progress(self):
        if time.monotonic() < self.next_progress:
            return
        self.next_progress = time.monotonic() + PROGRESS_S
        self.say(f"{max(0, self.end - time.monotonic()):.0f} s left; {self.summary()}", flush=True)

    def stop_everything(self):
        processes = [worker.process for worker in self.workers]
        if self.reader is not None:
            processes.append(self.reader)
        for process in processes:
            process.kill()
        for process in processes:
            process.wait(timeout=60)
