"""The command line as docs and scripts rely on it: what each command prints, every exit status, bad input."""

import json
import os
import re
import resource
import shutil
import subprocess
import unittest

from _space import (CLI, CORRUPT, DONE, FAILED, LOST_RACE, NOT_THERE, NOWHERE, OUTPUT_CLOSED,
                    SANITIZED, SOURCE_DIR, USAGE, SpaceTest, change_byte, main, snapshot)

POINTER = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:[1-9][0-9]*$")
READING = ("get", "root", "log", "stat", "verify", "dump")
COMMANDS = READING + ("push", "set-root", "copy", "bench", "doctor", "merge")


def arguments_of(command, space, pointer=NOWHERE):
    """A complete call of any command but copy and bench."""
    return [command, space] + ([pointer] if command in ("get", "set-root") else [])


class PushAndGet(SpaceTest):

    def test_standard_input_becomes_one_atom(self):
        pointer = self.push('{"name": "Ada", "born": 1815}')
        self.assertRegex(pointer, POINTER)
        self.assertEqual(b'{"name":"Ada","born":1815}\n', self.get(pointer))

    def test_pointers_come_in_input_order(self):
        names = [self.write_file(f"{i}.json", b"[%d]" % i) for i in range(5)]
        pointers = self.lines("push", self.space, *names[:2], "-", *names[3:], stdin=b'"middle"')
        self.assertEqual(5, len(set(pointers)))
        self.assertEqual(b'[0]\n[1]\n"middle"\n[3]\n[4]\n', self.ok("get", self.space, *pointers))

    def test_atoms_come_back_exactly(self):
        for text in ('{"b":1,"a":2}', "1.0", "-0.0", "1e+300", "340282366920938463463374607431768211456",
                     '"nul \\u0000 in it"', '"\u6f22\U0001F600"', '{"$bytes":"AAEC"}',
                     '{"$$bytes":"no bytes"}', '{"":null}', "[]", "{}", "null", "true", '""'):
            with self.subTest(text):
                self.assertEqual(text + "\n", self.get(self.push(text)).decode())

    def test_msgpack_is_stored_as_such_and_printed_as_json(self):
        pointer = self.push('{"a": [1, {"$bytes": "/w=="}]}', "--format", "msgpack")
        self.assertEqual(b"\x81\xa1a\x92\x01\xc4\x01\xff", self.get(pointer, "--raw"))
        self.assertEqual(b'{"a":[1,{"$bytes":"/w=="}]}\n', self.get(pointer))

    def test_raw_bytes_are_written_as_they_are(self):
        content = bytes(range(256)) * 20
        pointer = self.lines("push", self.space, "--format", "raw",
                             self.write_file("blob", content))[0]
        self.assertEqual(content, self.get(pointer))
        self.assertEqual(content, self.get(pointer, "--raw"))

    def test_formats_lie_side_by_side(self):
        raw = self.lines("push", self.space, "--format", "raw", stdin=b"[1]")[0]
        text = self.push("[1]")
        packed = self.push("[1]", "--format", "msgpack")
        self.assertEqual(b"[1][1]\n[1]\n", self.ok("get", self.space, raw, text, packed))
        self.assertEqual(b"[1][1]\x91\x01", self.ok("get", self.space, raw, text, packed, "--raw"))

    def test_jsonl_makes_one_atom_of_each_line_that_is_not_blank(self):
        pointers = self.lines("push", self.space, "--jsonl", stdin=b'\n{"n":1}\r\n  \n{"n":2}\n\n{"n":3}')
        self.assertEqual(b'{"n":1}\n{"n":2}\n{"n":3}\n', self.ok("get", self.space, *pointers))

    def test_root_is_the_last_one_pushed(self):
        pointers = self.lines("push", self.space, "--jsonl", "--root", stdin=b"1\n2\n3\n")
        self.assertEqual([pointers[-1]], self.lines("root", self.space))

    def test_a_large_blob(self):
        content = os.urandom(1 << 20) * 48
        pointer = self.lines("push", self.space, "--format", "raw", stdin=content)[0]
        self.assertEqual(content, self.get(pointer))

    def test_names_that_look_like_something_else(self):
        for name in ("push", "copy", "[a,b]", "with space", "\u6f22", "-dash"):
            with self.subTest(name):
                space = str(self.directory / name)
                file = self.write_file("file " + name, b"7")
                pointer = self.lines("push", space, file)[0]
                self.assertEqual(b"7\n", self.ok("get", "file:" + space, pointer))
        os.chdir(self.directory)
        self.addCleanup(os.chdir, "/")
        self.write_file("[1,2]", b"8")
        pointer = self.lines("push", "file:root", "[1,2]", "--root")[0]
        self.assertEqual([pointer], self.lines("root", "./root"))


class BadInput(SpaceTest):
    """Refused with a clear error, and no trace of it left."""

    def refused(self, stdin, *options, mentions=()):
        self.fails(FAILED, "push", self.space, *options, stdin=stdin, mentions=mentions)
        self.assert_no_space()

    def test_what_is_no_json(self):
        for text in (b"{", b"[1,]", b"{'a':1}", b"1 2", b"\xef\xbb\xbf1", b"nul", b"01", b'"\x01"'):
            with self.subTest(text):
                self.refused(text, mentions=["standard input"])

    def test_the_error_names_file_and_byte(self):
        name = self.write_file("broken.json", b'{"a": 1, "b": }')
        self.fails(FAILED, "push", self.space, name, mentions=["broken.json", "14"])
        self.assert_no_space()

    def test_empty_input(self):
        self.refused(b"")
        self.refused(b"", "--jsonl")
        self.refused(b" \n\n", "--jsonl", "--root")
        self.refused(b"", "--format", "raw", mentions=["empty"])
        self.refused(b"", "--format", "msgpack")

    def test_invalid_utf8_lone_surrogates_duplicate_keys(self):
        self.refused(b'"\xff"')
        self.refused(b'"\xed\xa0\x80"')
        self.refused(b'"\\ud800"')
        self.refused(b'{"a":1,"a":2}', mentions=["a"])

    def test_nesting_has_a_limit_and_never_overflows(self):
        deep = b"[" * 1024 + b"]" * 1024
        self.refused(b"[" + deep + b"]")
        self.refused(b"[" * 1_000_000)
        self.assertEqual(deep + b"\n", self.get(self.push(deep.decode())))

    def test_numbers_a_format_cannot_hold(self):
        self.refused(b"[NaN]", mentions=["MessagePack"])
        self.refused(b"[-Infinity]", mentions=["MessagePack"])
        self.refused(b"[18446744073709551616]", "--format", "msgpack")
        self.refused(b"1" * 5000)
        pointer = self.push("[NaN,-Infinity]", "--format", "msgpack")
        self.assertEqual(b"[NaN,-Infinity]\n", self.get(pointer))

    def test_a_bad_line_is_named_and_nothing_of_the_batch_is_pushed(self):
        self.refused(b"1\n2\n\n{oops\n5\n", "--jsonl", mentions=["line 4"])
        self.refused(b"1\n[NaN]\n", "--jsonl", mentions=["line 2"])

    def test_a_bad_file_among_good_ones(self):
        good = self.write_file("good.json", b"1")
        bad = self.write_file("bad.json", b"{")
        self.fails(FAILED, "push", self.space, good, bad, "--root", mentions=["bad.json"])
        self.assert_no_space()

    def test_after_many_good_lines_what_was_printed_is_there(self):
        lines = b"".join(b'{"n":%d,"fill":"%s"}\n' % (i, b"x" * 10_000) for i in range(4000))
        result = self.fails(FAILED, "push", self.space, "--jsonl", stdin=lines + b"oops\n",
                            mentions=["line 4001"], stdout=None)
        pointers = result.stdout.decode().split()
        self.assertTrue(1000 < len(pointers) < 4000, len(pointers))
        self.assertIn(b'{"n":%d,' % (len(pointers) - 1), self.get(pointers[-1]))
        self.assert_verifies()

    def test_files_that_are_none(self):
        self.fails(FAILED, "push", self.space, self.directory, mentions=["directory"])
        self.fails(FAILED, "push", self.space, self.directory / "absent", mentions=["absent"])
        self.assert_no_space()

    def test_newlines_in_names_do_not_make_two_lines(self):
        self.fails(FAILED, "push", self.space, "no\nsuch file", mentions=["no\\nsuch file"])


class WrongUsage(SpaceTest):

    def test_command_lines_that_make_no_sense(self):
        self.push("1")
        for arguments in ([], ["frobnicate"], ["push"], ["get", self.space], ["root"], ["root", "a", "b"],
                          ["root", self.space, "--frob"], ["copy", self.space],
                          ["push", self.space, "--format", "xml"], ["push", self.space, "--format"],
                          ["push", self.space, "--jsonl", "--format", "raw"],
                          ["push", self.space, "-", "-"], ["log", self.space, "--limit", "many"],
                          ["log", self.space, "--limit", "-1"], ["log", self.space, "--limit", "010"],
                          ["log", self.space, "--limit", "09"], ["dump", self.space, "--wal", "x"],
                          ["get", self.space, "nonsense"], ["set-root", self.space, "x:y"],
                          ["set-root", self.space, NOWHERE, "--expect", "nobody"],
                          ["root", ""], ["root", "file:"], ["root", "ftp://host/x"]):
            with self.subTest(arguments):
                self.fails(USAGE, *arguments)

    def test_pointers_are_read_strictly(self):
        uuid = NOWHERE.split(":")[0]
        for text in ("", uuid, uuid + ":", uuid + ":-1", uuid + ":+1", uuid + ":01", uuid + ":1x",
                     uuid + ":18446744073709551616", uuid + ": 1", uuid[:-1] + ":1", "{" + uuid + "}:1"):
            with self.subTest(text):
                self.fails(USAGE, "get", self.space, text)

    def test_locations_of_buckets_are_read_strictly(self):
        for space in ("s3:bucket", "s3:///prefix", "gs://", "s3://bucket/p?frob=1", "s3://bucket/p?region=a&region=b",
                      "s3://bucket/p?path_style=1", "gs://bucket/p?region=a", "s3://bucket/p?region=%1"):
            for command in READING + ("push", "set-root"):
                with self.subTest((command, space)):
                    self.fails(USAGE, *arguments_of(command, space), mentions=["BUCKET/PREFIX?endpoint=URL"])

    def test_credentials_in_a_location_are_refused_and_not_repeated(self):
        for space in ("s3://key:hidden@bucket/p", "s3://bucket/p?endpoint=https://key:hidden@host",
                      "s3://bucket/p?secret_key=hidden"):
            with self.subTest(space):
                result = self.fails(USAGE, "root", space)
                self.assertNotIn(b"hidden", result.stderr)

    def test_what_buckets_cannot_do_so_far(self):
        self.fails(USAGE, "salvage", self.space, "s3://bucket/x", mentions=["TO s3://bucket/x", "then copy that"])

    def test_a_directory_has_nothing_to_merge(self):
        self.push("1")
        before = snapshot(self.space)
        merged = json.loads(self.ok("merge", self.space, "--json"))
        self.assertEqual({"slots": 0, "segments": 0, "bytes": 0, "removed": 0}, merged)
        self.assertEqual(f"{self.space} is a directory, which needs no merging; nothing was done\n",
                         self.ok("merge", self.space).decode())
        self.assertEqual(before, snapshot(self.space))
        self.fails(NOT_THERE, "merge", self.space + "/absent", mentions=["absent"])

    def test_doctor_of_a_directory(self):
        self.push("1")
        before = snapshot(self.space)
        lines = self.lines("doctor", self.space)
        self.assertTrue(all(line.startswith("ok ") for line in lines), lines)
        self.assertEqual(before.keys(), snapshot(self.space).keys())
        result = self.fails(FAILED, "doctor", self.space + "/absent", stdout=None)
        self.assertRegex(result.stdout.decode(), r"^FAILED +directory +\S")

    def test_help_and_version(self):
        self.assertRegex(self.ok("--version").decode(), r"^protobase \d+\.\d+\.\d+\n$")
        general = self.ok("--help").decode()
        for command in COMMANDS:
            self.assertIn(command, general)
            text = self.ok(command, "--help").decode()
            self.assertRegex(text, "Example")
            self.assertIn("protobase " + command, text)


class NotThere(SpaceTest):

    def test_a_space_that_does_not_exist(self):
        for command in READING + ("set-root",):
            with self.subTest(command):
                self.fails(NOT_THERE, *arguments_of(command, self.space), mentions=[self.space])
                self.assert_no_space()
        self.fails(NOT_THERE, "copy", self.space, self.directory / "to")
        self.assertEqual({}, snapshot(self.directory))

    def test_an_empty_directory_stays_empty(self):
        os.mkdir(self.space)
        for command in READING + ("set-root",):
            with self.subTest(command):
                result = self.run_cli(*arguments_of(command, self.space))
                self.assertIn(result.returncode, (DONE, NOT_THERE))
                self.assertEqual({}, snapshot(self.space))

    def test_no_root(self):
        self.push("1")
        self.fails(NOT_THERE, "root", self.space, mentions=["root"])
        self.assertEqual(b"", self.ok("log", self.space))

    def test_pointers_to_nowhere(self):
        pointer = self.push('{"text": "%s"}' % ("x" * 500))
        wal, offset = pointer.split(":")
        for there in (NOWHERE, f"{wal}:{int(offset) + 8}", f"{wal}:{int(offset) + 1}", f"{wal}:0",
                      f"{wal}:64", f"{wal}:{1 << 40}", f"{wal}:18446744073709551615"):
            with self.subTest(there):
                for command in ("get", "set-root"):
                    self.fails(NOT_THERE, command, self.space, there, mentions=[there.split(":")[0]])
        self.fails(NOT_THERE, "root", self.space)

    def test_what_was_got_before_the_failure_is_printed(self):
        pointer = self.push("[1]")
        self.fails(NOT_THERE, "get", self.space, pointer, pointer, NOWHERE, pointer,
                   stdout=b"[1]\n[1]\n")

    def test_an_unknown_wal(self):
        self.push("1")
        self.fails(NOT_THERE, "dump", self.space, "--wal", NOWHERE.split(":")[0])


class OtherThings(SpaceTest):
    """A SPACE that is something else is refused and stays as it is."""

    def refused_by_all(self):
        before = snapshot(self.directory)
        for command in READING + ("push", "set-root"):
            with self.subTest(command):
                result = self.run_cli(*arguments_of(command, self.space), stdin=b"1")
                expected = (FAILED, NOT_THERE) if command == "set-root" else (FAILED,)
                self.assertIn(result.returncode, expected, result.stderr)
                self.assert_one_error_line(result, mentions=[self.space])
                self.assertEqual(before, snapshot(self.directory))

    def test_a_file(self):
        self.write_file("space", b"hello")
        self.refused_by_all()

    def test_a_directory_full_of_other_things(self):
        os.makedirs(self.space + "/photos")
        self.write_file("space/letter.txt", b"Dear Ada")
        self.refused_by_all()

    def test_below_a_file(self):
        self.write_file("plain", b"")
        result = self.run_cli("push", self.directory / "plain" / "space", stdin=b"1")
        self.assertEqual(FAILED, result.returncode)
        self.assert_one_error_line(result)


class Roots(SpaceTest):

    def test_expectations(self):
        one, two = self.push("1"), self.push("2")
        self.fails(LOST_RACE, "set-root", self.space, one, "--expect", two, mentions=["none", two])
        self.assertEqual([one], self.lines("set-root", self.space, one, "--expect", "none"))
        self.fails(LOST_RACE, "set-root", self.space, two, "--expect", "none", mentions=[one])
        self.fails(LOST_RACE, "set-root", self.space, two, "--expect", two, mentions=[one, two])
        self.assertEqual([two], self.lines("set-root", self.space, two, "--expect", one))
        self.assertEqual([one], self.lines("set-root", self.space, one))
        self.assertEqual([one], self.lines("root", self.space))

    def test_log_is_newest_first(self):
        pointers = [self.push(str(i), "--root") for i in range(5)]
        entries = [line.split(" ") for line in self.lines("log", self.space)]
        self.assertEqual(pointers[::-1], [entry[2] for entry in entries])
        sequences = [int(entry[0]) for entry in entries]
        self.assertEqual(sorted(set(sequences), reverse=True), sequences)
        for entry in entries:
            self.assertRegex(entry[1], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertEqual(entries[:2], [line.split(" ") for line in
                                       self.lines("log", self.space, "--limit", "2")])
        self.assertEqual([], self.lines("log", self.space, "--limit", "0"))


class Inspection(SpaceTest):

    def setUp(self):
        super().setUp()
        self.atom = self.push('{"text":"NEEDLE"}', "--root")
        self.packed = self.push("[1,2]", "--format", "msgpack")
        self.raw = self.lines("push", self.space, "--format", "raw", stdin=b"blob")[0]

    def test_dump(self):
        records = [line.split(" ") for line in self.lines("dump", self.space)]
        data = {record[0]: record[1:] for record in records if record[1] != "-"}
        self.assertEqual({self.atom: ["json", "17", "ok"], self.packed: ["msgpack", "3", "ok"],
                          self.raw: ["raw", "4", "ok"]}, data)
        self.assertEqual(1, sum(record[3] == "commit" for record in records))
        for record in records:
            self.assertRegex(record[0], POINTER)
            self.assertIn(record[3], ("ok", "commit", "mark", "void"))
        objects = [json.loads(line) for line in self.lines("dump", self.space, "--json")]
        self.assertEqual([record[0] for record in records], [entry["pointer"] for entry in objects])
        self.assertEqual([record[3] for record in records], [entry["state"] for entry in objects])
        wal = self.atom.split(":")[0]
        self.assertEqual([" ".join(record) for record in records if record[0].startswith(wal)],
                         self.lines("dump", self.space, "--wal", wal))

    def test_stat(self):
        stat = json.loads(self.ok("stat", self.space, "--json"))
        self.assertEqual((3, 24, 1, 0), (stat["records"], stat["payload_bytes"], stat["commits"],
                                         stat["bad_places"]))
        self.assertEqual(self.atom, stat["root"]["pointer"])
        self.assertIn(self.atom.split(":")[0], [wal["id"] for wal in stat["wals"]])
        self.assertEqual({"object", "bytes"}, set(stat["caches"]))
        self.assertNotIn("records", json.loads(self.ok("stat", self.space, "--json", "--fast")))
        table = self.ok("stat", self.space).decode()
        for text in (self.atom, "records", "protobase ", "WALs", "cache"):
            self.assertIn(text, table)

    def test_verify_of_a_sound_space(self):
        report = json.loads(self.ok("verify", self.space, "--json"))
        self.assertEqual((3, 24, 1, 0, []), (report["records"], report["payload_bytes"],
                                             report["commits"], report["bad_places"], report["bad"]))
        self.assertRegex(self.ok("verify", self.space).decode(), r"bad places +0\n")

    def test_damage_is_found_named_and_left_alone(self):
        wal = change_byte(self.space, b"NEEDLE")
        self.assertEqual(wal, self.atom.split(":")[0])
        before = snapshot(self.space)
        offset = self.atom.split(":")[1]

        result = self.fails(CORRUPT, "verify", self.space, stdout=None)
        self.assertRegex(result.stdout.decode(), rf"(?m)^bad {wal} {offset}: \S")
        report = json.loads(self.fails(CORRUPT, "verify", self.space, "--json", stdout=None).stdout)
        self.assertEqual([(wal, int(offset))], [(bad["wal"], bad["offset"]) for bad in report["bad"]])

        result = self.fails(CORRUPT, "dump", self.space, stdout=None)
        self.assertRegex(result.stdout.decode(), rf"(?m)^{self.atom} - \d+ bad$")
        result = self.fails(CORRUPT, "dump", self.space, "--json", stdout=None)
        bad = [json.loads(line) for line in result.stdout.splitlines() if b'"bad"' in line]
        self.assertEqual([self.atom], [entry["pointer"] for entry in bad])
        self.assertTrue(bad[0]["reason"])

        saved = self.space + ".saved"
        salvaged = self.ok("salvage", self.space, saved).decode()
        self.assertRegex(salvaged, rf"(?m)^lost {wal} {offset}: \S")
        self.ok("verify", saved)
        self.fails(NOT_THERE, "get", saved, self.atom)
        self.fails(FAILED, "salvage", self.space, saved, mentions=["already"])
        again = json.loads(self.ok("salvage", self.space, saved + "2", "--json"))
        self.assertIn((wal, int(offset)), [(p["wal"], p["offset"]) for p in again["lost"]])
        self.assertEqual((2, 0, None), (again["lost_places"], again["commits"], again["root"]))
        self.assertEqual(before, snapshot(self.space))

        self.fails(CORRUPT, "get", self.space, self.atom, mentions=[wal, offset])
        self.fails(CORRUPT, "get", self.space, self.atom, "--raw")
        self.assertEqual(b"[1,2]\nblob", self.ok("get", self.space, self.packed, self.raw))
        self.assertEqual(1, json.loads(self.ok("stat", self.space, "--json"))["bad_places"])
        self.assertEqual(before, snapshot(self.space))

    def test_reading_commands_change_nothing(self):
        before = snapshot(self.directory)
        for command in READING:
            self.ok(*arguments_of(command, self.space, self.atom))
        for command in ("stat", "verify", "dump"):
            self.ok(command, self.space, "--json")
        self.fails(NOT_THERE, "get", self.space, NOWHERE)
        self.assertEqual(before, snapshot(self.directory))


class Copies(SpaceTest):

    def test_where_it_may_go(self):
        self.push("1", "--root")
        before = snapshot(self.space)
        for command in ("copy", "salvage"):
            for target in (self.space, self.space + "/below", self.space + "/a/b", self.space + "/x/../below"):
                with self.subTest((command, target)):
                    self.fails(FAILED, command, self.space, target, mentions=["source"])
        self.assertEqual(before, snapshot(self.space))

    def test_a_damaged_record_of_the_python_storage_is_named(self):
        legacy = SOURCE_DIR / "test" / "golden" / "legacy" / "json_atoms"
        record = next(record for record in json.loads((legacy / "manifest.json").read_text())["records"]
                      if record["id"] == "simple")
        shutil.copytree(legacy / "space", self.space)
        with open(os.path.join(self.space, record["wal"]), "r+b") as wal:
            wal.seek(record["offset"] + record["header_size"] + 1)
            wal.write(b"\xff" * 2)
        place = rf"{record['wal']} {record['offset']}: \S"
        verified = self.fails(CORRUPT, "verify", self.space, stdout=None)
        self.assertRegex(verified.stdout.decode(), rf"(?m)^bad {place}")
        self.assertRegex(self.ok("salvage", self.space, self.space + ".saved").decode(), rf"(?m)^lost {place}")

    def test_pointers_and_root_stay_valid(self):
        pointers = [self.push(f'{{"n":{i}}}', "--root") for i in range(4)]
        before = snapshot(self.space)
        copy = str(self.directory / "copy")
        self.assertIn(pointers[-1], self.ok("copy", self.space, copy).decode())
        self.assertEqual(before, snapshot(self.space))
        self.assertEqual(self.ok("get", self.space, *pointers), self.ok("get", copy, *pointers))
        self.assertEqual(self.lines("log", self.space), self.lines("log", copy))
        self.ok("verify", copy)
        self.assertEqual([pointers[-1]], self.lines("root", copy))
        pointer = self.lines("push", copy, "--root", stdin=b"5")[0]
        self.assertEqual([pointer], self.lines("root", copy))
        self.assertEqual([pointers[-1]], self.lines("root", self.space))

    def test_a_target_that_is_not_empty(self):
        self.push("1")
        os.mkdir(self.directory / "to")
        self.write_file("to/letter.txt", b"Dear Ada")
        before = snapshot(self.directory)
        self.fails(FAILED, "copy", self.space, self.directory / "to")
        self.fails(FAILED, "copy", self.space, self.space)
        self.assertEqual(before, snapshot(self.directory))


class Bench(SpaceTest):

    def test_bench_measures_in_a_new_space_only(self):
        report = json.loads(self.ok("bench", self.space, "--json"))
        names = [row["name"] for row in report["results"]]
        self.assertEqual(["push", "commit, 1 thread", "commit, 16 threads", "get, hot", "get, cold"], names)
        for row in report["results"]:
            self.assertTrue(row["operations"] > 0 and 0 <= row["p50_us"] <= row["p99_us"], row)
        # A commit may return only after a sync that began after it: n threads share one n times at most.
        for row, threads in ((report["results"][1], 1), (report["results"][2], 16)):
            self.assertLessEqual(row["operations"], threads * row["syncs"], row)
        self.assert_verifies()
        before = snapshot(self.space)
        self.fails(FAILED, "bench", self.space, mentions=["not empty"])
        self.assertEqual(before, snapshot(self.space))


class BrokenStreams(SpaceTest):

    def test_a_full_disk_behind_standard_output(self):
        pointer = self.push("1", "--root")
        for arguments in (["--help"], ["--version"], ["push", self.space],
                          ["set-root", self.space, pointer],
                          *(arguments_of(command, self.space, pointer) for command in READING)):
            with self.subTest(arguments), open("/dev/full", "wb") as full:
                result = self.run_cli(*arguments, stdin=b"2", stdout=full)
                self.assertEqual(FAILED, result.returncode)
                self.assert_one_error_line(result, mentions=["standard output"])

    def test_closed_standard_output(self):
        pointer = self.push("1", "--root")
        for arguments in (["push", self.space], ["get", self.space, pointer], ["root", self.space]):
            with self.subTest(arguments):
                result = self.run_cli(*arguments, stdin=b"2", stdout=None, preexec_fn=lambda: os.close(1))
                self.assertEqual(FAILED, result.returncode)
                self.assert_one_error_line(result, mentions=["standard output"])
        self.assert_verifies()

    def test_all_streams_closed(self):
        self.push("1", "--root")
        name = self.write_file("two.json", b"2")
        result = subprocess.run([CLI, "push", self.space, name, "--root"], timeout=60,
                                preexec_fn=lambda: [os.close(fd) for fd in (0, 1, 2)])
        self.assertEqual(FAILED, result.returncode)
        self.assert_verifies()
        self.assertEqual(b"2\n", self.get(self.lines("root", self.space)[0]))

    def test_closed_standard_input(self):
        result = subprocess.run([CLI, "push", self.space], capture_output=True, timeout=60,
                                preexec_fn=lambda: os.close(0))
        self.assertEqual(FAILED, result.returncode)
        self.assert_one_error_line(result, mentions=["standard input"])
        self.assert_no_space()

    def test_a_reader_that_goes_away(self):
        self.ok("push", self.space, "--jsonl", stdin=b"1\n" * 20_000)
        process = subprocess.Popen([CLI, "dump", self.space], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(b"", process.stderr.read())
        self.assertEqual(OUTPUT_CLOSED, process.wait(60))
        process.stderr.close()

    @unittest.skipIf(SANITIZED, "the sanitizer's own files would meet the limit")
    def test_a_file_size_limit_is_an_error_not_a_death(self):
        pointer = self.push("1", "--root")

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (6 << 20, 6 << 20))

        result = self.run_cli("push", self.space, "--format", "raw", stdin=b"x" * (16 << 20),
                              preexec_fn=limit)
        self.assertEqual(FAILED, result.returncode)
        self.assert_one_error_line(result)
        self.assertEqual([pointer], self.lines("root", self.space))
        self.assert_verifies()
        self.assertEqual(b"2\n", self.get(self.push("2", "--root")))


class Permissions(SpaceTest):
    """Permission bits do not bind root, so as root the program runs as another user."""

    def setUp(self):
        super().setUp()
        os.chmod(self.directory, 0o755)
        self.program = str(self.directory / "protobase")
        shutil.copy(CLI, self.program)
        os.chmod(self.program, 0o755)
        self.identity = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}

    def run_cli(self, *arguments, stdin=b"", **options):
        return subprocess.run([self.program, *map(str, arguments)], input=stdin, capture_output=True,
                              timeout=60, **self.identity)

    def make_space(self):
        result = subprocess.run([CLI, "push", self.space, "--root"], input=b"1", capture_output=True,
                                check=True)
        return result.stdout.decode().strip()

    def set_modes(self, directory_mode, file_mode):
        for name in os.listdir(self.space):
            os.chmod(os.path.join(self.space, name), file_mode)
        os.chmod(self.space, directory_mode)
        self.addCleanup(os.chmod, self.space, 0o700)

    def test_a_read_only_space_can_be_read_and_not_written(self):
        pointer = self.make_space()
        self.set_modes(0o555, 0o444)
        before = snapshot(self.space)
        self.assertEqual([pointer], self.lines("root", self.space))
        for command in READING:
            self.ok(*arguments_of(command, self.space, pointer))
        self.fails(FAILED, "push", self.space, stdin=b"2", mentions=[self.space])
        self.fails(FAILED, "set-root", self.space, pointer, mentions=[self.space])
        self.assertEqual(before, snapshot(self.space))

    def test_a_space_one_may_not_enter(self):
        pointer = self.make_space()
        self.set_modes(0o700 if self.identity else 0o000, 0o600)
        for command in READING + ("push", "set-root"):
            with self.subTest(command):
                self.fails(FAILED, *arguments_of(command, self.space, pointer), stdin=b"2",
                           mentions=[self.space])

    def test_a_place_where_nothing_can_be_made(self):
        os.mkdir(self.directory / "closed", 0o555)
        self.fails(FAILED, "push", self.directory / "closed" / "space", stdin=b"1", mentions=["closed"])
        self.assertEqual([], os.listdir(self.directory / "closed"))


if __name__ == "__main__":
    main()
