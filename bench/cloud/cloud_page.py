"""cloud.md: what was measured at a bucket, as tables."""

import statistics

import figures
from figures import shown


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def head(*cells):
    return [row(*cells), "|" + "---|" * len(cells)]


def requests_table(rows):
    yield "## Requests and bytes of a commit\n"
    yield "Steady state, as the client counts; `log` of the server: all requests of that store, opening included.\n"
    yield from head("atoms x B", "commits", "PUT", "LIST", "GET", "bytes sent per byte pushed", "all PUT, GET, LIST: ours",
                    "log of the server")
    for name, one in rows.items():
        ours, seen, counts = one["client_total"], one["server"], one["counts"]
        yield row(name, one["commits"], *(f"{counts[kind] / one['commits']:g}" for kind in ("puts", "lists", "gets")),
                  f"{one['bytes_per_byte']:.3f}", ", ".join(str(ours[kind]) for kind in ("puts", "gets", "lists")),
                  ", ".join(str(seen[kind]) for kind in ("puts", "gets", "lists")))
    yield ("\nA record has 16 bytes of framing and is padded to 8, a commit has a header of 256 bytes and a record of 96 "
           "with its framing. So 1.05\ncannot be reached by records of 200 B in any number (216 / 200 = 1.08), nor by "
           "commits of fewer than about 7,000 B.\n")


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


def page(report, verdicts):
    kind = "quick run" if report["quick"] else "full run"
    machine = report["machine"]
    lines = ["# A bucket, measured", "",
             f"Written by `./dev bench --cloud` on {report['date'][:10]} with commit {report['commit']}, {kind}; do not edit. "
             "Ratios within one run are the", "result. How it measures: `bench/cloud/README.md`.", "",
             f"Server on the loopback interface: {report['server']}, objects in memory, on the same cores. "
             f"Seeds: {report['seeds']}.", ""]
    lines += figures.machine_lines({**report, "machine": machine})
    lines += ["## Targets", "", "```text", *verdicts, "```", ""]
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
