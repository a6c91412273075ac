#!/usr/bin/env python3
"""The house style as a test: layers of includes, banned words, openings, lengths.

Usage: tidy.py ROOT [--lower]. Prints `file:line: what is wrong` per finding and fails when there is one.
Lengths are a ratchet: limits.txt holds the greatest allowed; --lower writes today's values where lower.
"""

import pathlib
import re
import statistics
import sys

sys.dont_write_bytecode = True
import cpp_text

FOLDERS = ("include", "src", "cli", "tools", "testing", "test", "fuzz", "bench", "examples", "cmake",
           "docs", "python")
ROOT_FILES = ("CMakeLists.txt", "CMakePresets.json", "dev", ".ci/run", "README.md", "ARCHITECTURE.md",
              "CHANGELOG.md")
CPP = (".h", ".cc")
TEXT = CPP + (".py", ".sh", ".cmake", ".txt", ".md", ".in", ".proto")
MEDIA = ("memory", "file", "cloud", "cluster")

# Layer -> the src folders it may include besides itself. The public headers are everyone's.
BELOW_WAL = ("base", "os", "format", "cache")
LAYERS = {
    "base": (),
    "os": ("base",),
    "format": ("base",),
    "cache": ("base", "os"),
    "wal": BELOW_WAL,
    "engine": BELOW_WAL + ("wal",),
    **{medium: BELOW_WAL + ("wal", "engine") for medium in MEDIA},
    "storage": BELOW_WAL + ("wal", "engine") + MEDIA,
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
STANDARD_HEADER = re.compile(r"^[a-z_0-9]+$")
SYSTEM_HEADER = re.compile(
    r"^(?:sys/|linux/|netinet/|arpa/|net/|(?:fcntl|unistd|dirent|pthread|poll|sched|signal|netdb|termios)\.h$"
    r"|fstream$|csignal$)")
THIRD_PARTY_HOME = {  # header -> the src folder that wraps it
    re.compile(r"^simdjson"): "format",
    re.compile(r"^msgpack"): "format",
    re.compile(r"^xxh"): "base",
    re.compile(r"^nlohmann/"): None,  # only include/protobase/nlohmann_json.h
}
WRAPPED_ONCE = {"OpenSSL": re.compile(r"^openssl/"), "libcurl": re.compile(r"^curl/"),
                "gRPC": re.compile(r"^grpc")}

# (where, what is found in code without comments and strings, why not)
BANNED_CODE = (
    (("",), r"\busing\s+namespace\s+std\s*;", "names of std are written out"),
    (("",), r"(?<![\w.:>])assert\s*\(", "assert() is gone in release: throw, or assert in the test's way"),
    (("src/", "include/"), r"\bstd::(?:cout|cerr|clog)\b|(?<![\w:])f?printf\s*\(|\bstd::f?printf\s*\(",
     "the library never prints: use the logger"),
    (("src/", "include/"), r"_clock::now\s*\(|\bthis_thread::sleep_|\brandom_device\b|\bmt19937",
     "time and randomness come in through src/os/"),
    (("src/", "include/"), r"\b(?:std::)?(?:abort|exit|_exit|terminate)\s*\(",
     "a broken invariant stops the storage, never the process"),
)
BANNED_TEXT = (
    (re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b"), "do it, or write it where work is planned"),
    (re.compile(r"(?<![\w.$}])/(?:home|root|Users|work)/\w"), "a path of somebody's machine"),
    (re.compile(r"[ \t]+$", re.MULTILINE), "space at the end of the line"),
    (re.compile(r"\r"), "carriage return"),
)
MAX_COLUMNS = 100
CATCH_ALL = re.compile(r"\bcatch\s*\(\s*\.\.\.\s*\)\s*\{")
GOES_ON_ELSEWHERE = re.compile(r"\bthrow\b|\bcurrent_exception\b|\brethrow_exception\b")


class Finding:
    def __init__(self, path, line, message):
        self.path, self.line, self.message = path, line, message

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}"


def line_at(text, position):
    return text.count("\n", 0, position) + 1


def files_below(root):
    """(path relative to root, text) of every file that is ours to judge."""
    paths = [root / name for name in ROOT_FILES]
    for folder in FOLDERS:
        paths += (path for path in sorted((root / folder).rglob("*")) if path.suffix in TEXT)
    for path in paths:
        relative = path.relative_to(root).as_posix()
        if path.is_file() and not is_data(relative):
            yield relative, path.read_text(encoding="utf-8")


def is_data(path):
    """Inputs of tests, and this check's own words and plants."""
    golden = path.startswith("test/golden/") and path.count("/") > 2
    return golden or path.startswith(("fuzz/corpus/", "test/tidy/")) or "__pycache__" in path


# --- includes -----------------------------------------------------------------------------------------


def check_includes(path, text):
    code = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.DOTALL)
    for match in INCLUDE.finditer(code):
        problem = include_problem(path, match.group(1) == "<", match.group(2))
        if problem:
            yield Finding(path, line_at(code, match.start()), f"includes {match.group(2)}: {problem}")


def include_problem(path, angled, header):
    parts = path.split("/")
    if parts[0] == "include":
        return public_header_problem(path, angled, header)
    if parts[0] in ("examples", "tools"):
        allowed = ("protobase/", "cli/") if parts[0] == "tools" else "protobase/"
        return None if angled or header.startswith(allowed) else "only the public API is used here"
    if parts[0] != "src":
        return None
    if header.startswith("testing/") and path.endswith("_test.cc"):
        return None
    return third_party_problem(path, parts[1], header) if angled else layer_problem(parts[1], header)


def public_header_problem(path, angled, header):
    if not angled:
        return None if header.startswith("protobase/") else "a public header includes public headers only"
    allowed = path == "include/protobase/nlohmann_json.h" and header.startswith("nlohmann/")
    if STANDARD_HEADER.match(header) and not SYSTEM_HEADER.match(header) or allowed:
        return None
    return "no third-party or system header in the public API"


def layer_problem(folder, header):
    target = header.split("/")[0]
    if folder not in LAYERS:
        return f"src/{folder} is no known layer"
    if target in ("protobase", folder) or target in LAYERS[folder]:
        return None
    return f"src/{folder} may include {', '.join(LAYERS[folder]) or 'nothing'} below it only"


def third_party_problem(path, folder, header):
    if SYSTEM_HEADER.match(header) and folder != "os":
        return None if path.endswith("_test.cc") else "system headers and files belong to src/os"
    for pattern, home in THIRD_PARTY_HOME.items():
        if pattern.match(header) and folder != home and not path.endswith("_test.cc"):
            return f"belongs to src/{home}" if home else "only in include/protobase/nlohmann_json.h"
    return None


def check_wrapped_once(files):
    """Each of these libraries is known to one .cc only."""
    for library, pattern in WRAPPED_ONCE.items():
        users = sorted({path for path, text in files.items() if path.startswith("src/")
                        for match in INCLUDE.finditer(text) if pattern.match(match.group(2))})
        for path in users:
            if path.endswith(".h") or len(users) > 1:
                yield Finding(path, 1, f"{library} is wrapped by one .cc; it is in {', '.join(users)}")


# --- words --------------------------------------------------------------------------------------------


def check_text(path, text):
    for pattern, why in BANNED_TEXT:
        for match in pattern.finditer(text):
            yield Finding(path, line_at(text, match.start()), f"{match.group(0).strip()!r}: {why}")
    if path.endswith(CPP):
        for number, line in enumerate(text.split("\n"), 1):
            unbreakable = "http" in line or 'R"' in line
            if len(line) > MAX_COLUMNS and not unbreakable:
                yield Finding(path, number, f"{len(line)} columns, the limit is {MAX_COLUMNS}")
    if text and not text.endswith("\n"):
        yield Finding(path, line_at(text, len(text)), "no newline at the end of the file")


def check_code(path, text):
    code = cpp_text.code_of(text)
    for places, pattern, why in BANNED_CODE:
        if path.startswith(places) and not exempt(path, why):
            for match in re.finditer(pattern, code):
                yield Finding(path, line_at(code, match.start()), f"{match.group(0).strip()!r}: {why}")
    if path.startswith("src/"):
        yield from check_catch_all(path, code)


def exempt(path, why):
    """src/os is where time and randomness come from; a unit test may wait and draw."""
    return "src/os/" in why and (path.startswith("src/os/") or path.endswith("_test.cc"))


def check_catch_all(path, code):
    for match in CATCH_ALL.finditer(code):
        body = code[match.end():closing_brace(code, match.end())]
        if not GOES_ON_ELSEWHERE.search(body):
            yield Finding(path, line_at(code, match.start()),
                          "catch (...) that goes on: throw again, or keep current_exception()")


def closing_brace(code, position):
    depth = 1
    for match in re.compile(r"[{}]").finditer(code, position):
        depth += 1 if match.group(0) == "{" else -1
        if depth == 0:
            return match.start()
    return len(code)


# --- openings -----------------------------------------------------------------------------------------


def check_opening(path, text):
    """The first line says what the file is; x.cc and x_test.cc may leave that to x.h, included first."""
    first = text.split("\n", 2)[1 if text.startswith("#!") else 0]
    unit = pathlib.PurePath(path).stem.removesuffix("_test")
    own_header = re.match(rf'#include "(?:[\w/]+/)?{re.escape(unit)}\.h"$', first)
    if path.endswith(CPP) and not first.startswith(("//", "/*")) and not own_header:
        yield Finding(path, 1, "the first line is no comment that says what this file is")
    if path.endswith((".cmake", "CMakeLists.txt", ".sh")) and not first.startswith("#"):
        yield Finding(path, 1, "the first line is no comment that says what this file is")
    if path.endswith(".h") and not re.search(r"^#pragma once$", text, re.MULTILINE):
        yield Finding(path, 1, "a header without #pragma once")


# --- options ------------------------------------------------------------------------------------------

OPTIONS_PAGE = "docs/guide/options.md"
OPTIONS_STRUCT = re.compile(r"\bstruct\s+(?:[A-Z_]+\s+)?(\w+Options)\s*\{")


def check_options(files):
    """Each field of each public struct of options stands in the section of that struct on the options page."""
    page = files.get(OPTIONS_PAGE, "")
    for path, text in files.items():
        if not path.startswith("include/"):
            continue
        code = cpp_text.code_of(text)
        for match in OPTIONS_STRUCT.finditer(code):
            known = set(re.findall(r"`(\w+)`", section_of(page, match.group(1))))
            body = code[match.end():closing_brace(code, match.end())]
            for field in fields_of(body):
                if field not in known:
                    yield Finding(path, line_at(code, match.start()),
                                  f"{match.group(1)}::{field} is not in its section of {OPTIONS_PAGE}")


def section_of(page, name):
    found = re.search(rf"^## {name}\b.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return found.group(0) if found else ""


def fields_of(body):
    """The names of the data members in the body of a struct."""
    for hidden in (r"\{[^{}]*\}", r"<[^<>;]*>"):  # values and function bodies, then template arguments
        while re.search(hidden, body):
            body = re.sub(hidden, " ", body)
    for declaration in body.split(";"):
        words = declaration.split("=")[0].rsplit(")", 1)[-1].split()
        if len(words) > 1 and words[0] not in ("using", "enum", "struct", "friend", "static"):
            yield words[-1]


# --- lengths ------------------------------------------------------------------------------------------

CEILING_FILE = 700
CEILING_FUNCTION = 70
LONG_FILE = 400
LONG_FUNCTION = 35


def is_product(path):
    return path.startswith(("include/", "src/", "cli/", "tools/")) and not path.endswith("_test.cc")


def check_ceilings(path, text):
    lines = text.count("\n")
    if lines > CEILING_FILE:
        yield Finding(path, 1, f"{lines} lines, the ceiling is {CEILING_FILE}")
    for line, length, signature in cpp_text.functions_of(text):
        if length > CEILING_FUNCTION:
            yield Finding(path, line, f"{length} lines in one function, the ceiling is "
                                      f"{CEILING_FUNCTION}: {signature[:60]}")


def measure(files):
    """Today's values of what limits.txt limits; medians and counts are of the product, not of tests."""
    product = {path: text for path, text in files.items() if path.endswith(CPP) and is_product(path)}
    file_lengths = [text.count("\n") for text in product.values()]
    lengths = [f[1] for text in product.values() for f in cpp_text.functions_of(text)]
    return {
        "median_file": statistics.median(file_lengths or [0]),
        "median_function": statistics.median(lengths or [0]),
        f"files_over_{LONG_FILE}": sum(n > LONG_FILE for n in file_lengths),
        f"functions_over_{LONG_FUNCTION}": sum(n > LONG_FUNCTION for n in lengths),
    }


def read_limits(path):
    pairs = (line.split() for line in path.read_text(encoding="utf-8").splitlines()
             if line and not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def write_limits(path, limits):
    head = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    body = [f"{name} {value:g}" for name, value in limits.items()]
    path.write_text("\n".join(head + body) + "\n", encoding="utf-8")


def check_limits(measured, limits, where):
    for name, value in measured.items():
        if name not in limits:
            yield Finding(where, 1, f"no limit for {name}")
        elif value > limits[name]:
            yield Finding(where, 1, f"{name} is {value:g}, the limit is {limits[name]:g}: make it shorter")


# --- all ----------------------------------------------------------------------------------------------


def check(files):
    """All findings in {path: text}, the limits aside."""
    findings = list(check_wrapped_once(files)) + list(check_options(files))
    for path, text in files.items():
        checks = [check_text, check_opening]
        if path.endswith(CPP):
            checks += [check_includes, check_code, check_ceilings]
        for one in checks:
            findings += one(path, text)
    return findings


def worst(files):
    functions = [(length, path, line) for path, text in files.items() if path.endswith(CPP)
                 for line, length, _ in cpp_text.functions_of(text)]
    longest_files = [(text.count("\n"), path) for path, text in files.items() if path.endswith(CPP)]
    yield from (f"  longest function: {n} lines at {path}:{line}"
                for n, path, line in sorted(functions, reverse=True)[:3])
    yield from (f"  longest file: {n} lines, {path}"
                for n, path in sorted(longest_files, reverse=True)[:3])


def main(root, lower):
    files = dict(files_below(root))
    limits_file = root / "test" / "tidy" / "limits.txt"
    limits, measured = read_limits(limits_file), measure(files)
    findings = check(files) + list(check_limits(measured, limits, "test/tidy/limits.txt"))
    for finding in findings:
        print(finding)
    print(f"{len(files)} files, {len(findings)} findings;",
          ", ".join(f"{name} {value:g} of {limits.get(name, 0):g}" for name, value in measured.items()))
    print(*worst(files), sep="\n")
    if lower:
        write_limits(limits_file, {name: min(limits.get(name, value), value)
                                   for name, value in measured.items()})
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), "--lower" in sys.argv[2:]))
