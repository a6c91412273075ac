"""The soak in a bucket: short random runs, each with its own seed and prefix. Several writers come through a proxy that
misbehaves at random; they are killed, stopped, and stopped in the middle of a request; then the bucket is judged.

A seed gives the same draws; the moments at which they meet the writers are the machine's.
"""

import collections
import itertools
import pathlib
import random
import re
import shutil
import signal
import threading
import time

from _proxy import Proxy
import http_faults
from _cloud_soak import BROKE_OFF, WAL_KIB, BucketSpace, Failure, commits_of

LETTERS = "pppplfssssssscccwgggmb"
WALS_KIB = (64, WAL_KIB)  # the small ones roll over
MOST_WRITERS = 3
RUN_S = 1.0
PROBABILITY = 0.15  # that a request goes wrong
ALLOWED_ENDS = (0, BROKE_OFF, -signal.SIGKILL)
PROGRESS_S = 10


class CloudSoak:
    """One run after the other, through a proxy of its own."""

    def __init__(self, directory, proxy, scheme="s3"):
        self.directory, self.proxy, self.scheme = pathlib.Path(directory), proxy, scheme
        self.counts = collections.Counter()
        self.ends = collections.Counter()

    def run_once(self, seed):
        """The space is kept when this fails."""
        self.dice = random.Random(seed)
        self.counts["runs"] += 1
        self.space = BucketSpace(self.directory / f"run-{seed}", self.proxy, self.scheme, f"run-{seed}")
        self.space.wal_kib = self.dice.choice(WALS_KIB)
        self.writers = {}
        try:
            self.proxy.ask("random", seed=seed, probability=PROBABILITY)
            self.write(self.dice.randint(2, MOST_WRITERS), time.monotonic() + RUN_S)
            self.judge()
        except Failure as failure:
            raise Failure(f"seed {seed}: {failure}") from None
        finally:
            for writer in self.writers.values():
                writer.kill()
            self.proxy.ask("clear")
        shutil.rmtree(self.space.directory)

    def write(self, writers, end):
        names = [f"writer-{number}" for number in range(writers)]
        while time.monotonic() < end:
            for name in names:
                self.begin_if_ended(name)
            time.sleep(self.dice.uniform(0.0, 0.15))
            name = self.dice.choice(names)
            what = self.dice.choices((self.kill, self.pause, self.pause_in_request, None), (3, 3, 5, 3))[0]
            if what is not None:
                what(name)
        for name in names:
            self.kill(name)

    def begin_if_ended(self, name):
        writer = self.writers.get(name)
        if writer is not None and writer.is_running():
            return
        if writer is not None:
            self.take_leave(name, *writer.end())
        plan = (LETTERS, self.dice.getrandbits(48), self.dice.choice((0, 0, 20)))
        self.writers[name] = self.space.start(name, self.dice.choice((1, 1, 2)), *plan)
        self.counts["opens"] += 1

    def kill(self, name):
        if name in self.writers:
            self.take_leave(name, *self.writers[name].kill())

    def take_leave(self, name, status, complaint):
        """Of a process that has ended, by itself or by us."""
        writer = self.writers.pop(name)
        self.counts["kills"] += status == -signal.SIGKILL
        if status not in ALLOWED_ENDS:
            raise Failure(f"worker {writer.tag} ended with {status}: {complaint}")
        for line in complaint.splitlines():
            if line.startswith("broke off: "):
                self.ends[kind_of_error(line)] += 1
        for _, _, outcome in commits_of(writer):
            self.counts[outcome] += 1

    def pause(self, name):
        if name not in self.writers:
            return
        process = self.writers[name].process
        process.send_signal(signal.SIGSTOP)
        self.counts["pauses"] += 1
        try:
            time.sleep(self.dice.uniform(0.0, 0.4))
        finally:
            process.send_signal(signal.SIGCONT)

    def pause_in_request(self, name):
        """Whatever it asks next waits, on its way there or back, and the writer sleeps meanwhile."""
        writer = self.writers.get(name)
        if writer is None:
            return
        self.proxy.ask("hold", client=name, nth=0, when=self.dice.choice(("before", "after")))
        held = self.proxy.wait_for_held(0.3, lambda: not writer.is_running())
        if held is not None:
            self.counts["pauses_in_requests"] += 1
            self.pause(name)
        self.proxy.ask("release", client=name, how=self.dice.choice(("go", "go", "drop")))
        while not self.proxy.events.empty():  # it came while the hold was taken back
            self.proxy.events.get()

    def judge(self):
        """All are dead by now; what of theirs is still on its way arrives first."""
        self.proxy.ask("clear")
        self.proxy.ask("settle")
        judged = self.space.check()
        self.counts["judged_commits"] += judged["commits"]
        self.counts["atoms"] += judged["atoms"]

    def tell(self):
        """What happened so far, as it can be added up."""
        answer = self.proxy.ask("counts")
        self.counts["requests"], self.counts["late_requests"] = answer["requests"], answer["late"]
        return self.counts, collections.Counter(answer["hits"]), self.ends


def kind_of_error(line):
    """Without names and numbers, to count what is alike."""
    return re.sub(r"s3://\S+|gs://\S+|\"[^\"]*\"|\d+", "_", line.removeprefix("broke off: "))[:100]


class Lanes:
    """Several soaks side by side, because they mostly wait; each in a thread with a proxy of its own."""

    def __init__(self, directory, lanes, seed, seconds, upstream="memory", scheme="s3", say=print):
        self.directory, self.lanes, self.upstream, self.scheme, self.say = directory, lanes, upstream, scheme, say
        self.seed, self.seconds = seed, seconds
        self.lock = threading.Lock()
        self.told = [(collections.Counter(),) * 3] * lanes
        self.errors = []

    def run(self):
        """Runs with the seeds from this one on, until the time is up or one has failed."""
        self.end = time.monotonic() + self.seconds
        self.seeds = itertools.count(self.seed)
        threads = [threading.Thread(target=self.run_lane, args=(lane,)) for lane in range(self.lanes)]
        for thread in threads:
            thread.start()
        try:
            self.report_until_ended(threads)
        finally:
            self.end = 0  # an interrupt ends the others, too
            for thread in threads:
                thread.join()
        if self.errors:
            raise self.errors[0]

    def report_until_ended(self, threads):
        next_progress = time.monotonic() + PROGRESS_S
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.1)
            if time.monotonic() >= next_progress:
                next_progress += PROGRESS_S
                self.say(f"{max(0, self.end - time.monotonic()):.0f} s left; {self.counts()['runs']} runs", flush=True)

    def run_lane(self, lane):
        try:
            with Proxy(self.upstream) as proxy:
                soak = CloudSoak(self.directory, proxy, self.scheme)
                while time.monotonic() < self.end:
                    with self.lock:
                        seed = next(self.seeds)
                    try:
                        soak.run_once(seed)
                    finally:
                        self.told[lane] = soak.tell()
        except Exception as error:  # handed to run(), which raises it
            self.errors.append(error)
            self.end = 0

    def counts(self):
        return sum((counts for counts, _, _ in self.told), collections.Counter())

    def hits(self):
        return sum((hits for _, hits, _ in self.told), collections.Counter())

    def summary(self):
        ends = sum((ends for _, _, ends in self.told), collections.Counter())
        counted = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in self.counts().items())
        hits = self.hits()
        faults = ", ".join(f"{fault} {hits[fault]}" for fault in http_faults.FAULTS)
        broke_off = "".join(f"\n  {count} x {why}" for why, count in ends.most_common())
        return f"from seed {self.seed}: {counted}\nfaults: {faults}\nwriters that broke off:{broke_off or ' none'}"
