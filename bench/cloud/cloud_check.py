#!/usr/bin/env python3
"""One line per target of the measurement of buckets: `pass` or `FALL SHORT`, what was measured, what was wanted.

Usage: cloud_check.py cloud.json. Fails only when data are missing.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "compare"))
import check

BLOCK = 65_536


def long_logs(r):
    """Names of the workloads of long logs, the server's first."""
    names = sorted(name for name in r.workloads if name.startswith("log_") and name != "log_10")
    if not names:
        raise check.Missing("no long log")
    return sorted(names, key=lambda name: "mock" in name)


def request_targets(r):
    for shape in ("1x200", "10x200", "100x200", "1000x200"):
        row = r.extra("requests", shape)
        for kind, wanted in (("puts", 1), ("lists", 0), ("gets", 0)):
            yield (f"commit of {shape} B, {kind} each",
                   lambda row=row, kind=kind: row["counts"][kind] / row["commits"], "==", wanted)
        yield (f"commit of {shape} B, requests the server saw and we did not count",
               lambda row=row: sum(abs(row["server"][kind] - row["client_total"][kind])
                                   for kind in row["server"]), "==", 0)


def latency_targets(r):
    for atoms in (1, 100, 1000):
        for floor in ("bare_put", "bare_put, If-None-Match"):
            yield (f"commit of {atoms} x 200 B, p50, to {floor}",
                   lambda w=f"commit_{atoms}", f=floor: r.ratio(w, f), "<=", 1.15)


def byte_targets(r):
    for shape, row in r.workloads.get("requests", {"extra": {}})["extra"].items():
        least = row["without_commit_record"]
        why = f" (the format's least without the commit's record: {least:.3f})" if least > 1.05 else ""
        yield f"bytes uploaded per byte, {shape} B a commit{why}", lambda row=row: row["bytes_per_byte"], "<=", 1.05
    yield "bytes uploaded per byte, bulk", lambda: r.extra("bulk", "bytes_per_byte"), "<=", 1.05


def bulk_targets(r):
    yield "bulk push, to rclone", lambda: r.ratio("bulk", "rclone"), ">=", 0.95


def cold_targets(r):
    for name in long_logs(r):
        for state in ("cold", "cold_merged"):
            for which in ("any", "across_blocks"):
                rows = r.extra(name, state, which)
                if rows["requests"]:
                    what = f"{name}, {state.replace('_', ' ')} get, {which.replace('_', ' ')}"
                    yield f"{what}, requests at most", lambda x=rows: max(x["requests"]), "==", 1
                    yield f"{what}, bytes at most", lambda x=rows: max(x["bytes"]), "<=", BLOCK


def open_targets(r):
    for name in ["log_10", *long_logs(r)]:
        for state in ("open", "open_merged") if name != "log_10" else ("open",):
            yield (f"{name}, {state.replace('_', ' ')}, requests one after the other to the first atom",
                   lambda n=name, s=state: max(row["sequential"] for row in r.extra(n, s)), "<=", 3)


def idle_targets(r):
    stores, seconds = r.extra("idle", "stores"), r.extra("idle", "seconds")
    yield ("idle, lists of all", lambda: sum(row["counts"]["lists"] for row in stores.values()), "==", 0)
    for name, row in stores.items():
        counts = row["counts"]
        polls = seconds * 1000 / r.extra("idle", "poll_interval_ms") if name.startswith("reader,") else 0
        yield (f"idle for {seconds} s, {name}, requests",
               lambda c=counts: c["puts"] + c["gets"] + c["lists"] + c["deletes"], "<=", polls)


def merge_targets(r):
    for name in long_logs(r):
        yield f"{name}, objects left by the merge", lambda n=name: r.extra(n, "after_merge", "objects"), "<=", 10
        yield (f"{name}, checked reads meanwhile (a wrong one ends the run)",
               lambda n=name: r.extra(n, "merge", "reads_meanwhile"), ">=", 1)


TARGETS = (request_targets, latency_targets, byte_targets, bulk_targets, cold_targets, open_targets, idle_targets,
           merge_targets)


def judge(report):
    """(lines, whether all data were there)."""
    lines, complete = [], True
    for group in TARGETS:
        try:
            more, good = check.judge(report, (group,))
        except check.Missing as missing:
            more, good = [f"NO DATA     {group.__name__}: {missing}"], False
        lines += more
        complete = complete and good
    return lines, complete


if __name__ == "__main__":
    check.main(judge, __doc__)
