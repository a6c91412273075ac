"""Packages from the Python Package Index for one test, in an environment of its own below the build directory.

A test calls use("name==version", ...) before it imports any of them: from there on it runs, from its beginning, in
an interpreter that has exactly these. Without a way to get them it is skipped (exit status 77) and says why.
"""

import fcntl
import hashlib
import os
import pathlib
import subprocess
import sys
import venv

SKIPPED = 77
BUILD_DIR = pathlib.Path(os.environ.get("PROTOBASE_BUILD_DIR",
                                        pathlib.Path(__file__).resolve().parents[2] / "build"))
INSTALL_TIMEOUT_S = 240


def use(*requirements):
    python = environment(*requirements)
    if pathlib.Path(sys.prefix) != python.parent.parent:
        os.execv(python, [str(python), *sys.argv])


def environment(*requirements):
    """The interpreter of an environment with these packages; made once, then kept."""
    wanted = "\n".join(sorted(requirements)) + f"\n{sys.version}\n"
    directory = BUILD_DIR / "python" / hashlib.sha256(wanted.encode()).hexdigest()[:16]
    directory.mkdir(parents=True, exist_ok=True)
    python, complete = directory / "bin" / "python", directory / "complete"
    with open(directory / "lock", "w") as lock:  # tests run in parallel
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            install(directory, python, requirements)
            complete.write_text(wanted)
    return python


def install(directory, python, requirements):
    try:
        venv.create(directory, with_pip=True, symlinks=True)
        done = subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements],
                              capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    except (subprocess.SubprocessError, OSError) as error:  # no pip, no ensurepip, too slow
        skip(requirements, str(error))
    if done.returncode != 0:
        skip(requirements, done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "pip failed")


def skip(requirements, reason):
    print(f"SKIPPED: cannot install {' '.join(requirements)}: {reason}")
    sys.exit(SKIPPED)
