#!/usr/bin/env python3
"""One line per target: `pass` or `FALL SHORT`, what was measured, what was wanted.

Usage: check.py results.json. Fails only when data are missing. Ratios are medians over the rounds of
the ratio within a round, so that what slows the machine for a while slows both sides.
"""

import json
import operator
import statistics
import sys
import typing

from figures import shown

PEERS = ("rocksdb", "leveldb", "lmdb", "sqlite")
COLD_BYTES = 4.5 * 1024
MEMORY_ALLOWANCE_MIB = 32
COPIED_ONCE = 1.001  # the hash keeps the last 256 bytes of every 256 KiB, and the commit is copied
FLAT = 1.5  # the issue only says flat
RESTED_US = 1000  # as in measure.cc
STATED = "stated"  # the sign of a figure that has no target
VERIFIED_BITS = 1 / 64  # of what is mapped, for verify_mapped_once


class Missing(Exception):
    """A workload or contestant that the results do not hold."""


OURS = {"protobase": "bytes cache", "protobase_no_caches": "by pread",
        "protobase_mapped": "map_wals", "protobase_mapped_once": "map_wals, verify_mapped_once"}


class Spread(float):
    """A median that knows its quartiles."""

    def __new__(cls, samples):
        samples = list(samples)
        spread = super().__new__(cls, statistics.median(samples))
        spread.low, _, spread.high = statistics.quantiles(samples, method="inclusive") if len(samples) > 1 else (
            samples * 3)
        return spread

    def __str__(self):
        return f"{shown(float(self))} [{shown(self.low)} - {shown(self.high)}]"

    def straddles(self, wanted):
        return self.low < wanted < self.high


class Verdict(typing.NamedTuple):
    """Of one target: what was measured and what was wanted, as text."""

    word: str  # pass, FALL SHORT, stated (there is no target) or NO DATA
    text: str
    figure: str  # NO DATA: what is missing
    target: str

    def __str__(self):
        return f"{self.word:<11} {self.text}: {self.figure}" + (f" ({self.target})" if self.target else "")


class Results:
    """What the targets ask the results for."""

    def __init__(self, report):
        self.workloads = report["workloads"]

    def samples(self, workload, name):
        try:
            return self.workloads[workload]["samples"][name]
        except KeyError as error:
            raise Missing(f"{workload}: nothing of {error}") from error

    def median(self, workload, name="protobase"):
        return statistics.median(self.samples(workload, name))

    def ratio(self, workload, other, ours="protobase"):
        mine, theirs = self.samples(workload, ours), self.samples(workload, other)
        if len(mine) != len(theirs):
            raise Missing(f"{workload}: {ours} has {len(mine)} rounds, {other} {len(theirs)}")
        return Spread(a / b for a, b in zip(mine, theirs))

    def best_peer(self, workload, pick):
        """The ratio to the peer that is nearest to us, or ahead, and which that is."""
        return pick((self.ratio(workload, peer), peer) for peer in PEERS)

    def extra(self, workload, *path):
        try:
            value = self.workloads[workload]["extra"]
            for key in path:
                value = value[key]
            return value
        except KeyError as error:
            raise Missing(f"{workload}: nothing of {error}") from error


def commit_targets(r):
    yield "commit of one, to the floor", lambda: r.ratio("commit_one", "floor"), "<=", 1.05
    yield ("commit of one, to the fastest peer",
           lambda: r.best_peer("commit_one", max), "<", 1)
    for workload, share in (("commit_1000x200", 0.65), ("commit_1000x1024", 0.85)):
        yield (f"{workload}, to the floor", lambda w=workload: r.ratio(w, "floor"), ">=", share)
        yield (f"{workload}, to the fastest peer",
               lambda w=workload: r.best_peer(w, min), ">=", 2)
    for threads in (8, 32):
        yield (f"commits of {threads} threads, to the floor",
               lambda w=f"commit_threads_{threads}": r.ratio(w, "floor"), ">=", 0.85)


def push_targets(r):
    yield ("push without waiting, million a second",
           lambda: r.median("push_in_memory") / 1e6, ">=", 6)
    for workload in ("push_sustained", "blobs_1MiB", "blobs_64MiB"):
        yield (f"{workload}, to sequential writing",
               lambda w=workload: r.ratio(w, "floor"), ">=", 0.9)
    yield "times a blob of 64 MiB is copied, by memcpy and its kin", lambda: r.median("blob_copies"), "<=", COPIED_ONCE


def hot_targets(r):
    def to_log(ours):
        return lambda: r.ratio("get_hot", "mmap_log", ours)

    def speedup():
        return 2 * r.ratio("get_hot_two_threads", "protobase", "protobase_one_thread")

    for ours, way in OURS.items():
        sign, wanted = ("<=", 1.2) if ours == "protobase_mapped_once" else (STATED, None)
        yield f"hot get, {ours} ({way}), to the mapped log", to_log(ours), sign, wanted
    yield ("hot get, to the bare map, which verifies nothing, protobase_mapped_once",
           lambda: r.ratio("get_hot", "bare_map", "protobase_mapped_once"), STATED, None)
    yield ("hot get, bytes cache, to unordered_map",
           lambda: r.ratio("get_hot", "unordered_map"), "<=", 1.2)
    yield "hot get, two threads to one", speedup, ">=", 1.8
    for cache, limit in (("bytes", 100), ("object", 90)):
        yield (f"hot get of 10,000, {cache} cache, ns",
               lambda c=cache: r.median("get_small", f"protobase_{c}_cache"), "<=", limit)
    yield ("get in the page cache, protobase_no_caches (by pread), to bare pread",
           lambda: r.ratio("get_page_cache", "floor", "protobase_no_caches"), STATED, None)
    yield ("get in the page cache, protobase_mapped (map_wals, another way), to bare pread",
           lambda: r.ratio("get_page_cache", "floor", "protobase_mapped"), "<=", 1.15)


def cold_targets(r):
    yield "cold get, one thread, to bare pread", lambda: r.ratio("get_cold", "floor"), ">=", 0.95
    yield ("cold get, 32 threads, to bare pread",
           lambda: r.ratio("get_cold_32_threads", "floor"), ">=", 0.95)
    yield ("cold get_bytes_many of 256, to io_uring",
           lambda: r.ratio("get_cold_many", "io_uring"), ">=", 0.9)
    for workload in ("get_cold", "get_cold_32_threads", "get_cold_many"):
        yield (f"{workload}, bytes read from disk per get",
               lambda w=workload: statistics.median(
                   r.extra(w, "disk_bytes_per_get", "protobase")), "<=", COLD_BYTES)


def codec_targets(r):
    """The issue's nanoseconds as ratios to the libraries of the run they came from."""
    for workload, library, wanted in (
            ("json_decode", "simdjson_dom", 350 / 124), ("json_encode", "nlohmann_dump", 200 / 504),
            ("msgpack_decode", "msgpack_unpack", 300 / 162),
            ("msgpack_encode", "msgpack_pack", 160 / 156)):
        yield (f"{workload}, to {library}", lambda w=workload, x=library: r.ratio(w, x), "<=", wanted)


def life_targets(r):
    for size in ("", "_large"):
        for end, limit in (("clean", 5), ("killed", 20)):
            yield (f"open_{end}{size}, ms", lambda w=f"open_{end}{size}": r.median(w), "<", limit)
    for end in ("clean", "killed"):
        yield (f"open_{end}, ten or twenty times the atoms to once, wanted flat, which we read as {FLAT}",
               lambda w=f"open_{end}_large": r.ratio(w, "protobase_small"), "<=", FLAT)

    def memory(ours, bits=0.0, figure=None, without=None):
        """What is resident to what is allowed; `bits`: the share of the stored bytes that is allowed for bits, `without`: what
        does not count of what is resident."""
        allowed = sum(r.extra("memory", ours, name) for name in ("caches", "buffers"))
        allowed += MEMORY_ALLOWANCE_MIB + bits * r.extra("memory", ours, "stored")
        resident = r.extra("memory", ours, figure) if figure else r.median("memory", ours)
        return (resident - (r.extra("memory", ours, without) if without else 0)) / allowed

    once = "protobase_mapped_once"
    yield "peak resident memory, to caches + buffers + 32 MiB", lambda: memory("protobase"), "<=", 1
    yield "the same, without what the kernel may take back", lambda: memory("protobase", without="spare"), STATED, None
    yield f"the same, {once}, without mapped pages", lambda: memory(once), "<=", 1
    yield (f"the same, {once}, where its bits, 1/64 of the stored bytes, count as a cache",
           lambda: memory(once, VERIFIED_BITS), STATED, None)
    yield f"the same, {once}, with mapped pages", lambda: memory(once, figure="resident_peak"), STATED, None
    yield ("hit rate of the hot set, after a scan to before",
           lambda: r.ratio("scan_hit_rate", "before", "after"), ">=", 0.9)


TARGETS = (commit_targets, push_targets, hot_targets, cold_targets, codec_targets, life_targets)
SIGNS = {"<": operator.lt, "<=": operator.le, ">=": operator.ge, "==": operator.eq}


def verdict(text, measure, sign, wanted):
    try:
        value = measure()
    except Missing as missing:
        return Verdict("NO DATA", text, str(missing), "")
    value, against = value if isinstance(value, tuple) else (value, None)
    spread = value if isinstance(value, Spread) else None
    figure = (str(spread) if spread else shown(value)) + (f", {against}" if against else "")
    if sign == STATED:
        return Verdict(STATED, text, figure, "")
    good = SIGNS[sign](value, wanted)
    doubt = "; within the quartiles" if spread and spread.straddles(wanted) else ""
    return Verdict("pass" if good else "FALL SHORT", text, figure, f"{sign} {shown(wanted)}{doubt}")


def slow_disk(workloads):
    """What is to be run again: all contestants look alike on a disk that is slowed down."""
    slow = [name for name, one in workloads.items() if max(one["extra"].get("sync_us", [0])) > RESTED_US]
    return Verdict(STATED, "workloads before or after which a sync took more than 1 ms", ", ".join(slow) or "none", "")


def complete(verdicts):
    return not any(one.word == "NO DATA" for one in verdicts)


def judge(report):
    """(verdicts, whether all data were there)."""
    r = Results(report)
    verdicts = [verdict(*target) for group in TARGETS for target in group(r)]
    verdicts.append(slow_disk(report["workloads"]))
    return verdicts, complete(verdicts)


def main(judge_report=judge, usage=__doc__):
    if len(sys.argv) != 2:
        sys.exit(usage)
    with open(sys.argv[1], encoding="utf-8") as file:
        verdicts, is_complete = judge_report(json.load(file))
    print(*verdicts, sep="\n")
    sys.exit(0 if is_complete else 1)


if __name__ == "__main__":
    main()
