"""What every test at an object store does: the conformance suite, and objects exchanged with the official client."""

import os
import re
import subprocess
import unittest

import _python_packages

PROGRAMS = _python_packages.BUILD_DIR / "test"
SUITE_TIMEOUT_S = 240
FEWEST_TESTS = 35  # of the suite: none must get lost unseen
KEYS = ["plain", "with space", "plus+and%25percent", "a//b", "a/../b", "k\u00e4se", "\u65e5\u672c/\U0001f600",
        "!*'();:@&=$,?#[]", "\"quotes\\", "large"]
LARGE = 11 << 20  # more than two parts


def content_of(key):
    if key == "large":
        return bytes(range(256)) * (LARGE // 256) + b"end"
    return ("content of " + key).encode() + b"\0\xff"


class Exchange(unittest.TestCase):
    """Subclasses set `scheme` (of test/interop/cloud_object.cc), `environment`, and what the official client does."""

    scheme = ""
    environment = {}

    def theirs_put(self, key, content):
        raise NotImplementedError

    def theirs_get(self, key):
        raise NotImplementedError

    def theirs_list(self, prefix):
        raise NotImplementedError

    def ours(self, what, key, content=b""):
        done = subprocess.run([PROGRAMS / "cloud_object", self.scheme, what, key], input=content, capture_output=True,
                              timeout=60, env={**os.environ, **self.environment}, check=False)
        self.assertEqual(0, done.returncode, done.stderr.decode())
        return done.stdout

    def test_suite(self):
        done = subprocess.run([PROGRAMS / "conformance_test", "--gtest_filter=Server/*", "--gtest_brief=1"],
                              capture_output=True, text=True, timeout=SUITE_TIMEOUT_S,
                              env={**os.environ, **self.environment}, check=False)
        print(done.stdout)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        passed = re.search(r"\[  PASSED  \] (\d+) tests", done.stdout)
        self.assertTrue(passed and int(passed.group(1)) >= FEWEST_TESTS, done.stdout)

    def test_they_read_what_we_wrote(self):
        for key in KEYS:
            self.ours("put", f"ours/{key}", content_of(key))
        for key in KEYS:
            self.assertEqual(content_of(key), self.theirs_get(f"ours/{key}"), key)
        self.assertEqual(sorted(f"ours/{key}" for key in KEYS), sorted(self.theirs_list("ours/")))

    def test_we_read_what_they_wrote(self):
        for key in KEYS:
            self.theirs_put(f"theirs/{key}", content_of(key))
        for key in KEYS:
            self.assertEqual(content_of(key), self.ours("get", f"theirs/{key}"), key)
        listed = self.ours("list", "theirs/").decode().splitlines()
        self.assertEqual(sorted((f"theirs/{key}" for key in KEYS), key=str.encode), listed)
