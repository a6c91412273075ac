"""Results as text: JSON with one line a contestant, and table.md."""

import json
import statistics


LOWER_IS_BETTER = ("us", "ns", "ms", "MiB")


def ranked(workload):
    """(contestant, samples), the best median first."""
    sign = 1 if workload["unit"] in LOWER_IS_BETTER else -1
    return sorted(workload["samples"].items(), key=lambda row: sign * statistics.median(row[1]))


def in_order(workload):
    """As ranked(), but where rows are values of something that grows, by that."""
    if "rows" in workload["extra"]:
        return sorted(workload["samples"].items(), key=lambda row: int(row[0]))
    return ranked(workload)


def quartiles(samples):
    """(first, third); of few samples the lowest and the highest."""
    if len(samples) < 4:
        return min(samples), max(samples)
    cuts = statistics.quantiles(samples, n=4, method="inclusive")
    return cuts[0], cuts[2]


def shown(value):
    """Three digits that matter, thousands separated."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(inner) for inner in value]
    return value


def to_json(report):
    """Indented, but every list on one line, so that a diff shows which contestant changed."""
    def lines(value, depth):
        if not isinstance(value, dict):
            return json.dumps(value)
        inner = ",\n".join(f"{' ' * (depth + 1)}{json.dumps(key)}: {lines(one, depth + 1)}"
                           for key, one in value.items())
        return "{\n" + inner + "\n" + " " * depth + "}"
    return lines(rounded(report), 0) + "\n"


def workload_table(name, workload):
    atoms = workload["extra"].get("atoms")
    yield f"### {name} ({workload['unit']}{f', {atoms:,} atoms' if atoms else ''})\n"
    yield f"| {workload['extra'].get('rows', 'contestant')} | median | quartiles | rounds | protobase / it, of medians |"
    yield "|---|---:|---:|---:|---:|"
    ours = workload["samples"].get("protobase")
    for contestant, samples in in_order(workload):
        low, high = quartiles(samples)
        middle = statistics.median(samples)
        ratio = f"{statistics.median(ours) / middle:.2f}" if ours and middle else ""
        yield (f"| {contestant} | {shown(middle)} | {shown(low)} - {shown(high)} | {len(samples)} "
               f"| {ratio} |")
    yield ""
    if "sync_us" in workload["extra"]:
        before, after = map(shown, workload["extra"]["sync_us"])
        yield f"A sync of a small write took {before} us before and {after} us after.\n"


def machine_lines(report):
    machine = report["machine"]
    yield (f"{machine['processor']}, {machine['cores']} cores, {machine['memory_GiB']} GiB, "
           f"Linux {machine['kernel']}, {machine['file_system']}; load {report['load_before'][0]:.1f} "
           f"before, {report['load_after'][0]:.1f} after.\n")
    yield "Versions: " + ", ".join(f"{name} {version}" for name, version in
                                   machine["versions"].items()) + ".\n"
    yield "I/O pressure before and after:\n"
    yield "```text"
    yield from report["pressure_before"]
    yield from report["pressure_after"]
    yield "```\n"


def table(report, verdicts):
    kind = "quick run" if report["quick"] else "full run"
    lines = ["# Side by side", "",
             f"Written by `./dev bench` on {report['date'][:10]} with commit {report['commit']}, {kind}; do not edit. Ratios within "
             "one run are the result,", "absolute figures are this machine's. A target is the median of the ratio within each round, the tables "
             "have the ratio of medians. How each is set: `bench/compare/README.md`.", ""]
    lines += machine_lines(report)
    lines += ["## Targets", "", "```text", *map(str, verdicts), "```", "", "## Figures", ""]
    for name, workload in report["workloads"].items():
        lines += workload_table(name, workload)
    return "\n".join(lines).rstrip() + "\n"
