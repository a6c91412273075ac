#!/usr/bin/env python3
"""Runs protobase-compare group by group and writes results.json, table.md and plots.

Usage: compare.py --program FILE --directory DIR --output DIR [--quick] [--only GROUP,...]

--directory gets up to 20 GB (--quick: 2 GB) of data, removed at the end; it must lie on the disk that is
to be measured. Contestants take turns inside one process wherever that is possible; life-cycle
workloads are processes of their own, and take turns here.
"""

import json
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
import check
import figures
import groups
import plots

IN_PROCESS = ("commits", "pushes", "hot_gets", "small_gets", "codecs", "scan")
STORES = ("protobase", "lmdb", "sqlite", "leveldb", "rocksdb")
ROUNDS = 5
PACKAGES = ("librocksdb-dev", "libleveldb-dev", "liblmdb-dev", "libsqlite3-dev", "liburing-dev",
            "libsimdjson-dev", "nlohmann-json3-dev", "libmsgpack-cxx-dev", "g++")


class Runner:
    """The program, where its data lie, and how much of everything."""

    def __init__(self, arguments):
        self.program, self.directory = arguments.program, arguments.directory
        self.quick = arguments.quick
        self.small_atoms = 200_000 if self.quick else 1_000_000
        self.large_atoms = 2_000_000 if self.quick else 20_000_000
        self.workloads = {}

    def run(self, group, directory, *options, killed=False):
        """The results of one process."""
        command = [self.program, group, "--directory", str(directory), *map(str, options)]
        command += ["--quick"] if self.quick else []
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
        if killed and done.returncode == -signal.SIGKILL:
            return []
        if done.returncode != 0 or killed:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}")
        return json.loads(done.stdout)

    def keep(self, results):
        groups.keep(self.workloads, results)

    def keep_open(self, workload, atoms, results):
        for result in results:
            result["workload"], result["extra"] = workload, {"atoms": atoms}
        self.keep(results)

    def fresh(self, name):
        """An empty directory."""
        place = self.directory / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        return place

    def in_process(self, group):
        place = self.fresh(group)
        self.keep(self.run(group, place))
        shutil.rmtree(place)

    def open(self):
        clean, killed = self.fresh("clean"), self.fresh("killed")
        for store in STORES:
            self.run("populate", clean, "--store", store, "--atoms", self.small_atoms)
            self.run("populate", killed, "--store", store, "--atoms", self.small_atoms, "--kill",
                     killed=True)
        for turn in range(ROUNDS):
            for store in STORES:
                self.open_once("open_clean", self.small_atoms, clean, store)
                self.open_once("open_killed", self.small_atoms, killed, store, turn > 0)
        shutil.rmtree(clean)
        shutil.rmtree(killed)

    def open_once(self, workload, atoms, place, store, kill_first=False):
        if kill_first:
            self.run("populate", place, "--store", store, "--atoms", 20_000, "--again", "--kill",
                     killed=True)
        self.keep_open(workload, atoms, self.run("open", place, "--store", store))

    def large(self):
        """The cold gets, and opening of the same large space."""
        place = self.fresh("large")
        for store in ("floor", "protobase", "lmdb"):
            self.run("populate", place, "--store", store, "--atoms", self.large_atoms)
        self.keep(self.run("cold_gets", place, "--atoms", self.large_atoms))
        for _ in range(ROUNDS):
            self.open_once("open_clean_large", self.large_atoms, place, "protobase")
        for _ in range(ROUNDS):
            self.open_once("open_killed_large", self.large_atoms, place, "protobase", True)
        shutil.rmtree(place)

    def memory(self):
        for store in ("protobase", "rocksdb"):
            atoms = self.large_atoms if store == "protobase" else self.large_atoms // 10
            results = self.run("memory", self.fresh("memory"), "--store", store, "--atoms", atoms)
            for result in results:
                result["extra"] = {store: result["extra"]}
            self.keep(results)
        shutil.rmtree(self.directory / "memory")


def measure(arguments):
    runner = Runner(arguments)
    steps = {name: lambda name=name: runner.in_process(name) for name in IN_PROCESS}
    steps |= {"open": runner.open, "large": runner.large, "memory": runner.memory}
    return groups.measure(arguments, steps, runner.workloads, PACKAGES)


def texts(report):
    """{file name: what it holds}, and the verdicts."""
    verdicts, _ = check.judge(report)
    return {"table.md": figures.table(report, verdicts), **plots.all_plots(report["workloads"])}, verdicts


def main():
    arguments = groups.parser(__doc__).parse_args()
    groups.run(arguments, measure, "results.json", texts)
    if arguments.quick:
        print("quick: data are a tenth, cold and memory figures are of 2 million atoms")


if __name__ == "__main__":
    main()
