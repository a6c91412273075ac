"""Shared by the system tests: runs the program as a user does and looks at directories. No test itself."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE_DIR = pathlib.Path(
    os.environ.get("PROTOBASE_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD_DIR = pathlib.Path(os.environ.get("PROTOBASE_BUILD_DIR", SOURCE_DIR / "build"))
CLI = os.environ.get("PROTOBASE_CLI", str(BUILD_DIR / "bin" / "protobase"))
SANITIZED = bool(os.environ.get("PROTOBASE_SANITIZE"))

DONE, FAILED, USAGE, NOT_THERE, CORRUPT, LOST_RACE, OUTPUT_CLOSED = 0, 1, 2, 3, 4, 5, 141
SKIPPED = 77
NOWHERE = "00000000-0000-4000-8000-000000000000:4096"


def snapshot(directory):
    """Every entry below with what must not change: kind, size, time, content."""
    found = {}
    for path in sorted(pathlib.Path(directory).rglob("*")):
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(directory))] = (
            status.st_mode, status.st_size, status.st_mtime_ns, content)
    return found


def change_byte(directory, marker):
    """Flips a bit in the first occurrence of `marker` in the space's WALs."""
    for path in pathlib.Path(directory).glob("*.wal"):
        content = bytearray(path.read_bytes())
        at = content.find(marker)
        if at >= 0:
            content[at] ^= 0x01
            path.write_bytes(content)
            return path.stem
    raise AssertionError(f"{marker} is nowhere in {directory}")


class SpaceTest(unittest.TestCase):
    """A test with a fresh directory and the name of a space in it that does not exist yet."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="protobase-test-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.space = str(self.directory / "space")

    def run_cli(self, *arguments, stdin=b"", **options):
        options.setdefault("stdout", subprocess.PIPE)
        return subprocess.run(
            [CLI, *map(str, arguments)], input=stdin, stderr=subprocess.PIPE, timeout=120, **options)

    def ok(self, *arguments, stdin=b""):
        """Standard output of a run that must succeed and have nothing to complain about."""
        result = self.run_cli(*arguments, stdin=stdin)
        self.assertEqual((DONE, b""), (result.returncode, result.stderr), arguments)
        return result.stdout

    def lines(self, *arguments, stdin=b""):
        return self.ok(*arguments, stdin=stdin).decode().splitlines()

    def assert_one_error_line(self, result, mentions=()):
        error = result.stderr.decode()
        self.assertEqual(1, error.count("\n"), error)
        self.assertTrue(error.startswith("protobase: ") and error.endswith("\n"), error)
        for text in mentions:
            self.assertIn(text, error)

    def fails(self, status, *arguments, stdin=b"", mentions=(), stdout=b""):
        """A run that must end with `status` and one line that says why."""
        result = self.run_cli(*arguments, stdin=stdin)
        self.assertEqual(status, result.returncode, (arguments, result.stderr))
        self.assert_one_error_line(result, mentions)
        if stdout is not None:
            self.assertEqual(stdout, result.stdout)
        return result

    def push(self, text, *options):
        """The pointer of one atom."""
        pointers = self.lines("push", self.space, *options, stdin=text.encode())
        self.assertEqual(1, len(pointers))
        return pointers[0]

    def get(self, pointer, *options):
        return self.ok("get", self.space, pointer, *options)

    def write_file(self, name, content):
        path = self.directory / name
        path.write_bytes(content)
        return str(path)

    def assert_no_space(self):
        self.assertFalse(os.path.lexists(self.space), "a space was created")

    def assert_verifies(self):
        self.ok("verify", self.space)


def main():
    """Runs the tests of the calling script; 77 when all of them were skipped."""
    program = unittest.main(exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if result.testsRun and len(result.skipped) == result.testsRun else 0)
