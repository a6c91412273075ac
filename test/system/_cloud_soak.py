"""Processes that write to one bucket through testing/misbehaving_proxy.py, killed and stopped; the bucket is judged.

Two kinds of run: at every step (a request of a writer is held, the writer stopped or killed, another one takes over)
and at random. Each has a prefix of its own. The judge is soak_worker check: it reads the bucket past all faults and
knows what each process said over its pipe.
"""

import os
import pathlib
import random
import re
import shutil
import signal
import time

import _soak
from _proxy import Proxy

BUCKET = "soak"
CLAIM_BYTES = 256  # docs/internals/cloud_format.md
WAL_KIB = 4096  # so that a bulk load goes out as segments
BROKE_OFF = 3  # of soak_worker: its requests failed for too long
HELD_S = 30
# Of answers: there may be nothing to damage, such as the body of a 404.
DAMAGES = ("short_body", "wrong_length", "corrupt_body", "wrong_range", "whole_for_range", "stale_list")
FIRST, SECOND, LAST = "first", "second", "judge"

os.environ.setdefault("AWS_ACCESS_KEY_ID", "soak")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "soak")


class Failure(AssertionError):
    """A promise was broken, or the harness did not do what it was to do."""


class BucketSpace(_soak.Space):
    """A prefix of the bucket. Every process comes through a port of its own, so that the proxy knows it."""

    def __init__(self, directory, proxy, scheme, prefix):
        super().__init__(directory, WAL_KIB)
        self.proxy, self.scheme, self.prefix = proxy, scheme, prefix

    def location(self, client):
        return f"{self.scheme}://{BUCKET}/{self.prefix}?endpoint=http://127.0.0.1:{self.proxy.port(client)}"

    def check(self):
        self.path = self.location(LAST)
        try:
            return super().check()
        except AssertionError as error:
            raise Failure(str(error)) from None

    def start(self, client, threads, *plan):
        self.path = self.location(client)
        return _soak.Worker(self, threads, *plan)


def commits_of(worker):
    """(begin, end, outcome) of the commits in its record; end 0: no answer."""
    open_calls, found = {}, []
    for line in pathlib.Path(worker.record).read_text().splitlines():
        words = line.split()
        if words[0] == "B":
            open_calls[words[1]] = words
        elif words[0] == "E":
            begun = open_calls.pop(words[1])
            if begun[3] in ("set", "cas"):
                found.append((int(begun[2]), int(words[2]), words[3]))
    return found + [(int(begun[2]), 0, "unknown") for begun in open_calls.values() if begun[3] in ("set", "cas")]


def is_slot(request):
    return request["kind"] == "put" and re.search(r"log/\d{20}", request["target"]) is not None


def is_claim(request):
    return is_slot(request) and request["size"] == CLAIM_BYTES


# --- at every step

class Steps:
    """The first writer is stopped or killed at its nth request, for every n; the second one takes over meanwhile."""

    COUNTS = ("runs", "stopped", "killed", "fenced", "late_claims", "acknowledged")

    def __init__(self, directory, proxy, first_letters="pspsls", scheme="s3"):
        self.directory, self.proxy, self.scheme = pathlib.Path(directory), proxy, scheme
        self.first_letters = first_letters
        self.counts = dict.fromkeys(self.COUNTS, 0)

    def run(self, second_letters, ways=("stop", "kill"), last=1_000):
        """Until a run had no such request any more."""
        for way in ways:
            for when in ("before", "after"):
                for how in ("go", "drop") if way == "kill" and when == "before" else ("go",):
                    self.run_steps(way, when, how, second_letters, last)

    def run_steps(self, way, when, how, second_letters, last):
        for nth in range(1, last + 1):
            what = f"{way} at request {nth}, {when} it is applied, {how}; the second does {second_letters}"
            try:
                if not self.run_step(way, nth, when, how, second_letters):
                    return
            except Failure as failure:
                raise Failure(f"{what}: {failure}") from None

    def run_step(self, way, nth, when, how, second_letters):
        """False: the first writer has no such request."""
        self.counts["runs"] += 1
        name = f"{self.first_letters}-{second_letters}-{self.counts['runs']}"
        space = BucketSpace(self.directory / name, self.proxy, self.scheme, name)
        self.proxy.port(FIRST)
        self.proxy.ask("hold", client=FIRST, nth=nth, when=when)
        first = _soak.Worker(self.at(space, FIRST), 1, self.first_letters)
        try:
            held = self.proxy.wait_for_held(HELD_S, lambda: not first.is_running())
            if held is not None:
                self.disturb(space, first, held, way, when, how, second_letters)
            else:
                self.expect_usual_end(first)
        finally:
            first.process.kill()
            self.proxy.ask("release", client=FIRST, how="drop")
        judged = space.check()
        self.counts["acknowledged"] += judged["acknowledged"]
        shutil.rmtree(space.directory)
        return held is not None

    @staticmethod
    def at(space, client):
        """Without counting its requests anew."""
        space.path = f"{space.scheme}://{BUCKET}/{space.prefix}?endpoint=http://127.0.0.1:{space.proxy.ports[client]}"
        return space

    def disturb(self, space, first, held, way, when, how, second_letters):
        if way == "kill":
            first.kill()
            self.counts["killed"] += 1
        else:
            first.process.send_signal(signal.SIGSTOP)
            self.counts["stopped"] += 1
        second = space.start(SECOND, 1, second_letters)
        self.expect_usual_end(second)
        if not self.proxy.ask("release", client=FIRST, how=how)["was_held"]:
            raise Failure("nothing was held any more")
        if way == "stop":
            first.process.send_signal(signal.SIGCONT)
            status, complaint = first.end()
            if status != 0:
                raise Failure(f"the first writer ended with {status}: {complaint}")
            self.judge_woken(first, second, held, when)

    @staticmethod
    def expect_usual_end(worker):
        """Nobody disturbed it."""
        status, complaint = worker.end()
        outcomes = {outcome for _, _, outcome in commits_of(worker)}
        if status != 0 or outcomes != {"yes"}:
            raise Failure(f"worker {worker.tag} was not disturbed, and ended with {status}, {outcomes}: {complaint}")

    def judge_woken(self, first, second, held, when):
        """Who held the log when it was stopped has lost it: nothing of it is acknowledged any more."""
        log = self.proxy.ask("log", client=FIRST)["log"]
        done = [request for request in log if request["nth"] < held["nth"] or
                (request["nth"] == held["nth"] and when == "after")]
        claims = [request["nth"] for request in done if is_claim(request) and request["status"] == 200]
        taken_over = min(end for _, end, _ in commits_of(second))
        commits = commits_of(first)
        if claims and claims[-1] == done[-1]["nth"]:
            return  # the checkpoint read next says whether the claim counts; either way is right
        if not claims:
            self.counts["late_claims"] += is_claim(held)
            if commits[-1][2] != "yes":
                raise Failure(f"it had not claimed the log, so it may take over, and was told {commits}")
            return
        is_lost = is_slot(held) and when == "before"  # this one's place is taken by now
        ended = [outcome for begin, end, outcome in commits
                 if begin > taken_over or (is_lost and end > taken_over)]
        if any(outcome != "refused" for outcome in ended):
            raise Failure(f"a writer that had lost the log was told {ended}")
        self.counts["fenced"] += bool(ended)

    def summary(self):
        return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in self.counts.items())


# --- every fault

class Faults:
    """One writer, alone; each fault befalls its nth request, for every n that it fits. None costs a commit."""

    LETTERS = "psslfsmogs"
    # An answer in the server's name is believed: no rights; a put of what is there already that was not refused.
    MAY_FAIL = {"expired": "ExpiredToken|credentials", "status_412": "does not honour create-if-absent"}

    def __init__(self, directory, proxy, scheme="s3"):
        self.directory, self.proxy, self.scheme = pathlib.Path(directory), proxy, scheme

    def run(self, fault, last=200):
        """How often it was hit: once in each run but the last one."""
        for nth in range(1, last + 1):
            try:
                if not self.run_one(fault, nth):
                    return nth - 1
            except Failure as failure:
                raise Failure(f"{fault} at request {nth} of those it fits: {failure}") from None
        raise Failure(f"{fault}: no end of requests")

    def run_one(self, fault, nth):
        name = f"{fault}-{nth}"
        space = BucketSpace(self.directory / name, self.proxy, self.scheme, name)
        before = self.proxy.hits().get(fault, 0)
        self.proxy.ask("rule", fault=fault, client=FIRST, nth=nth)
        try:
            writer = space.start(FIRST, 1, self.LETTERS)
            status, complaint = writer.end()
            struck = self.proxy.ask("clear")["struck"]
            hits = self.proxy.hits().get(fault, 0) - before
            self.judge(fault, status, complaint, commits_of(writer))
            self.proxy.ask("settle")
            space.check()
        finally:
            self.proxy.ask("clear")
        shutil.rmtree(space.directory)
        if hits < struck and fault not in DAMAGES:
            raise Failure("it struck and was not hit")
        return struck

    def judge(self, fault, status, complaint, commits):
        if fault in self.MAY_FAIL and status in (0, BROKE_OFF) and re.search(self.MAY_FAIL[fault], complaint):
            return
        if status != 0 or any(outcome != "yes" for _, _, outcome in commits):
            raise Failure(f"ended with {status}, {commits}: {complaint}")


class Stale:
    """The second writer is shown the log as it was before the first one wrote."""

    def __init__(self, directory, proxy, scheme="s3"):
        self.space = BucketSpace(pathlib.Path(directory) / "stale", proxy, scheme, "stale")
        self.proxy = proxy

    def run(self):
        Steps.expect_usual_end(self.space.start(FIRST, 1, "sss"))
        self.proxy.ask("rule", fault="stale_list", client=SECOND, nth=1)
        Steps.expect_usual_end(self.space.start(SECOND, 1, "ss"))
        self.proxy.ask("clear")
        self.space.check()
