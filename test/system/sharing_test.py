"""Several processes on one space: no update is lost, and a killed one leaves the space usable."""

import json
import random
import re
import signal
import subprocess
import threading
import time

from _space import CLI, DONE, FAILED, LOST_RACE, SANITIZED, SpaceTest, main

WRITERS = 4
INCREMENTS = 5 if SANITIZED else 15
KILLS = 4 if SANITIZED else 12


class SharedSpace(SpaceTest):

    def test_no_update_is_lost(self):
        start = self.push('{"count":0}', "--root")
        outcomes = [{"won": 0, "lost": 0, "errors": []} for _ in range(WRITERS)]
        threads = [threading.Thread(target=self.increment, args=(outcome,)) for outcome in outcomes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], sum((outcome["errors"] for outcome in outcomes), []))
        won = sum(outcome["won"] for outcome in outcomes)
        print(f"{won} commits by {WRITERS} writers, {sum(o['lost'] for o in outcomes)} lost races")

        history = [line.split(" ")[2] for line in self.lines("log", self.space)]
        counts = [json.loads(line)["count"] for line in self.lines("get", self.space, *history)]
        self.assertEqual(list(range(won, -1, -1)), counts)
        self.assertEqual(start, history[-1])
        self.assert_verifies()

    def increment(self, outcome):
        """Read, push one more, publish it if nobody was faster; each step a process of its own."""
        while outcome["won"] < INCREMENTS and not outcome["errors"]:
            try:
                root = self.lines("root", self.space)[0]
                count = json.loads(self.get(root))["count"]
                pointer = self.push('{"count":%d}' % (count + 1))
                result = self.run_cli("set-root", self.space, pointer, "--expect", root)
                if result.returncode == DONE:
                    outcome["won"] += 1
                elif result.returncode == LOST_RACE:
                    outcome["lost"] += 1
                else:
                    outcome["errors"].append(result.stderr)
            except Exception as error:  # reported by the main thread
                outcome["errors"].append(repr(error))

    def test_pushes_at_the_same_time_get_different_pointers(self):
        processes = [subprocess.Popen([CLI, "push", self.space, "--jsonl"], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE) for _ in range(WRITERS)]
        pointers = {}
        outputs = [None] * WRITERS
        lines = [b"".join(b"[%d,%d]\n" % (w, i) for i in range(500)) for w in range(WRITERS)]

        def talk(writer):
            outputs[writer] = processes[writer].communicate(lines[writer], timeout=120)[0]

        threads = [threading.Thread(target=talk, args=(writer,)) for writer in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([DONE] * WRITERS, [process.returncode for process in processes])
        for writer, output in enumerate(outputs):
            for number, pointer in enumerate(output.decode().split()):
                self.assertNotIn(pointer, pointers)
                pointers[pointer] = f"[{writer},{number}]"
        self.assertEqual(WRITERS * 500, len(pointers))
        found = self.lines("get", self.space, *pointers)
        self.assertEqual(list(pointers.values()), found)
        self.assert_verifies()

    def test_killed_writers_leave_a_usable_space(self):
        seed = random.randrange(1 << 32)
        print("seed", seed)
        dice = random.Random(seed)
        known = {self.push('{"n":-1}', "--root"): b'{"n":-1}\n'}
        line = b'{"fill":"%s"}\n' % (b"x" * 5000)
        killed = 0
        for round_number in range(KILLS):
            deadly = dice.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM))
            killed += self.push_and_kill(line, deadly, dice.uniform(0.0, 0.4), known)
            text = '{"n":%d}' % round_number
            pointer = self.push(text, "--root")
            known[pointer] = text.encode() + b"\n"
            self.assertEqual([pointer], self.lines("root", self.space))
        print(f"{killed} of {KILLS} writers were killed at work, {len(known)} atoms acknowledged")
        self.assertGreater(killed, 0)
        self.assert_verifies()
        pointers = list(known)
        for start in range(0, len(pointers), 1000):
            part = pointers[start:start + 1000]
            self.assertEqual(b"".join(known[pointer] for pointer in part),
                             self.ok("get", self.space, *part))

    def push_and_kill(self, line, deadly, seconds, known):
        """Feeds a writer until the signal ends it; what it had acknowledged joins `known`."""
        process = subprocess.Popen([CLI, "push", self.space, "--jsonl", "--root"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        acknowledged = []
        reader = threading.Thread(target=lambda: acknowledged.extend(process.stdout))
        reader.start()
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                process.stdin.write(line * 200)
        finally:
            process.send_signal(deadly)
        reader.join()
        process.stdout.close()
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass  # what was still to be written has no reader any more
        for pointer in acknowledged:
            if pointer.endswith(b"\n"):  # the last line may be cut
                known[pointer.decode().strip()] = line
        return process.wait() == -deadly

    def test_an_interrupted_copy_is_resumed(self):
        line = b'{"fill":"%s"}\n' % (b"x" * 50_000)
        pointers = self.lines("push", self.space, "--jsonl", "--root", stdin=line * 2000)
        copy = self.directory / "copy"
        for progress in (10 << 20, 40 << 20):
            self.copy_and_kill(copy, progress)
            self.fails(FAILED, "root", copy, mentions=["copy"])  # half a store is none
        output = self.ok("copy", self.space, copy).decode()
        resumed = next(text for text in output.splitlines() if text.startswith("resumed"))
        print(resumed)
        self.assertGreater(float(re.fullmatch(r"resumed +([\d.]+) MiB", resumed)[1]), 10)
        self.assertEqual([pointers[-1]], self.lines("root", copy))
        self.ok("verify", copy)
        for start in range(0, len(pointers), 500):
            part = pointers[start:start + 500]
            self.assertEqual(line * len(part), self.ok("get", copy, *part))

    def copy_and_kill(self, copy, progress):
        """Kills a copy once that many bytes are in the target, and makes sure that it was in time."""
        process = subprocess.Popen([CLI, "copy", self.space, copy], stdout=subprocess.PIPE)
        while process.poll() is None and sum(path.stat().st_size for path in copy.glob("*.wal")) < progress:
            time.sleep(0.0005)
        process.kill()
        process.communicate(timeout=60)
        self.assertEqual(-signal.SIGKILL, process.returncode, "the copy was done before it was killed")

    def test_readers_beside_a_writer(self):
        first = self.push('{"n":0}', "--root")
        process = subprocess.Popen([CLI, "push", self.space, "--jsonl", "--root"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        line = b'{"fill":"%s"}\n' % (b"x" * 5000)
        feeder = threading.Thread(target=lambda: process.communicate(line * 10_000, timeout=120))
        feeder.start()
        reads = 0
        while feeder.is_alive():
            self.assertEqual(b'{"n":0}\n', self.get(first))
            self.assert_verifies()
            reads += 1
        feeder.join()
        self.assertEqual(DONE, process.returncode)
        print(f"{reads} reads and verifications beside a writer")
        self.assertEqual(10_001, json.loads(self.ok("stat", self.space, "--json"))["records"])


if __name__ == "__main__":
    main()
