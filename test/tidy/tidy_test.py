#!/usr/bin/env python3
"""Tests of tidy.py: every rule finds its planted violation, and leaves alone what is allowed."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import cpp_text
import tidy
import wrap_comments


def findings(path, text):
    return [f"{f.line}: {f.message}" for f in tidy.check({path: text})]


def source(*lines):
    return "\n".join(("// What this is.",) + lines) + "\n"


def header(*lines):
    return source("#pragma once", *lines)


def function_of(lines, head="void f()"):
    return f"{head} {{\n" + "  work();\n" * (lines - 2) + "}\n"


class PlantedViolations(unittest.TestCase):
    def assert_found(self, path, text, words):
        self.assertTrue(any(words in found for found in findings(path, text)),
                        f"{words!r} not found in {findings(path, text)}")

    def assert_clean(self, path, text):
        self.assertEqual(findings(path, text), [])

    def test_an_include_that_goes_upwards(self):
        for folder, above in (("base", "os/clock.h"), ("os", "format/record.h"), ("format", "wal/state.h"),
                              ("cache", "format/codec.h"), ("wal", "engine/atom_store.h"),
                              ("engine", "file/provider.h"), ("file", "storage/recipe.h"),
                              ("storage", "cli/main.h")):
            self.assert_found(f"src/{folder}/x.cc", source(f'#include "{above}"'), above)

    def test_a_medium_that_includes_another(self):
        self.assert_found("src/memory/x.cc", source('#include "file/provider.h"'), "file/provider.h")
        self.assert_found("src/cloud/x.cc", source('#include "cluster/node.h"'), "cluster/node.h")

    def test_includes_that_go_downwards_are_fine(self):
        self.assert_clean("src/storage/x.cc", source('#include "file/p.h"', '#include "memory/p.h"'))
        self.assert_clean("src/engine/x.cc", source('#include "protobase/atom.h"', '#include "wal/s.h"'))
        self.assert_clean("src/base/x.cc", source('// #include "engine/atom_store.h" is said only'))

    def test_only_tests_include_test_parts(self):
        self.assert_found("src/os/x.cc", source('#include "testing/y.h"'), "testing/y.h")
        self.assert_clean("src/os/x_test.cc", source('#include "testing/y.h"'))

    def test_a_folder_that_is_no_layer(self):
        self.assert_found("src/misc/x.cc", source('#include "misc/y.h"'), "no known layer")

    def test_system_headers_outside_os(self):
        for name in ("fcntl.h", "unistd.h", "sys/stat.h", "fstream"):
            self.assert_found("src/wal/x.cc", source(f"#include <{name}>"), "src/os")
            self.assert_clean("src/os/x.cc", source(f"#include <{name}>"))

    def test_third_party_headers_outside_their_home(self):
        self.assert_found("src/engine/x.cc", source("#include <simdjson.h>"), "src/format")
        self.assert_found("src/format/x.cc", source("#include <nlohmann/json.hpp>"), "nlohmann_json.h")
        self.assert_clean("src/format/x.cc", source("#include <msgpack.hpp>"))

    def test_third_party_headers_in_the_public_api(self):
        for name in ("fmt/format.h", "simdjson.h", "nlohmann/json.hpp", "unistd.h"):
            self.assert_found("include/protobase/x.h", header(f"#include <{name}>"), "public API")
        self.assert_found("include/protobase/x.h", header('#include "base/hash.h"'), "public headers only")
        self.assert_clean("include/protobase/nlohmann_json.h", header("#include <nlohmann/json.hpp>"))

    def test_a_wrapped_library_in_two_places(self):
        one, two = source("#include <curl/curl.h>"), source("#include <curl/easy.h>")
        self.assertEqual(tidy.check({"src/os/a.cc": one}), [])
        self.assertEqual(len(tidy.check({"src/os/a.cc": one, "src/os/b.cc": two})), 2)
        self.assert_found("src/os/a.h", header("#include <openssl/ssl.h>"), "OpenSSL")

    def test_internals_in_an_example(self):
        for folder in ("examples", "tools"):
            self.assert_found(f"{folder}/x.cc", source('#include "wal/state.h"'), "public API")
            self.assert_clean(f"{folder}/x.cc", source('#include "protobase/atom.h"'))

    def test_banned_words(self):
        for word in ("TODO", "FIXME", "XXX", "HACK"):
            self.assert_found("src/base/x.cc", source(f"// {word}: later"), word)
            self.assert_found("dev", f"#!/bin/sh\n# {word}\n", word)
        self.assert_found("docs/x.md", "see /ho" + "me/me/x\n", "somebody's machine")

    def test_banned_code(self):
        for line in ("using namespace std;", "std::cout << 1;", 'printf("x");', "assert(x);",
                     "auto t = std::chrono::steady_clock::now();", "std::random_device d;", "std::abort();"):
            self.assertEqual(len(findings("src/wal/x.cc", source(line))), 1, line)

    def test_banned_code_that_is_only_spoken_of_or_looks_alike(self):
        self.assert_clean("src/wal/x.cc", source("// never assert(x)", 'f("printf(");',
                                                 "static_assert(x);", "snprintf(a, 1, b);",
                                                 'R"(assert(x))";', "int i = 1'000;", "check.assert(x);"))

    def test_a_catch_all_that_goes_on(self):
        for body in ("", "  log(1);\n  if (x) {\n    y();\n  }"):
            text = source("void f() {", "try {", "} catch (...) {", body, "}", "}")
            self.assert_found("src/os/x.cc", text, "catch (...)")
        for way in ("throw;", "failure_ = std::current_exception();"):
            self.assert_clean("src/os/x.cc", source("void f() {", "try {", "} catch (...) {", way, "}", "}"))

    def test_openings(self):
        self.assert_found("src/base/x.cc", "#include <span>\n", "no comment")
        self.assert_found("src/base/x.h", "// What it is.\nint x;\n", "#pragma once")
        self.assert_found("cmake/x.cmake", "set(x 1)\n", "no comment")
        self.assert_found("src/base/x.cc", '#include "base/y.h"\n', "no comment")
        self.assert_clean("src/base/x.cc", '#include "base/x.h"\n')
        self.assert_clean("src/base/x_test.cc", '#include "protobase/x.h"\n')

    def test_an_option_that_its_page_does_not_know(self):
        text = header("struct EXPORT ReadOptions {", "  std::uint64_t max_bytes = std::uint64_t{64} << 20;",
                      "  std::function<void(int a, int b)> progress{};  ///< `other`",
                      "  void validate() const;", "  bool is_on() const { return max_bytes; }",
                      "  int a_b;", "};")
        code = cpp_text.code_of(text)
        self.assertEqual(list(tidy.fields_of(code[code.index("{") + 1:code.rindex("}")])),
                         ["max_bytes", "progress", "a_b"])
        rows = [f"| `{name}` | 1 |" for name in ("max_bytes", "progress", "a_b")]
        for missing in range(3):
            page = "\n".join(["## ReadOptions: how", *rows[:missing], *rows[missing + 1:],
                              "## WriteOptions: how", rows[missing]]) + "\n"
            found = tidy.check({"include/protobase/x.h": text, tidy.OPTIONS_PAGE: page})
            self.assertEqual(len(found), 1, found)
            self.assertIn(rows[missing][3:6], found[0].message)
        page = "\n".join(["## ReadOptions: how", *rows]) + "\n"
        self.assertEqual(tidy.check({"include/protobase/x.h": text, tidy.OPTIONS_PAGE: page}), [])
        self.assertEqual(len(findings("include/protobase/x.h", text)), 3)
        self.assert_clean("src/base/x.h", text)

    def test_white_space(self):
        self.assert_found("src/base/x.cc", "// A. \n", "space at the end")
        self.assert_found("src/base/x.cc", "// A.", "no newline")
        self.assert_found("src/base/x.cc", source("// " + "x" * 98), "101 columns")
        self.assert_clean("src/base/x.cc", source("// " + "ö" * 97))

    def test_the_ceilings(self):
        self.assert_found("src/base/x.cc", source(function_of(71)), "71 lines in one function")
        self.assert_clean("src/base/x.cc", source(function_of(70)))
        self.assert_found("src/base/x.cc", source(*["int x;"] * 700), "701 lines")

    def test_the_ratchet(self):
        files = {f"src/base/{n}.cc": source(function_of(36)) for n in "abc"}
        measured = tidy.measure(files)
        self.assertEqual(measured["functions_over_35"], 3)
        self.assertEqual(measured["median_function"], 36)
        self.assertEqual(list(tidy.check_limits(measured, dict(measured), "l")), [])
        tightened = {**measured, "functions_over_35": 2}
        self.assertEqual(len(list(tidy.check_limits(measured, tightened, "l"))), 1)
        self.assertEqual(len(list(tidy.check_limits(measured, {}, "l"))), len(measured))


class WholeRun(unittest.TestCase):
    def status_of(self, root):
        with contextlib.redirect_stdout(io.StringIO()):
            return tidy.main(root, lower=False)

    def test_a_violation_in_a_tree_makes_the_program_fail(self):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            for folder in ("src/base", "test/tidy"):
                (root / folder).mkdir(parents=True)
            (root / "test/tidy/limits.txt").write_text(
                "# x\nmedian_file 9\nmedian_function 9\nfiles_over_400 0\nfunctions_over_35 0\n")
            (root / "src/base/x.cc").write_text(source("int x;"))
            self.assertEqual(self.status_of(root), 0)
            (root / "src/base/x.cc").write_text(source('#include "engine/y.h"'))
            self.assertEqual(self.status_of(root), 1)


class WrappedComments(unittest.TestCase):
    def test_words_over_the_edge_go_to_the_next_line_of_the_paragraph(self):
        long = "  /// " + "word " * 18 + "and more"
        self.assertEqual(len(long), 104)
        self.assertEqual(wrap_comments.wrap([long, "  /// end.", "int x;"]),
                         ["  /// " + "word " * 18 + "and", "  /// more end.", "int x;"])

    def test_lists_keep_their_shape(self):
        long = "//  - " + "word " * 18 + "and more"
        self.assertEqual(wrap_comments.wrap([long, "//  - two"]),
                         ["//  - " + "word " * 18 + "and", "//    more", "//  - two"])

    def test_what_fits_and_what_is_code_stays(self):
        lines = ["// " + "x" * 97, "int y = " + "1 + " * 30 + "1;", "// " + "z" * 120, ""]
        self.assertEqual(wrap_comments.wrap(lines), lines)


class Functions(unittest.TestCase):
    def functions(self, text):
        return [(line, length) for line, length, _ in cpp_text.functions_of(text)]

    def test_lengths_run_from_signature_to_closing_brace(self):
        text = source("namespace a {", "class B : C {", " public:", "  int f(int x,", "        int y) {",
                      "    if (x) {", "      y();", "    }", "  }", "  int g() { return 1; }", "};", "}")
        self.assertEqual(self.functions(text), [(5, 6), (11, 1)])

    def test_initialisers_are_no_functions(self):
        text = source("const std::array<int, 2> kA = {1, 2};", "int b{f(1)};", "struct C {", "  int d = 1;",
                      "};", "C::C(int x)", "    : d_{x},", "      e_(x) {", "  go();", "}")
        self.assertEqual(self.functions(text), [(7, 5)])

    def test_tests_templates_and_functions_that_return_a_struct(self):
        text = source("TEST(Suite, Name) {", "}", "template <typename T>", "void f(T t) {", "}",
                      "struct flock g(int x) {", "}", "template <>", "struct std::hash<A> {",
                      "  int operator()(A a) const {", "  }", "};")
        self.assertEqual(self.functions(text), [(2, 2), (4, 3), (7, 2), (11, 2)])


if __name__ == "__main__":
    unittest.main()
