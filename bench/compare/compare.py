#!/usr/bin/env python3
"""Runs protobase-compare group by group and writes results.json, table.md and plots.

Usage: compare.py --program FILE --directory DIR --output DIR [--quick] [--only GROUP,...]

--directory gets up to 20 GB (--quick: 2 GB) of data, removed at the end; it must lie on the disk that is
to be measured. Contestants take turns inside one process wherever that is possible; life-cycle
workloads are processes of their own, and take turns here.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import check
import figures
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
        for result in results:
            row = self.workloads.setdefault(
                result["workload"], {"unit": result["unit"], "samples": {}, "extra": {}})
            for name, samples in result["samples"].items():
                row["samples"].setdefault(name, []).extend(samples)
            row["extra"].update(result["extra"])

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


def pressure():
    try:
        return pathlib.Path("/proc/pressure/io").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ["not known here"]


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def versions(packages):
    found = {}
    for package in packages:
        done = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True,
                              text=True, check=False)
        found[package] = done.stdout.strip() or "not from a package"
    return found


def file_system(directory):
    done = subprocess.run(["findmnt", "-n", "-o", "FSTYPE", "-T", str(directory)], capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() or "not known"


def machine(directory, packages=PACKAGES):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"processor": processor(), "cores": os.cpu_count(), "memory_GiB": round(memory, 1),
            "kernel": platform.release(), "file_system": file_system(directory),
            "versions": versions(packages)}


def measure(arguments):
    runner = Runner(arguments)
    arguments.directory.mkdir(parents=True, exist_ok=True)
    groups = [(name, lambda name=name: runner.in_process(name)) for name in IN_PROCESS]
    groups += [("open", runner.open), ("large", runner.large), ("memory", runner.memory)]
    report = {"date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
              "quick": arguments.quick, "machine": machine(arguments.directory),
              "pressure_before": pressure(), "load_before": os.getloadavg(), "seconds": {}}
    for name, run in groups:
        if arguments.only and name not in arguments.only:
            continue
        print(f"{name} ...", end=" ", flush=True)
        start = time.monotonic()
        run()
        report["seconds"][name] = round(time.monotonic() - start, 1)
        print(f"{report['seconds'][name]} s", flush=True)
    report.update(pressure_after=pressure(), load_after=os.getloadavg(), workloads=runner.workloads)
    return report


def write(report, output):
    output.mkdir(parents=True, exist_ok=True)
    (output / "results.json").write_text(figures.to_json(report), encoding="utf-8")
    lines, _ = check.judge(report)
    (output / "table.md").write_text(figures.table(report, lines), encoding="utf-8")
    for name, picture in plots.all_plots(report["workloads"]).items():
        (output / name).write_text(picture, encoding="utf-8")
    print(*lines, sep="\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--directory", required=True, type=pathlib.Path)
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--quick", action="store_true", help="less data, fewer rounds")
    parser.add_argument("--only", type=lambda text: text.split(","), help="groups, by commas")
    arguments = parser.parse_args()
    try:
        write(measure(arguments), arguments.output)
    finally:
        shutil.rmtree(arguments.directory, ignore_errors=True)
    if arguments.quick:
        print("quick: data are a tenth, cold and memory figures are of 2 million atoms")


if __name__ == "__main__":
    main()
