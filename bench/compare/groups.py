"""What bench/compare and bench/cloud do alike: the command line, one group after the other, and what machine it was."""

import argparse
import datetime
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time

import figures


def parser(usage):
    made = argparse.ArgumentParser(description=usage.split("\n", 1)[0])
    made.add_argument("--program", required=True)
    made.add_argument("--directory", required=True, type=pathlib.Path)
    made.add_argument("--output", required=True, type=pathlib.Path)
    made.add_argument("--quick", action="store_true", help="less data, fewer rounds")
    made.add_argument("--only", type=lambda text: text.split(","), help="groups, by commas")
    return made


def commit_id():
    done = subprocess.run(["git", "-C", pathlib.Path(__file__).parent, "describe", "--always", "--dirty", "--abbrev=12"],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip() or "not known"


def keep(workloads, results):
    """Adds the program's results to those of earlier processes."""
    for result in results:
        row = workloads.setdefault(result["workload"], {"unit": result["unit"], "samples": {}, "extra": {}})
        for name, samples in result["samples"].items():
            row["samples"].setdefault(name, []).extend(samples)
        row["extra"].update(result["extra"])


def measure(arguments, steps, workloads, packages, **about):
    """The report. `steps` is what each group does, which leaves its results in `workloads`."""
    report = {"date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
              "quick": arguments.quick, "commit": commit_id(), **about, "machine": machine(arguments.directory, packages),
              "pressure_before": pressure(), "load_before": os.getloadavg(), "seconds": {}}
    for name, step in steps.items():
        if arguments.only and name not in arguments.only:
            continue
        print(f"{name} ...", end=" ", flush=True)
        start = time.monotonic()
        step()
        report["seconds"][name] = round(time.monotonic() - start, 1)
        print(f"{report['seconds'][name]} s", flush=True)
    report.update(pressure_after=pressure(), load_after=os.getloadavg(), workloads=workloads)
    return report


def run(arguments, take_measure, results_file, texts):
    """Measures in an empty --directory, which is removed; writes the report, then `texts(report)`: ({file: text}, verdicts). Ends
    the process with 1 where a target has no data, but with --only, which leaves out most of them."""
    shutil.rmtree(arguments.directory, ignore_errors=True)
    arguments.directory.mkdir(parents=True)
    try:
        report = take_measure(arguments)
    finally:
        shutil.rmtree(arguments.directory, ignore_errors=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / results_file).write_text(figures.to_json(report), encoding="utf-8")
    written, verdicts = texts(report)
    for name, text in written.items():
        (arguments.output / name).write_text(text, encoding="utf-8")
    print(*verdicts, sep="\n")
    missing = sum(one.word == "NO DATA" for one in verdicts)
    if missing and not arguments.only:
        sys.exit(f"{missing} targets have no data")


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


def machine(directory, packages):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"processor": processor(), "cores": os.cpu_count(), "memory_GiB": round(memory, 1),
            "kernel": platform.release(), "file_system": file_system(directory),
            "versions": versions(packages)}
