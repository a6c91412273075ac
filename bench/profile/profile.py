#!/usr/bin/env python3
"""Counts what an operation costs: instructions, cache misses, system calls, bytes copied.

Usage: profile.py --program FILE --directory DIR [--only NAME,...]

Needs valgrind, strace and, for the names that end in _time, perf. Every measurement runs protobase-profile twice, doing its work N and 2N times;
the difference by N is printed as a table in Markdown, so that set-up and closing cancel. (perf is told when to look.) --directory holds
up to 2 GB for a while; system calls of commits and cold gets mean most on a real disk.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

# Caches as valgrind shall imagine them: 32 KiB, and 32 MiB as the last level. Fixed, so that the figures do
# not depend on the machine. What a processor does ahead of need is not simulated.
CACHES = ("--I1=32768,8,64", "--D1=32768,8,64", "--LL=33554432,16,64")
TOP = 6           # functions shown of each kind of work, by instructions,
MUCH = 0.1        # and those with that share of the cache misses, if there is
ANY_MISSES = 0.1  # as much as this of them
LITTLE_TIME = 0.02  # of all samples, that a function is shown for
LITTLE = 0.005    # calls a time that are the chance of a background thread
# `unit`: how many operations the figures are of.
Work = collections.namedtuple("Work", "tool work count options unit", defaults=((), 1))
SMALL, LARGE = ("--records", 10_000), ("--records", 1_000_000)
SIZES = (16, 1024, 4096, 65536)
FREQUENCY = 3999  # samples a second of processor time; no round number, so that they meet no rhythm

MEASUREMENTS = {
    "push": Work("instructions", "push", 200_000),
    "commit": Work("instructions", "commit", 2_000),
    "bytes_cache": Work("instructions", "get_bytes_cache", 200_000, SMALL),
    "bytes_cache_1m": Work("instructions", "get_bytes_cache", 200_000, LARGE),
    "object_cache": Work("instructions", "get_object_cache", 200_000, SMALL),
    "object_cache_1m": Work("instructions", "get_object_cache", 200_000, LARGE),
    "page_cache": Work("instructions", "get_page_cache", 100_000, SMALL),
    "mapped": Work("instructions", "get_mapped", 100_000, SMALL),
    "push_calls": Work("calls", "push", 200_000, unit=1000),
    "commit_calls": Work("calls", "commit", 1_000),
    "commit_calls_8": Work("calls", "commit", 500, ("--threads", 8)),
    "commit_calls_32": Work("calls", "commit", 200, ("--threads", 32)),
    "cold_calls": Work("calls", "get_cold", 1_000, SMALL),
    "open_1": Work("calls", "open", 10, ("--records", 1)),
    "open_10": Work("calls", "open", 10, ("--records", 10)),
    "open_100": Work("calls", "open", 10, ("--records", 100)),
    "open_1_instructions": Work("instructions", "open", 10, ("--records", 1)),
    "open_10_instructions": Work("instructions", "open", 10, ("--records", 10)),
    "open_100_instructions": Work("instructions", "open", 10, ("--records", 100)),
    "blob": Work("copies", "blob", 1),
    "blob_calls": Work("calls", "blob", 2),
    **{f"push_{size}": Work("instructions", "push", 4_000, ("--size", size)) for size in SIZES},
    **{f"page_cache_{size}": Work("instructions", "get_page_cache", 10_000, ("--records", 1_000, "--size", size))
       for size in SIZES},
    **{f"mapped_{size}": Work("instructions", "get_mapped", 10_000, ("--records", 1_000, "--size", size)) for size in SIZES},
    "push_time": Work("samples", "push", 5_000_000),
    "push_4096_time": Work("samples", "push", 200_000, ("--size", 4096)),
    "push_65536_time": Work("samples", "push", 15_000, ("--size", 65536)),
    "commit_time": Work("samples", "commit", 10_000),
    "bytes_cache_1m_time": Work("samples", "get_bytes_cache", 3_000_000, LARGE),
    "object_cache_1m_time": Work("samples", "get_object_cache", 3_000_000, LARGE),
    "page_cache_1m_time": Work("samples", "get_page_cache", 2_000_000, LARGE),
    "mapped_1m_time": Work("samples", "get_mapped", 3_000_000, LARGE),
    "cold_4m_time": Work("samples", "get_cold", 20_000, ("--records", 4_000_000)),
}


class Tools:
    """Runs the program under a tool; each answer is a Counter."""

    def __init__(self, program, directory):
        self.program, self.directory = program, directory
        self.output = directory / "output"

    def run(self, tool, work, count, reads=True):
        space = self.directory / "space"
        shutil.rmtree(space, ignore_errors=True)
        command = [*map(str, tool), self.program, work.work, "--directory", str(space), "--count",
                   str(count), *map(str, work.options)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
        shutil.rmtree(space)
        return self.output.read_text(encoding="utf-8", errors="replace") if reads else ""

    def instructions(self, work, count):
        """(function, event): how often; the function "" is all of them."""
        text = self.run(("valgrind", "--tool=cachegrind", "--cache-sim=yes", *CACHES,
                         f"--cachegrind-out-file={self.output}"), work, count)
        counts, function, events = collections.Counter(), "", []
        for line in text.splitlines():
            if line.startswith("events:"):
                events = line.split()[1:]
            elif line.startswith("fn="):
                function = line[3:]
            elif line[:1].isdigit():
                for event, value in zip(events, line.split()[1:]):
                    counts[function, event] += int(value)
                    counts["", event] += int(value)
        return counts

    def calls(self, work, count):
        """(system call, "calls" or "bytes"): how many; bytes are those of reads and writes."""
        text = self.run(("strace", "-f", "-o", self.output), work, count)
        counts = collections.Counter()
        for line in text.splitlines():
            # A call that another thread's interrupts is two lines; the second one has the result.
            found = re.match(r"\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed>).* = (-?\w+)", line)
            if not found:
                continue
            name, value = found.groups()
            counts[name, "calls"] += 1
            if re.match(r"p?(read|write)", name) and value.isdigit():
                counts[name, "bytes"] += int(value)
        return counts

    def samples(self, work, count):
        """(function, "samples"): of processor time, in user space and in the kernel; "" is all of them."""
        samples, control = self.directory / "samples", self.directory / "control"
        for fifo in (control, pathlib.Path(f"{control}.ack")):
            fifo.unlink(missing_ok=True)
            os.mkfifo(fifo)
        listening = work._replace(options=(*work.options, "--control", control))
        self.run(("perf", "record", "-q", "-e", "cpu-clock", "-F", FREQUENCY, "-o", samples, "--delay=-1",
                  f"--control=fifo:{control},{control}.ack"), listening, count, reads=False)
        report = subprocess.run(("perf", "report", "-i", samples, "--no-children", "-F", "sample,sym", "-t", ";", "--stdio"),
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
        counts = collections.Counter()
        for line in report.splitlines():
            found = re.match(r"\s*(\d+)\s*;\[(.)\] (.*)", line)
            if found:
                number, space, function = found.groups()
                counts[short(function) + (", kernel" if space == "k" else ""), "samples"] += int(number)
                counts["", "samples"] += int(number)
        return counts

    def copies(self, work, count):
        """(where, "bytes"): copied in user space by memcpy, memmove and their kin; "" is everywhere."""
        text = self.run(("valgrind", "--tool=dhat", "--mode=copy", f"--dhat-out-file={self.output}"),
                        work, count)
        profile = json.loads(text)
        counts = collections.Counter()
        for point in profile["pps"]:
            frames = [profile["ftbl"][i] for i in point["fs"]]
            place = next((frame for frame in frames if "protobase::" in frame), frames[-1])
            place = re.sub(r"^0x\w+: ", "", place)
            counts[place, "bytes"] += point["tb"]
            counts["", "bytes"] += point["tb"]
        return counts


def short(function):
    """Without arguments and the project's own namespace."""
    name = re.sub(r"'\d+$", "", function)
    while True:
        bare = re.sub(r"<[^<>]*>|\([^()]*\)", "", name)
        if bare == name:
            break
        name = bare
    return name.replace("protobase::", "").replace(" const", "").strip()


def show_instructions(counts):
    print("| function | instructions | data misses, 32 KiB | data misses, 32 MiB |\n|---|---|---|---|")
    functions = {function for function, _ in counts}
    first = {function: counts[function, "D1mr"] + counts[function, "D1mw"] for function in functions}
    last = {function: counts[function, "DLmr"] + counts[function, "DLmw"] for function in functions}
    ranked = sorted(functions, key=lambda f: (f != "", -counts[f, "Ir"]))
    for rank, function in enumerate(ranked):
        missing = any(misses[function] > MUCH * max(misses[""], ANY_MISSES) for misses in (first, last))
        if rank <= TOP or missing:
            print(f"| {short(function) or '**all**'} | {counts[function, 'Ir']:.0f} | "
                  f"{first[function]:.2f} | {last[function]:.2f} |")


def show_plain(what):
    def show(counts):
        print(f"| {what} | calls | bytes |\n|---|---|---|")
        for name in sorted({name for name, _ in counts}):
            calls, size = counts[name, "calls"], counts[name, "bytes"]
            if calls > LITTLE or (size > 0 and not calls):
                print(f"| {short(name) or '**all**'} | {calls:.4g} | {size:.0f} |")
    return show


def show_samples(counts):
    print("| function | ns | share |\n|---|---|---|")
    every = counts["", "samples"]
    for (function, _), number in sorted(counts.items(), key=lambda one: (one[0][0] != "", -one[1])):
        if number >= LITTLE_TIME * every:
            print(f"| {function or '**all**'} | {number * 1e9 / FREQUENCY:.3g} | {number / every:.0%} |")


SHOW = {"instructions": show_instructions, "samples": show_samples, "calls": show_plain("system call"),
        "copies": show_plain("copied in")}


def measure(tools, name):
    work = MEASUREMENTS[name]
    count_of = getattr(tools, work.tool)
    watched = work.tool == "samples"  # no set-up is among them
    once = collections.Counter() if watched else count_of(work, work.count)
    twice = count_of(work, work.count if watched else 2 * work.count)
    threads = dict(zip(work.options[::2], work.options[1::2])).get("--threads", 1)
    times = work.count * threads
    difference = collections.defaultdict(float)
    for key in once | twice:
        difference[key] = (twice[key] - once[key]) * work.unit / times
    print(f"\n{name}: {' '.join(map(str, (work.work, *work.options)))}; of {work.unit}, out of {times}\n")
    SHOW[work.tool](difference)
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--directory", required=True, type=pathlib.Path)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(MEASUREMENTS),
                        help=f"of {', '.join(MEASUREMENTS)}")
    arguments = parser.parse_args()
    for name in arguments.only:
        if name not in MEASUREMENTS:
            parser.error(f"no measurement is called {name}")
    arguments.directory.mkdir(parents=True)
    try:
        for name in arguments.only:
            measure(Tools(arguments.program, arguments.directory), name)
    finally:
        shutil.rmtree(arguments.directory)


if __name__ == "__main__":
    main()
