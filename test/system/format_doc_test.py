"""docs/internals/file_format.md is exact: a reader written from it alone (test/golden/reader.py) agrees with
the program on whole, damaged, torn and legacy spaces, and the document's own bytes are a space."""

import fcntl
import json
import os
import pathlib
import re
import shutil
import struct
import sys
import uuid

from _space import CORRUPT, DONE, SOURCE_DIR, SpaceTest, main

sys.path.insert(0, str(SOURCE_DIR / "test" / "golden"))
import reader

DOCUMENT = SOURCE_DIR / "docs" / "internals" / "file_format.md"
LEGACY = SOURCE_DIR / "test" / "golden" / "legacy"
EXAMPLE_ID = "00112233-4455-4677-8899-aabbccddeeff"
HEX_LINE = re.compile(r"^([0-9a-f]{4})  ((?:[0-9a-f]{2} ?)+)$", re.MULTILINE)


def hex_blocks():
    """The hex dumps of the document, each as (offset of its first line, bytes)."""
    blocks = []
    for text in re.findall(r"```text\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL):
        lines = HEX_LINE.findall(text)
        if lines:
            blocks.append((int(lines[0][0], 16), bytes.fromhex("".join(line[1] for line in lines))))
    return blocks


def batches(wal):
    """(first record, commit or mark record) of each batch, in order."""
    found, begin = [], None
    for place in wal.walk():
        begin = begin or place
        if place.state in ("commit", "mark"):
            found.append((begin, place))
            begin = None
    return found


class FormatDocument(SpaceTest):

    def only_wal(self):
        paths = list(pathlib.Path(self.space).glob("*.wal"))
        self.assertEqual(1, len(paths))
        return paths[0]

    def assert_agreement(self, status=DONE):
        """The reader and the program list the same places and the same root."""
        space = reader.Space(self.space)
        listed = self.run_cli("dump", self.space)
        self.assertEqual(status, listed.returncode, listed.stderr)
        self.assertEqual(listed.stdout.decode().splitlines(), [str(p) for p in space.places()])
        return space

    def change(self, path, offset, content):
        with open(path, "r+b") as file:
            file.seek(offset)
            file.write(content)

    def test_worked_example_is_a_space(self):
        blocks = dict(block for block in hex_blocks() if block[0] != 0 or block[1][:5] == b"PBWAL")
        self.assertEqual([0x0, 0x200, 0x1000, 0x1018], sorted(blocks))
        image = bytearray(0x1018 + len(blocks[0x1018]))
        for offset, content in blocks.items():
            image[offset:offset + len(content)] = content
        os.mkdir(self.space)
        pathlib.Path(self.space, EXAMPLE_ID + ".wal").write_bytes(image)

        space = self.assert_agreement()
        self.assertEqual([f"{EXAMPLE_ID}:4096 json 7 ok", f"{EXAMPLE_ID}:4120 - 80 commit"],
                         [str(place) for place in space.places()])
        wal = space.wals[uuid.UUID(EXAMPLE_ID)]
        self.assertIsNone(wal.header_problem)
        self.assertEqual((1, 4216, 1, 4120, 2, 1), wal.checkpoint)
        root = self.lines("root", self.space)[0]
        self.assertEqual(f"{EXAMPLE_ID}:4096", root)
        self.assertEqual(b'{"a":1}\n', self.get(root))
        self.assertEqual([f"1 2025-12-01T00:00:00Z {root}"],
                         [re.sub(r"\.0+Z", "Z", line) for line in self.lines("log", self.space)])
        self.assert_verifies()

    def test_worked_checksum(self):
        covered = [content for offset, content in hex_blocks() if offset == 0 and len(content) == 40]
        self.assertEqual(1, len(covered))
        text = DOCUMENT.read_text(encoding="utf-8")
        payload_hash, checksum = (f"{value:016x}" for value in (
            reader.xxh3(b'{"a":1}'), reader.xxh3(covered[0])))
        self.assertIn(payload_hash, text)
        self.assertIn(checksum, text)
        self.assertEqual(bytes.fromhex(payload_hash)[::-1], covered[0][32:])

    def test_every_format_and_length(self):
        # Lengths on both sides of every branch of XXH3.
        for size in (1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 1024, 1025, 70_000):
            self.lines("push", self.space, "--format", "raw", stdin=bytes(i * 7 & 255 for i in range(size)))
        atoms = ['{"name":"Ada","born":1815,"pi":3.25,"none":null,"yes":true}', '[1.0,-0.0,1e+300]',
                 '{"$bytes":"AAEC"}', '{"$$bytes":1}', '{"$bytes":"A"}', '{"a":{"$$$bytes":"AA=="},"b":[]}',
                 '"\u6f22\U0001F600"', '-9223372036854775808', '18446744073709551615']
        for form in ("json", "msgpack"):
            pointers = [self.push(text, "--format", form, "--root") for text in atoms]
            space = self.assert_agreement()
            for text, pointer in zip(atoms, pointers):
                wal, offset = pointer.split(":")
                expected = reader.decode_json(text.encode())
                self.assertEqual(expected, space.atom((uuid.UUID(wal), int(offset))), (form, text))
        self.assertEqual(self.lines("root", self.space), [reader.text_of(space.root())])
        self.assertEqual([(line.split(" ")[0], line.split(" ")[2]) for line in self.lines("log", self.space)],
                         [(str(c.sequence), reader.text_of(c.root)) for c in space.history()])

    def test_predecessor_that_is_missing_is_lost(self):
        self.push("1", "--root")
        path = self.only_wal()
        lost = uuid.UUID("99999999-9999-4999-8999-999999999999")
        link = lost.bytes + struct.pack("<Q", 70_000)
        checksum = reader.xxh3(uuid.UUID(path.stem).bytes + link)
        self.change(path, 40, link + struct.pack("<Q", checksum))
        space = self.assert_agreement()
        self.assertEqual([(lost, 0)], list(space.losses()))
        found = self.run_cli("verify", self.space)
        self.assertEqual(CORRUPT, found.returncode)
        self.assertIn(f"bad {lost} 0", found.stdout.decode())
        self.change(path, 71, b"\x00")
        space = self.assert_agreement()
        self.assertEqual("the predecessor is damaged", space.wals[uuid.UUID(path.stem)].header_problem)
        self.assertIn(f"bad {path.stem} 40", self.run_cli("verify", self.space).stdout.decode())

    def test_root_file_shows_the_newest_commit(self):
        self.push("1", "--root")
        pointer = self.push("2", "--root")
        space = self.assert_agreement()
        sequence, root, commit, previous = space.published()
        newest = space.newest_commit()
        self.assertEqual((2, pointer), (sequence, reader.text_of(root)))
        self.assertEqual((newest.sequence, newest.root, newest.where), (sequence, root, commit))
        self.assertEqual(newest.previous, previous)
        first, last, _, abandoned = space.intent()
        self.assertTrue(abandoned or last <= sequence, (first, last))
        os.remove(os.path.join(self.space, "protobase.root"))
        self.assertEqual([pointer], self.lines("root", self.space))

    def test_checkpoint_says_the_truth(self):
        for number in range(3):
            self.push(f'{{"number":{number}}}', "--root")
        wal = next(iter(self.assert_agreement().wals.values()))
        _, durable, sequence, commit_offset, records, flags = wal.checkpoint
        self.assertEqual((len(wal.data), 3, 6, 1), (durable, sequence, records, flags))
        self.assertEqual(sequence, wal.commit_at(commit_offset).sequence)

    def test_flipped_bytes_are_bad_places(self):
        for number in range(4):
            self.push(json.dumps({"number": number, "text": "x" * 100}), "--root")
        path = self.only_wal()
        whole = path.read_bytes()
        for offset in (4096, 4100, 4108, 4120, 4096 + (len(whole) - 4096) // 2, len(whole) - 3):
            self.change(path, offset, bytes([whole[offset] ^ 0x10]))
            self.assert_agreement(CORRUPT)
            path.write_bytes(whole)

    def test_torn_or_corrupt_without_a_checkpoint(self):
        for number in range(3):
            self.push(f'{{"number":{number}}}', "--root")
        path = self.only_wal()
        for slot in (512, 1024):
            self.change(path, slot, bytes(64))
        published = pathlib.Path(self.space, "protobase.root")
        witness = published.read_bytes()
        whole = path.read_bytes()
        found = batches(next(iter(self.assert_agreement().wals.values())))
        self.assertEqual(3, len(found))

        # The last batch: nothing behind it proves that it was durable, but the published root does.
        self.change(path, found[2][0].pointer[1] + 20, b"\xff")
        self.assertIn("bad", [p.state for p in self.assert_agreement(CORRUPT).places()])
        published.unlink()
        self.assertEqual(["torn"], [p.state for p in self.assert_agreement().places()][-1:])
        path.write_bytes(whole[:-10])
        self.assertEqual(["torn"], [p.state for p in self.assert_agreement().places()][-1:])
        # The one before: the last commit record says that it was.
        path.write_bytes(whole)
        published.write_bytes(witness)
        self.change(path, found[1][0].pointer[1] + 20, b"\xff")
        self.assertIn("bad", [p.state for p in self.assert_agreement(CORRUPT).places()])
        # Zeros behind the log are its end, and are no damage.
        path.write_bytes(whole + bytes(8192))
        self.assertEqual("commit", list(self.assert_agreement().places())[-1].state)

    def push_elsewhere(self, taken, *texts):
        """Commits that go to another WAL than `taken`, because somebody seems to be writing that one."""
        with open(taken, "r+b") as file:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0))
            return [self.push(text, "--root") for text in texts]

    def test_commits_prove_what_they_replaced_in_another_wal(self):
        for later in (['"b"'], ['"b"', '"c"', '"d"']):
            damaged = uuid.UUID(self.push('"a"', "--root").split(":")[0])
            path = self.only_wal()
            pointers = self.push_elsewhere(path, *later)
            self.assertTrue(all(uuid.UUID(p.split(":")[0]) != damaged for p in pointers), pointers)
            content = path.read_bytes()
            self.crash(path, content)
            self.assert_agreement()
            self.change(path, 4096 + 17, b"!")
            root_file = pathlib.Path(self.space, "protobase.root")
            for _ in range(2):
                space = self.assert_agreement(CORRUPT)
                self.assertEqual("bad", next(space.wals[damaged].walk()).state)
                self.assertEqual(pointers[-1], reader.text_of(space.root()))
                root_file.unlink(missing_ok=True)
            before = path.read_bytes()
            self.assertNotIn(str(damaged), self.push('"e"', "--root"))
            self.assertEqual(before, path.read_bytes())
            shutil.rmtree(self.space)

    def crash(self, path, content):
        """The space as a writer leaves it that died: nothing closed, zeros kept ready behind the log."""
        for slot in (512, 1024):
            content = content[:slot] + bytes(64) + content[slot + 64:]
        path.write_bytes(content + bytes(8192))

    def test_lost_newest_commit_is_noticed(self):
        self.push('"a"', "--root")
        self.push('"b"', "--root")
        path = self.only_wal()
        whole = path.read_bytes()
        self.crash(path, whole[:-20] + b"\xff" + whole[-19:])
        space = self.assert_agreement(CORRUPT)
        self.assertEqual("bad", list(space.places())[-1].state)
        self.assertEqual((2, 1), (space.published()[0], space.newest_commit().sequence))
        self.fails(CORRUPT, "root", self.space, mentions=("lost",))

    def test_recovery_goes_on_behind_the_last_record(self):
        self.push('"a"', "--root")
        path = self.only_wal()
        whole = path.read_bytes()
        self.crash(path, whole)
        pointer = self.push('"b"', "--root")
        self.assertEqual(f"{path.stem}:{len(whole)}", pointer)
        space = self.assert_agreement()
        wal = next(iter(space.wals.values()))
        self.assertEqual((len(wal.data), 2, 1), (wal.checkpoint[1], wal.checkpoint[2], wal.checkpoint[5]))
        self.assertEqual(2, len(list(space.history())))

    def test_cut_below_the_checkpoint_is_corruption(self):
        self.push('"a"', "--root")
        self.push('"b"', "--root")
        path = self.only_wal()
        path.write_bytes(path.read_bytes()[:-96])
        self.assertEqual("bad", list(self.assert_agreement(CORRUPT).places())[-1].state)

    def test_stale_slot_gives_way_to_the_other(self):
        self.push('"a"', "--root")
        self.push('"b"', "--root")
        path = self.only_wal()
        wal = reader.WAL(path, uuid.UUID(path.stem))
        newest = 512 if struct.unpack_from("<Q", wal.data, 512)[0] == wal.checkpoint[0] else 1024
        self.change(path, newest + 8, b"\xff")
        older = reader.WAL(path, wal.id)
        self.assertLess(older.checkpoint[0], wal.checkpoint[0])
        self.assert_agreement()
        self.assertEqual(self.lines("root", self.space), [reader.text_of(reader.Space(self.space).root())])

    def test_roots_across_several_wals(self):
        self.push('"a"', "--root")
        other = os.path.join(self.directory, "other")
        self.ok("push", other, stdin=b'"elsewhere"')
        for path in pathlib.Path(other).glob("*.wal"):
            shutil.copy(path, self.space)
        self.push('"b"', "--root")
        self.push('"c"', "--root")
        space = self.assert_agreement()
        self.assertEqual(2, len(space.wals))
        self.assertEqual(self.lines("root", self.space), [reader.text_of(space.root())])
        self.assertEqual(3, len(list(space.history())))

    def test_copy_keeps_every_address(self):
        self.push('{"number":1}', "--root")
        before = [str(place) for place in self.assert_agreement().places()]
        self.ok("copy", self.space, self.space + "-copy")
        self.space += "-copy"
        self.assertEqual(before, [str(place) for place in self.assert_agreement().places()])

    def test_legacy_directories(self):
        for folder in sorted(path.parent for path in LEGACY.glob("*/manifest.json")):
            self.space = str(self.directory / folder.name)
            shutil.copytree(folder / "space", self.space)
            space = self.assert_agreement()
            result = self.run_cli("root", self.space)
            root = space.root()
            expected = (reader.text_of(root) + "\n").encode() if root else b""
            self.assertEqual(expected, result.stdout, folder.name)

    def test_newer_version_is_refused(self):
        self.push("1")
        self.change(self.only_wal(), 8, struct.pack("<I", 2))
        with self.assertRaisesRegex(reader.FormatError, "version 2"):
            reader.Space(self.space)
        self.fails(1, "dump", self.space, mentions=("version",))


if __name__ == "__main__":
    main()
