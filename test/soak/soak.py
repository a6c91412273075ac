#!/usr/bin/env python3
"""./dev soak: workers on one space, killed and paused at random, until the time is up.

Usage: soak.py --minutes N [--seed S] [--directory D]. Exit status 1 when a promise was broken: the space and
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
import _soak_run


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--directory", help="where the spaces are made; default: a temporary one")
    return parser.parse_args()


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
    soak = _soak_run.Soak(directory, arguments.seed, arguments.minutes * 60)
    try:
        soak.run()
    except _soak_run.Failure as failure:
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
