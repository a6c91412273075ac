#!/usr/bin/env python3
"""Starts Ceph's radosgw on the loopback interface, measures, and writes cloud.json, cloud.md and cloud.svg.

Usage: cloud_bench.py --program FILE --directory DIR --output DIR [--quick] [--only GROUP,...] [--commits N]
                      [--budget SECONDS]

--directory gets 1 GiB (--quick: 128 MiB) of files to upload, removed at the end. README.md says how it measures.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "compare"), str(HERE.parents[1] / "test" / "system")]
import _cloud_servers
import access_log
import cloud_check
import cloud_page
import groups
import plots

PACKAGES = ("radosgw", "rclone", "libcurl4", "libssl3", "g++")
MEMORY_BYTES = 8 << 30  # of the server's objects; what a bulk turn put is removed behind it
FILE_BYTES = 8 << 20
PARALLEL = 8
UPLOADERS = ("protobase", "bare_put", "rclone")
PROGRAM_TIMEOUT_S = 1500


class Runner:
    """The program, the server, and how much of everything."""

    def __init__(self, arguments, server):
        self.arguments, self.server, self.quick = arguments, server, arguments.quick
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))}
        self.environment = {**clean, "AWS_ACCESS_KEY_ID": server.access_key,
                            "AWS_SECRET_ACCESS_KEY": server.secret_key}
        self.workloads = {}

    def run(self, group, *options, bucket="bench"):
        command = [self.arguments.program, group, "--endpoint", self.server.endpoint, "--bucket", bucket,
                   "--prefix", "run", *map(str, options)] + ["--quick"] * self.quick
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True,
                              env=self.environment, timeout=PROGRAM_TIMEOUT_S)
        return json.loads(done.stdout)

    def keep(self, results):
        groups.keep(self.workloads, results)

    def latency(self):
        self.keep(self.run("latency"))

    def requests(self):
        results = self.run("requests")
        for row in results[0]["extra"].values():
            self.count(row)
        self.keep(results)

    def idle(self):
        self.keep(self.counted(self.run("idle", "--seconds", 10 if self.quick else 60)))

    def log(self):
        commits = self.arguments.commits or (2_000 if self.quick else 100_000)
        self.keep(self.counted(self.run("log", "--commits", 10)))
        self.keep(self.counted(self.run("log", "--commits", commits, "--merge", "--budget", self.arguments.budget)))
        self.keep(self.run("log", "--commits", commits, "--merge", "--mock"))

    def counted(self, results):
        for result in results:
            self.count(result["extra"])
        return results

    def count(self, row):
        """Adds what the server says of the same bucket, in which was nobody else."""
        row["server"] = access_log.counts(self.server, row["bucket"], row["client_total"])

    def bulk(self):
        files = self.make_files(16 if self.quick else 128)
        size = sum(file.stat().st_size for file in files.iterdir())
        samples, counted = {name: [] for name in UPLOADERS}, {}
        for turn in range(-1, 3 if self.quick else 5):  # the first is thrown away
            for i in range(len(UPLOADERS)):
                name = UPLOADERS[(i + turn + 1) % len(UPLOADERS)]
                bucket = f"bulk-{turn + 1}-{i}"
                seconds, rows = self.upload(name, bucket, files)
                counted |= {bucket: row for row in rows if "client_total" in row}
                if turn >= 0:
                    samples[name].append(size / 1e6 / seconds)
        sent = max(row["client_total"]["bytes_sent"] for row in counted.values())
        self.workloads["bulk"] = {"unit": "MB/s", "samples": samples, "extra": {
            "bytes": size, "parallel": PARALLEL, "bytes_per_byte": sent / size, "counted": counted}}

    def upload(self, name, bucket, files):
        """(seconds of the whole process, its results)."""
        self.run("make_bucket", bucket=bucket)
        start = time.monotonic()
        results = []
        if name == "rclone":
            self.rclone(files, bucket)
        else:
            results = self.run("upload", "--directory", files, "--as", name, "--parallel", PARALLEL, bucket=bucket)
        seconds = time.monotonic() - start
        for row in results:
            if "client_total" in row:
                self.count(row)
        self.remove_bucket(bucket)
        return seconds, results

    def remove_bucket(self, bucket):
        """At once, so that the server's memory has room for the next turn."""
        subprocess.run(["radosgw-admin", "-c", self.server.directory / "ceph.conf", "bucket", "rm", "--purge-objects",
                        "--bypass-gc", f"--bucket={bucket}"], check=True, capture_output=True, timeout=120)

    def rclone(self, files, bucket):
        remote = {"TYPE": "s3", "PROVIDER": "Ceph", "ENV_AUTH": "true", "ENDPOINT": self.server.endpoint}
        environment = {**self.environment, **{f"RCLONE_CONFIG_CEPH_{key}": value for key, value in remote.items()}}
        subprocess.run(["rclone", "copy", files, f"ceph:{bucket}", "--config", "", "--transfers", str(PARALLEL),
                        "--checkers", str(PARALLEL), "--no-traverse", "--s3-no-check-bucket", "--quiet"],
                       stdin=subprocess.DEVNULL, check=True, env=environment, timeout=PROGRAM_TIMEOUT_S)

    def make_files(self, count):
        """They do not compress, and lie in the page cache."""
        place = self.arguments.directory / "files"
        place.mkdir(parents=True)
        for number in range(count):
            (place / f"{number:03}").write_bytes(os.urandom(FILE_BYTES))
        return place


def measure(arguments):
    with _cloud_servers.radosgw(MEMORY_BYTES) as server:
        runner = Runner(arguments, server)
        runner.run("make_bucket")
        steps = {name: getattr(runner, name) for name in ("latency", "requests", "idle", "log", "bulk")}
        return groups.measure(arguments, steps, runner.workloads, PACKAGES, server=server.version,
                              seeds="records: std::mt19937_64 of their number; files: the kernel's random bytes")


def texts(report):
    """{file name: what it holds}, and the verdicts."""
    verdicts, _ = cloud_check.judge(report)
    written = {"cloud.md": cloud_page.page(report, cloud_check.by_measure(report))}
    timed = [name for name, workload in report["workloads"].items() if workload["samples"]]
    if timed:
        written["cloud.svg"] = plots.plot(timed, report["workloads"])
    return written, verdicts


def main():
    parser = groups.parser(__doc__)
    parser.add_argument("--commits", type=int, help="of the long log (100,000; --quick: 2,000)")
    parser.add_argument("--budget", type=int, default=420, help="seconds after which it gets no more commits")
    groups.run(parser.parse_args(), measure, "cloud.json", texts)


if __name__ == "__main__":
    main()
