"""cloud.md: what was measured at a bucket, as tables."""

import statistics

import cloud_check
import figures
from check import STATED
from figures import shown

WORDS = {"pass": "pass", "FALL SHORT": "falls short", STATED: STATED, "NO DATA": "no data"}


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def head(*cells):
    return [row(*cells), "|" + "---|" * len(cells)]


def requests_table(rows):
    yield "## Requests and bytes of a commit\n"
    yield "Steady state, as the client counts; `log` of the server: all requests of that store, opening included.\n"
    yield from head("atoms x B", "commits", "PUT", "LIST", "GET", "bytes sent per byte pushed", "floor that framing sets",
                    "own bytes of a commit", "PUT, GET, LIST, DELETE: ours", "log of the server")
    for name, one in rows.items():
        counts, commits = one["counts"], one["commits"]
        least, _ = cloud_check.framed(name)
        yield row(name, commits, *(f"{counts[kind] / commits:g}" for kind in ("puts", "lists", "gets")),
                  f"{one['bytes_per_byte']:.4f}", f"{cloud_check.framing_floor(name):.4f}",
                  shown(counts["bytes_sent"] / commits - least),
                  *(", ".join(str(one[side][kind]) for kind in cloud_check.KINDS) for side in ("client_total", "server")))
    yield (f"\nA record has {cloud_check.RECORD_BYTES} bytes of framing and is padded to {cloud_check.ALIGNMENT}: the floor, "
           "whatever the number of records. What a commit has of its own beside\nthem is its header and its own record. So "
           "1.05 cannot be reached by atoms of less than 320 B in any number, nor by commits of few bytes.\n")


def idle_table(extra):
    yield f"## Idle for {extra['seconds']} s\n"
    yield from head("store", "asked for its root", "PUT", "GET", "LIST")
    for name, one in extra["stores"].items():
        counts = one["counts"]
        yield row(name, f"{one['asked']:,}", counts["puts"], counts["gets"], counts["lists"])
    yield f"\n`poll_interval_ms` is {extra['poll_interval_ms']}.\n"


def openings(name, extra):
    for state in ("open", "open_merged"):
        if state in extra:
            rows = extra[state]
            requests = [sum(one["counts"][kind] for kind in ("gets", "lists")) for one in rows]
            yield row(name, state.replace("_", ", "), max(one["sequential"] for one in rows), max(requests),
                      f"{max(one['counts']['bytes_received'] for one in rows):,}",
                      shown(statistics.median(one["ms"] for one in rows)))


def open_table(logs):
    yield "## From the bucket alone to the first atom\n"
    yield from head("log", "state", "requests one after the other", "requests", "bytes", "ms (median)")
    for name, extra in logs.items():
        yield from openings(name, extra)
    yield ""


def cold_table(logs):
    yield "## A cold get of 200 B\n"
    yield from head("log", "state", "which", "requests, at most", "bytes of bodies, at most", "ms (median, quartiles)")
    for name, extra in logs.items():
        for state in ("cold", "cold_merged"):
            for which, one in extra.get(state, {}).items():
                if one["ms"]:
                    low, high = figures.quartiles(one["ms"])
                    yield row(name, state.replace("_", ", "), which.replace("_", " "), max(one["requests"]),
                              f"{max(one['bytes']):,}",
                              f"{shown(statistics.median(one['ms']))}, {shown(low)} - {shown(high)}")
    yield ""


def log_table(logs):
    yield "## A long log, and merging it\n"
    yield ("Atoms of 200 B, one a commit, without merging in between. Then `merge()`, while a reader without a cache gets atoms "
           "at random and the root,\nand checks every byte; afterwards 1,000 are checked once more. `mock`: against "
           "`MockS3Client` in the process, which\nhas the requests and bytes of a server and not its times.\n")
    yield from head("log", "commits", "s", "commits/s", "PUT", "bytes sent", "objects before", "merge, s", "PUT", "GET", "LIST",
                    "DELETE", "bytes merged", "checked reads", "objects left", "bytes left")
    for name, extra in logs.items():
        if "merge" not in extra:
            continue
        made, merge, left = extra["commit"], extra["merge"], extra["after_merge"]
        counts = merge["counts"]
        yield row(name, f"{made['commits']:,}", shown(made["seconds"]), shown(made["commits"] / made["seconds"]),
                  f"{made['counts']['puts']:,}", f"{made['counts']['bytes_sent']:,}",
                  f"{extra['before_merge']['objects']:,}", shown(merge["seconds"]), counts["puts"],
                  f"{counts['gets']:,}", counts["lists"], counts["deletes"], f"{merge['bytes']:,}",
                  f"{merge['reads_meanwhile']:,}", left["objects"], f"{left['bytes']:,}")
    yield ""


def timed(name, workload):
    yield f"### {name} ({workload['unit']})\n"
    yield from head("contestant", "median", "quartiles", "rounds", "p95")
    for contestant, samples in figures.ranked(workload):
        low, high = figures.quartiles(samples)
        p95 = workload["extra"].get("p95_us", {}).get(contestant)
        yield row(contestant, shown(statistics.median(samples)), f"{shown(low)} - {shown(high)}", len(samples),
                  shown(p95) if p95 else "")
    yield ""


def targets_table(measures):
    """One part a measure that was asked for: how it went in all, then figure by figure."""
    yield "## Targets\n"
    yield from head("measure", "target", "measured", "")
    for name, wanted, verdicts in measures:
        judged = [one for one in verdicts if one.word != STATED]
        good = sum(one.word == "pass" for one in judged)
        yield row(f"**{name}**", f"**{wanted}**", f"**{good} of {len(judged)} pass**",
                  "**pass**" if good == len(judged) else "**falls short**")
        for one in verdicts:
            yield row(one.text, one.target, one.figure, WORDS[one.word])
    yield ""


def page(report, measures):
    kind = "quick run" if report["quick"] else "full run"
    lines = ["# A bucket, measured", "",
             f"Written by `./dev bench --cloud` on {report['date'][:10]} with commit {report['commit']}, {kind}; do not edit. "
             "Ratios within one run are the", "result. How it measures: `bench/cloud/README.md`.", "",
             f"Server on the loopback interface: {report['server']}, objects in memory, on the same cores. "
             f"Seeds: {report['seeds']}.", ""]
    lines += figures.machine_lines(report)
    lines += targets_table(measures)
    workloads = report["workloads"]
    logs = {name: one["extra"] for name, one in workloads.items() if name.startswith("log_")}
    if "requests" in workloads:
        lines += requests_table(workloads["requests"]["extra"])
    times = {name: one for name, one in workloads.items() if one["samples"]}
    if times:
        lines += ["## Times", "", "![medians and quartiles](cloud.svg)", ""]
    for name, workload in times.items():
        lines += timed(name, workload)
    if logs:
        lines += [*open_table(logs), *cold_table(logs), *log_table(logs)]
    if "idle" in workloads:
        lines += idle_table(workloads["idle"]["extra"])
    return "\n".join(lines).rstrip() + "\n"
