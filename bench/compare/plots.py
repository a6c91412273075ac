"""Plots as SVG, written by hand: bars of medians, a line from the first to the third quartile."""

import statistics
from xml.sax.saxutils import escape

from figures import LOWER_IS_BETTER, quartiles, ranked, shown

FILES = {
    "commits.svg": ("commit_one", "commit_1000x200", "commit_1000x1024", "commit_threads_8",
                    "commit_threads_32"),
    "pushes.svg": ("push_in_memory", "push_sustained", "blobs_1MiB", "blobs_64MiB"),
    "gets.svg": ("get_hot", "get_hot_two_threads", "get_small", "get_page_cache"),
    "cold_gets.svg": ("get_cold", "get_cold_32_threads", "get_cold_many"),
    "codecs.svg": ("json_decode", "json_encode", "msgpack_decode", "msgpack_encode"),
    "open.svg": ("open_clean", "open_killed", "open_clean_large", "open_killed_large"),
}
WIDTH, LEFT, RIGHT, BAR, TITLE = 760, 190, 110, 20, 34


def bar(name, samples, scale, y):
    middle = statistics.median(samples)
    low, high = (LEFT + value * scale for value in quartiles(samples))
    colour = "#c2410c" if name.startswith("protobase") else "#64748b"
    centre = y + BAR / 2 - 2
    return (f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{LEFT}" y="{y}" width="{middle * scale:.1f}" height="{BAR - 4}" '
            f'fill="{colour}"/>'
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{centre}" y2="{centre}" stroke="#000" '
            f'stroke-width="2"/>'
            f'<text x="{max(LEFT + middle * scale, high) + 6:.1f}" y="{y + 12}">{shown(middle)}</text>')


def panel(name, workload, top):
    """(SVG, height) of one workload."""
    rows = workload["samples"]
    largest = max(quartiles(samples)[1] for samples in rows.values())
    scale = (WIDTH - LEFT - RIGHT) / (largest or 1)
    better = "lower" if workload["unit"] in LOWER_IS_BETTER else "higher"
    parts = [f'<text x="8" y="{top + 20}" font-weight="bold">{escape(name)}: {workload["unit"]}, '
             f'{better} is better</text>']
    parts += [bar(row, samples, scale, top + TITLE + i * BAR)
              for i, (row, samples) in enumerate(ranked(workload))]
    return "\n".join(parts), TITLE + len(rows) * BAR + 10


def plot(names, workloads):
    parts, top = [], 0
    for name in names:
        if name in workloads:
            part, height = panel(name, workloads[name], top)
            parts.append(part)
            top += height
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" '
            f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" '
            f'fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n")


def all_plots(workloads):
    """{file name: SVG} of every file that has a workload."""
    return {file: plot(names, workloads) for file, names in FILES.items()
            if any(name in workloads for name in names)}
