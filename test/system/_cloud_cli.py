"""The command line at a bucket, as every server must carry it. Subclasses say which server, and how to make a bucket."""

import errno
import fcntl
import json
import os
import random
import signal
import struct
import subprocess
import termios
import time
import uuid

from _space import CLI, DONE, FAILED, LOST_RACE, NOT_THERE, NOWHERE, SOURCE_DIR, SpaceTest

READING = (["get", NOWHERE], ["root"], ["log"], ["stat"], ["verify"], ["dump"])
BUCKET = "commands"
BATCH = 16 << 20  # what push collects before it makes it durable
KILLS = 6  # of one copy, at most


class CloudSpace(SpaceTest):
    """Each test has a prefix of its own."""

    scheme = "s3"
    parameters = ""
    environment = {}

    def setUp(self):
        super().setUp()
        self.prefix = f"tests/{uuid.uuid4()}"
        self.space = self.location(BUCKET, self.prefix)

    def location(self, bucket, prefix):
        return f"{self.scheme}://{bucket}/{prefix}?{self.parameters}"

    def run_cli(self, *arguments, stdin=b"", **options):
        options.setdefault("env", {**os.environ, **self.environment})
        return super().run_cli(*arguments, stdin=stdin, **options)

    def start(self, *arguments):
        return subprocess.Popen([CLI, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env={**os.environ, **self.environment})

    def run_on_a_terminal(self, *arguments, columns):
        """Exit status, and what it wrote on standard error, which is a terminal."""
        own, its = os.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        with subprocess.Popen([CLI, *arguments], stdout=subprocess.DEVNULL, stderr=its,
                              env={**os.environ, **self.environment}) as process:
            os.close(its)
            shown = b""
            try:
                while chunk := os.read(own, 65536):
                    shown += chunk
            except OSError as error:  # so a terminal ends that nobody writes to any more
                self.assertEqual(errno.EIO, error.errno)
        os.close(own)
        return process.returncode, shown.decode()

    def on_space(self, command):
        return [command[0], self.space, *command[1:]]


class Essentials(CloudSpace):
    """What the contract of the command line promises of any place."""

    def test_what_one_process_pushes_another_gets(self):
        ada = self.push('{"name":"Ada"}')
        packed = self.push("[1,2]", "--format", "msgpack", "--root")
        blob = self.lines("push", self.space, "--format", "raw", stdin=b"\0blob")[0]
        self.assertEqual(b'{"name":"Ada"}\n[1,2]\n\0blob', self.ok("get", self.space, ada, packed, blob))
        self.assertEqual(b"\x92\x01\x02", self.get(packed, "--raw"))
        self.assertEqual([packed], self.lines("root", self.space))
        pointers = self.lines("push", self.space, "--jsonl", "--root", stdin=b"1\n2\n3\n")
        self.assertEqual(b"1\n2\n3\n", self.ok("get", self.space, *pointers))
        self.assertEqual([pointers[-1], packed], [line.split()[2] for line in self.lines("log", self.space)])
        records = [line.split() for line in self.lines("dump", self.space)]
        self.assertLessEqual({ada, packed, blob, *pointers}, {record[0] for record in records})
        self.assertEqual(2, sum(record[3] == "commit" for record in records))
        self.assertRegex(self.ok("verify", self.space).decode(), r"records +6\n(.*\n)*bad places +0\n")

    def test_stat_tells_requests_and_cost(self):
        self.push("1", "--root")
        stat = json.loads(self.ok("stat", self.space, "--json"))
        self.assertEqual((1, 1, 0), (stat["records"], stat["commits"], stat["bad_places"]))
        cloud = stat["cloud"]
        self.assertEqual((0, 0), (cloud["requests"]["puts"], cloud["requests"]["deletes"]))
        self.assertGreater(cloud["requests"]["gets"], 0)
        self.assertGreater(cloud["bytes_received"], 0)
        self.assertGreater(cloud["checkpoint"]["bytes"], 0)
        self.assertEqual(64 << 20, cloud["checkpoint"]["max_bytes"])
        self.assertAlmostEqual(0.432, cloud["cost"]["day_at_a_commit_a_second"], places=3)
        table = self.ok("stat", self.space, "--fast").decode()
        for text in ("requests", "transferred", "cost, stored", "cost, commits", "cost, a day"):
            self.assertIn(text, table)

    def test_merge(self):
        pointers = [self.push(str(i), "--root") for i in range(3)]
        merged = json.loads(self.ok("merge", self.space, "--json"))
        self.assertEqual((3, 3, 2), (merged["slots"], merged["segments"], merged["removed"]))
        self.assertRegex(self.ok("merge", self.space).decode(), r"^slots +0\nsegments +0\ncontent +0 B\nremoved +0\n$")
        self.assertEqual(b"0\n1\n2\n", self.ok("get", self.space, *pointers))
        self.assertEqual(list(reversed(pointers)), [line.split()[2] for line in self.lines("log", self.space)])
        pointers.append(self.push("3", "--root"))
        self.assertRegex(self.ok("verify", self.space).decode(), r"bad places +0\n")
        self.assertEqual([pointers[-1]], self.lines("root", self.space))

    def test_set_root(self):
        one, two = self.push("1"), self.push("2")
        self.fails(LOST_RACE, "set-root", self.space, one, "--expect", two, mentions=["none", two])
        self.assertEqual([one], self.lines("set-root", self.space, one, "--expect", "none"))
        self.fails(LOST_RACE, "set-root", self.space, two, "--expect", "none", mentions=[one])
        self.assertEqual([two], self.lines("set-root", self.space, two, "--expect", one))
        self.assertEqual([one], self.lines("set-root", self.space, one))
        self.assertEqual([one], self.lines("root", self.space))
        self.fails(NOT_THERE, "set-root", self.space, NOWHERE)

    def test_a_large_blob(self):
        content = random.Random(1).randbytes(20 << 20)
        pointer = self.lines("push", self.space, "--format", "raw", "--root", stdin=content)[0]
        self.assertTrue(content == self.get(pointer), "other bytes came back")

    def test_where_nothing_is_nothing_is_made(self):
        for command in READING:
            with self.subTest(command):
                self.fails(NOT_THERE, *self.on_space(command), mentions=[self.prefix])
        self.fails(NOT_THERE, "set-root", self.space, NOWHERE, mentions=[self.prefix])
        self.fails(NOT_THERE, "merge", self.space, mentions=[self.prefix])
        self.fails(FAILED, "push", self.space, stdin=b"{")
        self.fails(NOT_THERE, "log", self.space)
        self.push("1")
        self.fails(NOT_THERE, "root", self.space, mentions=["set-root"])
        self.fails(NOT_THERE, "get", self.space, NOWHERE)

    def test_a_bucket_that_is_not_there(self):
        self.space = self.location("no-such-bucket", "x")
        for command in READING:
            with self.subTest(command):
                self.fails(NOT_THERE, *self.on_space(command), mentions=["no-such-bucket"])
        self.fails(NOT_THERE, "push", self.space, stdin=b"1", mentions=["no-such-bucket"])
        result = self.fails(FAILED, "doctor", self.space, stdout=None)
        self.assertRegex(result.stdout.decode(), r"^FAILED +answer +\S")

    def test_doctor(self):
        self.push("1", "--root")
        lines = self.lines("doctor", self.space)
        for check in ("answer", "credentials", "prefix", "put", "get", "list", "clock", "create if absent",
                      "replace if unchanged", "remove"):
            self.assertTrue(any(line.startswith(f"ok      {check} ") for line in lines), lines)
        self.assert_verifies()

    def test_a_writer_whom_another_one_deposed(self):
        first = self.start("push", self.space, "--jsonl")
        line = b'"%s"\n' % (b"x" * 60_000)
        first.stdin.write(line * (BATCH // len(line) + 2))
        first.stdin.flush()
        printed = [first.stdout.readline().decode().strip()]  # by now it has claimed the log and committed
        second = self.push('"second"', "--root")
        first.stdin.write(b'"too late"\n')
        first.stdin.close()
        rest, error = first.stdout.read(), first.stderr.read()
        first.wait(60)
        first.stdout.close()
        first.stderr.close()
        self.assertEqual(LOST_RACE, first.returncode, error)
        self.assertEqual(1, error.count(b"\n"), error)
        self.assertIn(b"another writer took over", error)
        printed += rest.decode().split()
        self.assertEqual([second], self.lines("root", self.space))
        self.assertEqual(line * len(printed), self.ok("get", self.space, *printed))
        self.assert_verifies()

    def assert_is_copy(self, copy, source):
        for command in (["root"], ["log"], ["dump"]):
            with self.subTest(command, copy=copy):
                self.assertEqual(sorted(self.lines(command[0], source)), sorted(self.lines(command[0], copy)))
        pointers = [line.split()[0] for line in self.lines("dump", copy) if line.split()[3] == "ok"]
        for pointer in pointers:
            self.assertTrue(self.ok("get", source, pointer, "--raw") == self.ok("get", copy, pointer, "--raw"), pointer)
        self.ok("verify", copy)

    def test_copies_both_ways(self):
        self.push('{"name":"Ada"}', "--root")
        self.push("[1,2]", "--format", "msgpack", "--root")
        self.push('"not a root"')
        directory = str(self.directory / "copy")
        other = self.location(BUCKET, self.prefix + "-other")
        back = str(self.directory / "back")
        for source, target in ((self.space, directory), (directory, other), (other, back)):
            summary = self.ok("copy", source, target).decode()
            self.assertRegex(summary, r"WALs +3\ncontent +\S.*\nresumed +0 B\nroot +\S+\n")
            self.assert_is_copy(target, self.space)
        self.fails(FAILED, "copy", directory, other, mentions=["is a store already", "empty prefix"])
        self.fails(FAILED, "copy", other, directory, mentions=["is a space already"])
        self.fails(NOT_THERE, "copy", self.location(BUCKET, self.prefix + "-nothing"), self.directory / "to")
        root = self.lines("push", other, "--root", stdin=b'"a commit to the copy"')
        self.assertEqual(root, self.lines("root", other))
        self.assertEqual(3, len(self.lines("log", other)))
        self.assertEqual(2, len(self.lines("log", self.space)))

    def test_legacy_directories_come_to_a_bucket_and_back(self):
        for name in ("json_atoms", "legacy_no_indicator", "msgpack_atoms", "raw_bytes", "root_set"):
            with self.subTest(name):
                source = str(SOURCE_DIR / "test" / "golden" / "legacy" / name / "space")
                bucket = self.location(BUCKET, f"{self.prefix}-{name}")
                back = str(self.directory / name)
                self.ok("copy", source, bucket)
                self.ok("copy", bucket, back)
                for copy in (bucket, back):
                    self.assertEqual(self.lines("dump", source), self.lines("dump", copy))
                    self.assertEqual(self.ok("verify", source), self.ok("verify", copy))
                    self.assertEqual(self.run_cli("root", source).stdout, self.run_cli("root", copy).stdout)
                pointers = [line.split()[0] for line in self.lines("dump", source)]
                self.assertTrue(self.ok("get", source, *pointers, "--raw") == self.ok("get", bucket, *pointers, "--raw"))

    def kill_copies(self, chance, source, target, usual):
        """Starts a copy and kills it until it is complete; returns how many were killed."""
        is_complete = False
        for killed in range(KILLS + 1):
            process = self.start("copy", source, target)
            try:
                process.wait(chance.uniform(0, usual) if killed < KILLS else 100)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            process.wait()
            error = process.stderr.read()
            for stream in (process.stdin, process.stdout, process.stderr):
                stream.close()
            if process.returncode == DONE or is_complete and b" already: choose" in error:
                return killed
            self.assertEqual(-signal.SIGKILL, process.returncode, error)
            result = self.run_cli("root", target)
            self.assertIn(result.returncode, (DONE, FAILED, NOT_THERE))
            is_complete = result.returncode == DONE  # but for its marker, perhaps
            if result.returncode == FAILED:
                self.assert_one_error_line(result, ["unfinished copy"])
                self.unfinished += 1
        self.fail("not one came to its end")

    def test_killed_copies_go_on(self):
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", flush=True)
        chance = random.Random(seed)
        source = str(self.directory / "source")
        files = [self.write_file(f"blob-{i}", chance.randbytes(5 << 20)) for i in range(8)]
        self.lines("push", source, *files, "--format", "raw", "--root")

        def time_copy(source, target):
            started = time.monotonic()
            self.ok("copy", source, target)
            return time.monotonic() - started

        warm = self.location(BUCKET, f"{self.prefix}-warm")
        usual_in = min(time_copy(source, warm), time_copy(source, self.space))
        usual_out = time_copy(self.space, self.directory / "out")
        self.unfinished = killed = 0
        for i in range(3):
            bucket = self.location(BUCKET, f"{self.prefix}-{i}")
            back = str(self.directory / f"back-{i}")
            killed += self.kill_copies(chance, source, bucket, usual_in)
            killed += self.kill_copies(chance, bucket, back, usual_out)
            self.assert_is_copy(back, source)
            self.ok("verify", bucket)
        print(f"{killed} killed, {self.unfinished} left an unfinished copy", flush=True)
        self.assertGreater(self.unfinished, 0, "not one was killed on its way")

    def test_killed_pushes_lose_nothing_that_was_printed(self):
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", flush=True)
        chance = random.Random(seed)
        printed, killed = {}, 0
        started = time.monotonic()
        self.push('"the first"', "--root")
        usual = time.monotonic() - started
        for i in range(16):
            process = self.start("push", self.space, "--root")
            process.stdin.write(b'{"n":%d}' % i)
            process.stdin.close()
            time.sleep(chance.uniform(0, 1.3 * usual))
            process.send_signal(signal.SIGKILL)
            pointer = process.stdout.read().decode().strip()
            process.wait()
            process.stdout.close()
            process.stderr.close()
            killed += process.returncode == -signal.SIGKILL
            if pointer:
                printed[pointer] = b'{"n":%d}\n' % i
        self.assertGreater(killed, 0, "not one was killed on its way")
        self.assert_verifies()
        roots = [entry.split()[2] for entry in self.lines("log", self.space)]
        self.assertLessEqual(set(printed), set(roots))
        for pointer, content in printed.items():
            self.assertEqual(content, self.get(pointer))
        self.assertEqual(roots[0], self.lines("root", self.space)[0])
        last = self.push('"the last"', "--root")
        self.assertEqual([last], self.lines("root", self.space))
