#!/usr/bin/env python3
"""./dev soak: workers on one space, killed and paused at random, until the time is up.

Usage: soak.py --minutes N [--seed S] [--directory D] [--cloud [--lanes N] [--endpoint URL [--google]]]. With --cloud
the space is in a bucket behind a proxy that misbehaves: short runs, --lanes of them side by side, each with the next
seed; the bucket is one in memory, or "soak" at the endpoint, keys from the environment (_cloud_soak_run.py). Exit status 1 when a promise was broken: the space and
the records that show it are kept and named. Ends by itself; Ctrl-C ends it earlier, with all its processes.
"""

import argparse
import pathlib
import random
import shutil
import signal
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import _cloud_soak_run
import _soak_run


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--directory", help="where the spaces are made; default: a temporary one")
    parser.add_argument("--cloud", action="store_true", help="a bucket behind a misbehaving proxy")
    parser.add_argument("--lanes", type=int, default=6, help="runs side by side, with --cloud")
    parser.add_argument("--endpoint", default="memory", help="of an object store with a bucket `soak`")
    parser.add_argument("--google", action="store_true", help="the endpoint speaks Google's API")
    return parser.parse_args()


def make_soak(arguments, directory):
    if not arguments.cloud:
        return _soak_run.Soak(directory, arguments.seed, arguments.minutes * 60)
    return _cloud_soak_run.Lanes(directory, arguments.lanes, arguments.seed, arguments.minutes * 60,
                                 arguments.endpoint, "gs" if arguments.google else "s3")


def end_on_signal(number, _):
    raise KeyboardInterrupt(signal.Signals(number).name)


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, end_on_signal)
    parent = arguments.directory
    if parent:
        pathlib.Path(parent).mkdir(parents=True, exist_ok=True)
    directory = tempfile.mkdtemp(prefix="protobase-soak-", dir=parent)
    print(f"seed {arguments.seed}, {arguments.minutes:g} minutes, in {directory}", flush=True)
    soak = make_soak(arguments, directory)
    try:
        soak.run()
    except (_soak_run.Failure, _cloud_soak_run.Failure) as failure:
        print(f"{soak.summary()}\nFAILED, all is kept in {directory}: {failure}")
        return 1
    except KeyboardInterrupt:
        shutil.rmtree(directory)
        print(f"interrupted; {soak.summary()}")
        return 130
    shutil.rmtree(directory)
    print(soak.summary())
    return 0


if __name__ == "__main__":
    sys.exit(main())
