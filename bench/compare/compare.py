#!/usr/bin/env python3
"""Runs protobase-compare group by group and writes results.json, table.md and plots.

Usage: compare.py --program FILE --directory DIR --output DIR [--quick] [--only GROUP,...]

--directory gets up to 28 GB (--quick: 3 GB) of data, removed at the end; it must lie on the disk that is
to be measured. Contestants take turns inside one process wherever that is possible; life-cycle
workloads are processes of their own, and take turns here.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
import check
import figures
import groups
import plots

IN_PROCESS = ("commits", "pushes", "hot_gets", "small_gets", "codecs", "scan", "growth")
STORES = ("protobase", "lmdb", "sqlite", "leveldb", "rocksdb")
PACKAGES = ("librocksdb-dev", "libleveldb-dev", "liblmdb-dev", "libsqlite3-dev", "liburing-dev",
            "libsimdjson-dev", "nlohmann-json3-dev", "libmsgpack-cxx-dev", "valgrind", "g++")


class Runner:
    """The program, where its data lie, and how much of everything."""

    def __init__(self, arguments):
        self.program, self.directory = arguments.program, arguments.directory
        self.quick = arguments.quick
        self.small_atoms = 200_000 if self.quick else 1_000_000
        self.large_atoms = 2_000_000 if self.quick else 20_000_000
        self.rounds = 3 if self.quick else 5  # of what is a process each
        self.workloads = {}

    def run(self, group, directory, *options, killed=False, tool=()):
        """The results of one process; `tool` is what it runs under."""
        command = [*tool, self.program, group, "--directory", str(directory), *map(str, options)]
        command += ["--quick"] if self.quick else []
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
        if killed and done.returncode == -signal.SIGKILL:
            return []
        if done.returncode != 0 or killed:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}")
        return json.loads(done.stdout)

    def keep(self, results):
        groups.keep(self.workloads, results)

    def drop(self, *places):
        for place in places:
            shutil.rmtree(place)

    def fresh(self, name):
        """An empty directory."""
        place = self.directory / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        return place

    def in_process(self, group):
        place = self.fresh(group)
        self.keep(self.run(group, place))
        self.drop(place)

    def open(self):
        clean, killed = self.fresh("clean"), self.fresh("killed")
        kept = []
        for store in STORES:
            self.populate(clean, store, self.small_atoms)
            self.populate(killed, store, self.small_atoms, "--kill")
            kept.append(Kept(killed / store, self.fresh(f"kept/{store}")))
        for turn in range(self.rounds):
            for store, state in zip(STORES, kept):
                self.open_once("open_clean", self.small_atoms, clean, store)
                if turn > 0:
                    state.put_back()
                self.open_once("open_killed", self.small_atoms, killed, store)
        self.drop(clean, killed, self.directory / "kept")

    def populate(self, place, store, atoms, *options):
        self.run("populate", place, "--store", store, "--atoms", atoms, *options, killed="--kill" in options)

    def open_once(self, workload, atoms, place, store, label=None):
        results = self.run("open", place, "--store", store)
        for result in results:
            result["workload"], result["extra"] = workload, {"atoms": atoms}
            result["samples"] = {label or store: samples for samples in result["samples"].values()}
        self.keep(results)

    def large(self):
        """Opening a large space after a kill, beside a small one, and after a close; then cold gets out of it."""
        large, small = self.fresh("large"), self.fresh("small")
        self.populate(large, "protobase", self.large_atoms, "--kill")
        self.populate(small, "protobase", self.small_atoms, "--kill")
        kept = [Kept(place / "protobase", self.fresh(f"kept/{place.name}")) for place in (large, small)]
        for end in ("killed", "clean"):
            for turn in range(self.rounds):
                if end == "killed" and turn > 0:
                    for state in kept:
                        state.put_back()
                self.open_once(f"open_{end}_large", self.large_atoms, large, "protobase")
                self.open_once(f"open_{end}_large", self.large_atoms, small, "protobase", "protobase_small")
        self.drop(small, self.directory / "kept")
        for store in ("floor", "lmdb", "rocksdb", "sqlite"):
            self.populate(large, store, self.large_atoms)
        self.keep(self.run("cold_gets", large, "--atoms", self.large_atoms))
        self.drop(large)

    def memory(self):
        for store in ("protobase", "protobase_mapped_once", "rocksdb"):
            atoms = self.large_atoms // 10 if store == "rocksdb" else self.large_atoms
            results = self.run("memory", self.fresh("memory"), "--store", store, "--atoms", atoms)
            for result in results:
                result["extra"] = {store: result["extra"]}
            self.keep(results)
        self.drop(self.directory / "memory")

    def copies(self):
        """How often a blob's bytes are copied in user space, by memcpy and its kin; the floor shows that they are seen."""
        for store in ("protobase", "floor"):
            (once, size), (twice, _) = (self.copied(store, blobs) for blobs in (1, 2))
            self.keep([{"workload": "blob_copies", "unit": "times", "samples": {store: [(twice - once) / size]}, "extra": {}}])

    def copied(self, store, blobs):
        """(bytes copied while so many blobs are committed, bytes of each)."""
        place = self.fresh("copies")
        counts = self.directory / "copies.json"
        tool = ("valgrind", "-q", "--tool=dhat", "--mode=copy", f"--dhat-out-file={counts}")
        results = self.run("blob_copies", place, "--store", store, "--atoms", blobs, tool=tool)
        copied = sum(point["tb"] for point in json.loads(counts.read_text(encoding="utf-8"))["pps"])
        self.drop(place)
        return copied, results[0]["samples"][store][0]


class Kept:
    """A space as a killed process left it, put back after an opening has changed it. Large files but the one written last
    are not copied: they are looked at instead, since an opening that wrote to them would show a later one another space."""

    LARGE = 512 << 20

    def __init__(self, space, copies):
        self.space, self.copies = space, copies
        newest = max(self.files(), key=lambda file: file.stat().st_mtime_ns)
        self.large = {file: self.look(file) for file in self.files() if file.stat().st_size > self.LARGE and file != newest}
        self.copy(space, copies)

    def files(self):
        return [file for file in self.space.rglob("*") if file.is_file()]

    @staticmethod
    def look(file):
        status = file.stat()
        return status.st_size, status.st_mtime_ns

    def copy(self, source, target):
        """All but the large ones, synced."""
        def skipped(folder, names):
            return [name for name in names if pathlib.Path(folder, name) in self.large]
        shutil.copytree(source, target, ignore=skipped, dirs_exist_ok=True)
        for file in target.rglob("*"):
            if file.is_file():
                with file.open("rb+") as opened:
                    os.fsync(opened.fileno())

    def put_back(self):
        for file in self.files():
            if file not in self.large:
                file.unlink()
            elif self.look(file) != self.large[file]:
                raise RuntimeError(f"opening changed {file}, which was not copied")
        self.copy(self.copies, self.space)


def measure(arguments):
    runner = Runner(arguments)
    steps = {name: lambda name=name: runner.in_process(name) for name in IN_PROCESS}
    steps |= {"open": runner.open, "large": runner.large, "memory": runner.memory,
              "copies": runner.copies}
    if arguments.quick and not arguments.only:
        del steps["growth"]  # takes half a minute, and has no targets
    return groups.measure(arguments, steps, runner.workloads, PACKAGES)


def texts(report):
    """{file name: what it holds}, and the verdicts."""
    verdicts, _ = check.judge(report)
    return {"table.md": figures.table(report, verdicts), **plots.all_plots(report["workloads"])}, verdicts


def main():
    arguments = groups.parser(__doc__).parse_args()
    if arguments.quick:
        print("quick: data are a tenth, cold and memory figures are of 2 million atoms")
    groups.run(arguments, measure, "results.json", texts)


if __name__ == "__main__":
    main()
