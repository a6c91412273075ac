"""`./dev run`: the demo stores the real data, proves it, and names commands that work."""

import json
import os
import pathlib
import re
import subprocess
import sys

from _space import BUILD_DIR, SKIPPED, SOURCE_DIR, SpaceTest, main, snapshot

DEMO = BUILD_DIR / "bin" / "protobase-demo"
ISO_CODES = pathlib.Path("/usr/share/iso-codes/json")


class Demo(SpaceTest):

    def demo(self, *arguments):
        return subprocess.run([DEMO, *arguments], capture_output=True, text=True, timeout=120)

    def run_demo(self):
        result = self.demo("--iso-codes", ISO_CODES, "--space", self.space)
        self.assertEqual((0, ""), (result.returncode, result.stderr))
        return result.stdout

    def count_objects(self):
        languages = json.loads((ISO_CODES / "iso_639-3.json").read_text())["639-3"]
        subdivisions = json.loads((ISO_CODES / "iso_3166-2.json").read_text())["3166-2"]
        return len(languages) + len(subdivisions)

    def test_everything_goes_in_and_comes_back(self):
        text = self.run_demo()
        print(text)
        objects = self.count_objects()
        self.assertIn(f"{objects:,} objects from the root", text)
        self.assertEqual(objects + 3, json.loads(self.ok("stat", self.space, "--json"))["records"])
        self.assertIn(self.lines("root", self.space)[0], text)
        self.assertIn(self.space, text)
        self.assert_verifies()

    def test_the_commands_it_names_work(self):
        commands = re.split(r"Try next:\n", self.run_demo())[1].strip().splitlines()
        self.assertEqual(3, len(commands))
        for command in commands:
            result = subprocess.run(command, shell=True, capture_output=True, timeout=60)
            self.assertEqual((0, b""), (result.returncode, result.stderr), command)
            self.assertTrue(result.stdout)

    def test_a_second_run_starts_afresh(self):
        self.run_demo()
        first = self.lines("root", self.space)
        self.run_demo()
        self.assertNotEqual(first, self.lines("root", self.space))
        self.assertEqual(1, len(self.lines("log", self.space)))

    def test_what_is_not_its_own_is_left_alone(self):
        self.push('{"mine":true}', "--root")
        self.refuses()
        self.push('{"className":"IsoCodesIndex"}', "--root")
        self.write_file("space/letter.txt", b"Dear Ada")
        self.refuses()

    def refuses(self):
        before = snapshot(self.directory)
        result = self.demo("--iso-codes", ISO_CODES, "--space", self.space)
        self.assertEqual(1, result.returncode)
        self.assertIn(self.space, result.stderr)
        self.assertEqual(before, snapshot(self.directory))

    def test_wrong_arguments(self):
        self.assertEqual(2, self.demo().returncode)
        self.assertEqual(2, self.demo("--space", self.space).returncode)
        self.assertEqual(1, self.demo("--iso-codes", SOURCE_DIR, "--space", self.space).returncode)
        self.assertFalse(os.path.exists(self.space))


if __name__ == "__main__":
    if not ISO_CODES.is_dir():
        print("SKIPPED: the package iso-codes is not installed", file=sys.stderr)
        sys.exit(SKIPPED)
    main()
