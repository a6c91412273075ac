"""README.md and docs/guide/*.md are true: their programs compile and run, their commands print what is shown.

A ```cpp block is one of three:
  - it has a main(): compiled and run in an empty directory, must exit 0;
  - its first line is `// example: NAME`: the rest stands in examples/NAME.cc, which is compiled and run;
  - anything else is the body of a function with a SharedStorage `storage`: those of one document become one
    program, each with a store of its own.
In a ```sh block, a line `$ COMMAND` is run in the document's own directory, and the lines below it are what it
prints. UUIDs, times and checksums may differ, a line `...` stands for any lines, `(exit status N)` for a failure.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

from _space import BUILD_DIR, CLI, SANITIZED, SKIPPED, SOURCE_DIR, main

DOCUMENTS = [SOURCE_DIR / "README.md"] + sorted((SOURCE_DIR / "docs" / "guide").glob("*.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
CHECKSUM = re.compile(r"\b[0-9a-f]{16}\b")
COMPILER = os.environ.get("CXX", "g++")

FRAGMENTS = """#include <cassert>
#include <iostream>
#include <string>
#include <vector>
#include <protobase/protobase.h>
#include <protobase/nlohmann_json.h>
using namespace protobase;
{functions}
int main() {{
{calls}
}}
"""


def blocks(path, language):
    return [text for found, text in BLOCK.findall(path.read_text(encoding="utf-8")) if found == language]


def without_chance(text):
    return CHECKSUM.sub("CHECKSUM", TIME.sub("TIME", text))


def pkg_config(*arguments):
    return subprocess.run(["pkg-config", *arguments], check=True, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "PKG_CONFIG_PATH": str(BUILD_DIR)}).stdout


def link_flags():
    library = next((path for name in ("libprotobase_core.a", "libprotobase_core.so")
                    for path in sorted(BUILD_DIR.glob(name))), None)
    assert library, f"no library in {BUILD_DIR}"
    needed = pkg_config("--print-requires", "--print-requires-private", "protobase").split()
    third_party = pkg_config("--libs", *needed)
    return [str(library), f"-Wl,-rpath,{library.parent}", *shlex.split(third_party), "-pthread"]


class Documents(unittest.TestCase):

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="protobase-test-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def compile_and_run(self, text, name):
        source = self.directory / f"{name}.cc"
        source.write_text(text, encoding="utf-8")
        program = self.directory / name
        launcher = [shutil.which("ccache")] if shutil.which("ccache") else []
        item = self.directory / f"{name}.o"
        for command in (
                [*launcher, COMPILER, "-std=c++20", "-Wall", "-Wextra", f"-I{SOURCE_DIR / 'include'}",
                 f"-I{BUILD_DIR / 'include'}", "-c", source, "-o", item],
                [COMPILER, item, "-o", program, *link_flags()]):
            result = subprocess.run(command, stderr=subprocess.PIPE, text=True)
            self.assertEqual(0, result.returncode, f"{name}:\n{text}\n{result.stderr}")
        place = self.directory / f"{name}-run"
        place.mkdir()
        result = subprocess.run([program], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, timeout=120)
        self.assertEqual(0, result.returncode, f"{name}:\n{text}\n{result.stdout}")

    def test_programs(self):
        count = 0
        for path in DOCUMENTS:
            fragments = []
            for text in blocks(path, "cpp"):
                if re.match(r"// example: \w+\n", text):
                    self.check_example(text)
                elif "int main(" in text:
                    count += 1
                    self.compile_and_run(text, f"{path.stem}_{count}")
                else:
                    fragments.append(text)
            if fragments:
                self.run_fragments(fragments, path.stem)
        self.assertGreater(count, 0)

    def run_fragments(self, fragments, name):
        functions = "\n".join(
            f"void fragment_{i}([[maybe_unused]] SharedStorage& storage) {{\n{text}}}\n"
            for i, text in enumerate(fragments))
        calls = "\n".join(f'  {{ StandaloneFileStorage storage("space_{i}"); fragment_{i}(storage); }}'
                          for i in range(len(fragments)))
        self.compile_and_run(FRAGMENTS.format(functions=functions, calls=calls), f"{name}_fragments")

    def check_example(self, text):
        head, _, body = text.partition("\n")
        example = (SOURCE_DIR / "examples" / (head.split(": ")[1] + ".cc")).read_text(encoding="utf-8")
        squeezed = " ".join(example.split())
        self.assertIn(" ".join(body.split()), squeezed, head)

    def test_sessions(self):
        count = 0
        for path in DOCUMENTS:
            place = self.directory / path.stem
            place.mkdir()
            known = {}
            for text in blocks(path, "sh"):
                for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
                    count += 1
                    with self.subTest(document=path.name, command=command):
                        self.check_command(command, shown, place, known)
        self.assertGreater(count, 0)

    def check_command(self, command, shown, place, known):
        status = re.search(r"^\(exit status (\d+)\)\n", shown, re.MULTILINE)
        shown = re.sub(r"^\(exit status \d+\)\n", "", shown, flags=re.MULTILINE)
        actual_command = UUID.sub(lambda m: known.get(m.group(0), m.group(0)), command)
        path = f"{pathlib.Path(CLI).parent}:{os.environ['PATH']}"
        result = subprocess.run(["bash", "-c", actual_command], cwd=place, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=120,
                                env={**os.environ, "PATH": path, "TZ": "UTC"})
        self.assertEqual(int(status.group(1)) if status else 0, result.returncode, result.stdout)
        # New UUIDs are learned in the order in which they appear.
        new = [i for i in dict.fromkeys(UUID.findall(shown)) if i not in known]
        fresh = [i for i in dict.fromkeys(UUID.findall(result.stdout)) if i not in known.values()]
        known.update(zip(new, fresh))
        expected = UUID.sub(lambda m: known.get(m.group(0), m.group(0)), shown)
        pattern = "".join("(?:.*\n)*" if line == "...\n" else re.escape(line)
                          for line in without_chance(expected).splitlines(keepends=True))
        self.assertRegex(without_chance(result.stdout), re.compile(f"\\A{pattern}\\Z"))


if __name__ == "__main__":
    if SANITIZED:
        print("SKIPPED: users link the plain library; the plain build runs this test", file=sys.stderr)
        sys.exit(SKIPPED)
    main()
