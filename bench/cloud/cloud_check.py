#!/usr/bin/env python3
"""One line per target of the measurement of buckets: `pass` or `FALL SHORT`, what was measured, what was wanted.

Usage: cloud_check.py cloud.json. Figures without a target are `stated`. Fails only when data are missing.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "compare"))
import check
from check import STATED

BLOCK = 65_536
LOG_ATOM = 200  # bytes, one a commit
KINDS = ("puts", "gets", "lists", "deletes")
SMALL = ("1x200", "10x200", "100x200", "1000x200")
SHAPES = (*SMALL, "1000x400", "1x1024", "1000x1024", "100x4096", "1x65536")  # as in requests.cc: atoms x bytes
RECORD_BYTES, ALIGNMENT = 16, 8  # the framing of a record, and what its end is padded to
MOST_OBJECTS = 10  # that a merge may leave of a log of small atoms: segments, checkpoint, claim, the store's own


def logs(r):
    """Names of the workloads of logs, the long one of the server first among the long ones."""
    names = [name for name in r.workloads if name.startswith("log_") and name != "log_10"]
    if not any("mock" not in name for name in names):
        raise check.Missing("no long log at the server")
    return ["log_10", *sorted(names, key=lambda name: "mock" in name)]


def states(name, state):
    return (state,) if name == "log_10" else (state, f"{state}_merged")


def words(*names):
    return ", ".join(name.replace("_", " ") for name in names)


def framed(shape):
    """(bytes of a commit's atoms with the framing of their records, bytes of the atoms)."""
    atoms, size = map(int, shape.split("x"))
    return atoms * -(-(RECORD_BYTES + size) // ALIGNMENT) * ALIGNMENT, atoms * size


def framing_floor(shape):
    """Bytes per byte that no number of such atoms in a commit can come below."""
    least, pushed = framed(shape)
    return least / pushed


def most(values):
    values = list(values)
    if not values:
        raise check.Missing("none was measured")
    return max(values)


def request_targets(r):
    for shape in SMALL:
        for kind, wanted in (("puts", 1), ("lists", 0), ("gets", 0)):
            yield (f"commit of {shape} B, {kind} each",
                   lambda s=shape, k=kind: r.extra("requests", s, "counts", k) / r.extra("requests", s, "commits"),
                   "==", wanted)


def latency_targets(r):
    for atoms in (1, 100, 1000):
        for floor in ("bare_put", "bare_put, If-None-Match"):
            yield (f"commit of {atoms} x 200 B, p50, to {floor}",
                   lambda w=f"commit_{atoms}", f=floor: r.ratio(w, f), "<=", 1.15)


def byte_targets(r):
    for shape in SHAPES:
        yield (f"commit of {shape} B (the floor that framing sets: {framing_floor(shape):.4f})",
               lambda s=shape: r.extra("requests", s, "bytes_per_byte"), "<=", 1.05)
    yield "bulk, records of 1 MiB", lambda: r.extra("bulk", "bytes_per_byte"), "<=", 1.05
    for name in logs(r)[1:]:
        yield (f"{name}, 200 B a commit, with the checkpoints of a log that is never merged",
               lambda n=name: r.extra(n, "commit", "counts", "bytes_sent") / (LOG_ATOM * r.extra(n, "commit", "commits")),
               STATED, None)


def bulk_targets(r):
    size = f"{r.extra('bulk', 'bytes') / 2**20:,.0f} MiB"
    yield f"{size}, {r.extra('bulk', 'parallel')} at a time, to rclone", lambda: r.ratio("bulk", "rclone"), ">=", 0.95


def cold_targets(r):
    for name in logs(r)[1:]:
        for state in states(name, "cold"):
            for which in ("any", "across_blocks"):
                for what, wanted, sign in (("requests", 1, "=="), ("bytes", BLOCK, "<=")):
                    yield (f"{name}, {words(state, which)}, {what} at most",
                           lambda n=name, s=state, w=which, x=what: most(r.extra(n, s, w, x)), sign, wanted)


def open_targets(r):
    for name in logs(r):
        for state in states(name, "open"):
            yield (f"{name}, {words(state)}, requests one after the other",
                   lambda n=name, s=state: most(row["sequential"] for row in r.extra(n, s)), "<=", 3)


def idle_targets(r):
    stores, seconds = r.extra("idle", "stores"), r.extra("idle", "seconds")
    polls = seconds * 1000 / r.extra("idle", "poll_interval_ms")
    yield f"{seconds} s, lists of all", lambda: sum(row["counts"]["lists"] for row in stores.values()), "==", 0
    for name in ("writer, its root asked for all the time", "reader", "reader, its root asked for all the time"):
        yield (f"{seconds} s, {name}, requests",
               lambda n=name: sum(r.extra("idle", "stores", n, "counts", kind) for kind in KINDS),
               "<=", polls if name.startswith("reader,") else 0)


def merge_targets(r):
    for name in logs(r)[1:]:
        yield f"{name}, commits made", lambda n=name: r.extra(n, "commit", "commits"), "==", int(name.split("_")[-1])
        yield f"{name}, objects before", lambda n=name: r.extra(n, "before_merge", "objects"), STATED, None
        yield f"{name}, objects left", lambda n=name: r.extra(n, "after_merge", "objects"), "<=", MOST_OBJECTS
        yield f"{name}, bytes before", lambda n=name: r.extra(n, "before_merge", "bytes"), STATED, None
        yield f"{name}, bytes left", lambda n=name: r.extra(n, "after_merge", "bytes"), STATED, None
        for kind in KINDS:
            yield (f"{name}, {kind} of the merge", lambda n=name, k=kind: r.extra(n, "merge", "counts", k), STATED, None)
        yield f"{name}, seconds of the merge", lambda n=name: r.extra(n, "merge", "seconds"), STATED, None
        for when in ("meanwhile", "afterwards"):
            yield (f"{name}, reads {when}, all correct (a wrong one ends the run)",
                   lambda n=name, w=when: r.extra(n, "merge", f"reads_{w}"), ">=", 1)


def disagreement(r, *place):
    """Requests, kind by kind, that only one side counted."""
    known = sum(abs(r.extra(*place, "server", kind) - r.extra(*place, "client_total", kind)) for kind in KINDS)
    return known + r.extra(*place, "server", "other")


def counted_places(r):
    """Where both sides have counted, openings included."""
    yield from (("requests", shape) for shape in SHAPES)
    yield ("idle",)
    yield from ((name,) for name in logs(r) if "mock" not in name)
    yield from (("bulk", "counted", turn) for turn in r.extra("bulk", "counted"))


def server_targets(r):
    for place in counted_places(r):
        yield (f"{', '.join(place)}, requests that only one side counted", lambda p=place: disagreement(r, *p), "==", 0)


# What was asked for, the target in words, and what is judged.
MEASURES = (
    ("requests per commit with 1 to 1,000 small atoms", "exactly 1 PUT, 0 LIST, 0 GET", request_targets),
    ("commit latency p50", "<= 1.15 x one bare PUT of the same bytes, connection kept", latency_targets),
    ("bytes uploaded per byte pushed, before merging", "<= 1.05", byte_targets),
    ("bulk push", ">= 0.95 x `rclone` with the same bytes and parallelism", bulk_targets),
    ("cold get of one 200 B atom", "1 range GET, <= 64 KiB transferred", cold_targets),
    ("open from the bucket alone to the first atom", "<= 3 sequential requests, at 10 commits and at many", open_targets),
    ("idle for a minute (quick run: 10 s)", "0 LIST, writer 0 requests, reader <= 1 request per poll interval", idle_targets),
    ("100,000 commits (quick run: 2,000), then merge",
     "objects left, bytes, requests and time stated; reads correct", merge_targets),
    ("the server's own log of requests", "the counts of our client", server_targets),
)


def verdicts_of(r, name, targets):
    found = []
    try:
        for target in targets(r):
            found.append(check.verdict(*target))
    except check.Missing as missing:
        found.append(check.Verdict("NO DATA", name, str(missing), ""))
    return found


def by_measure(report):
    """[(name, target in words, verdicts)]."""
    r = check.Results(report)
    return [(name, wanted, verdicts_of(r, name, targets)) for name, wanted, targets in MEASURES]


def judge(report):
    """(verdicts, whether all data were there)."""
    verdicts = [one._replace(text=f"{name}: {one.text}") for name, _, several in by_measure(report) for one in several]
    return verdicts, check.complete(verdicts)


if __name__ == "__main__":
    check.main(judge, __doc__)
