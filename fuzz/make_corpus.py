#!/usr/bin/env python3
"""Writes the seeds of the binary fuzz targets into fuzz/corpus/: some made by hand, some cut out of spaces that
the program writes and out of test/golden/legacy.

Usage: fuzz/make_corpus.py PROTOBASE   (the program: build/bin/protobase)

Seeds hold zeros where a checksum stands: the targets put the right one there (fuzz/wal_input.h). Files that a
fuzzer found have other names and stay as they are. The seeds of the text targets are kept by hand.
"""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz" / "corpus"
WAL = uuid.UUID("00112233-4455-4677-8899-aabbccddeeff")  # fuzzed_wal() in fuzz/wal_input.h
FIRST = 4096
DATA, COMMIT, MARK, VOID = 1, 2, 3, 4
RAW, JSON, MSGPACK = 0, 1, 2
EMPTY_SLOT = bytes(64)
ALL_ONES = 2**64 - 1


def save(target, name, content):
    assert len(content) < 8192, name
    directory = CORPUS / target
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(content)


def pointer(offset, wal=WAL):
    return wal.bytes + struct.pack("<Q", offset)


def record(kind, payload, form=RAW, flags=0, checksum=0, length=None, padding=b""):
    length = len(payload) if length is None else length
    body = struct.pack("<IBBHQ", length, kind, form, flags, checksum) + payload + padding
    return body + bytes(-len(body) % 8)


def atom(text):
    return record(DATA, text.encode(), JSON)


def commit(sequence, root, durable, previous=0, previous_commit=0, root_wal=WAL):
    before = pointer(previous_commit) if previous_commit else bytes(24)
    return record(COMMIT, struct.pack("<QQq", sequence, previous, 1764547200000000) + pointer(root, root_wal) +
                  before + struct.pack("<Q", durable))


def mark(durable):
    return record(MARK, struct.pack("<Q", durable))


def slot(generation, durable, sequence=0, commit_offset=0, records=0, flags=0):
    return struct.pack("<QQQQQQQQ", generation, durable, sequence, commit_offset, records, flags, 0, 0)


def wal(records, slot_a=EMPTY_SLOT, slot_b=EMPTY_SLOT, zeros=0, predecessor=b""):
    return bytes([zeros << 1 | (8 if predecessor else 0)]) + predecessor + slot_a + slot_b + records


def without_checksums(file):
    """A WAL file of the program as an input: its id replaced, its checksums zeros."""
    own = uuid.UUID(bytes=file[16:32])
    file = bytearray(file.replace(own.bytes, WAL.bytes))
    at = FIRST
    while at + 16 <= len(file) and file[at + 4] != 0:
        (length,) = struct.unpack_from("<I", file, at)
        file[at + 8:at + 16] = bytes(8)
        at += (16 + length + 7) // 8 * 8
    return wal(bytes(file[FIRST:]), bytes(file[512:568]) + bytes(8), bytes(file[1024:1080]) + bytes(8))


def batches():
    """Two batches, as the offsets of their records and the bytes."""
    first, second = atom('{"a":1}'), record(DATA, b"\x00\x01raw", RAW)
    at_commit = FIRST + len(first) + len(second)
    log = first + second + commit(1, FIRST, FIRST)
    durable = FIRST + len(log)
    log += atom('["b",null]') + commit(2, durable, durable, 1, at_commit)
    return log, durable, at_commit


def wal_seeds():
    log, durable, first_commit = batches()
    second_commit = FIRST + len(log) - 96
    end = FIRST + len(log)
    closed = slot(1, end, 2, second_commit, 5, flags=1)
    seeds = {
        "empty": wal(b""),
        "two_commits": wal(log, zeros=1),
        "closed": wal(log, closed),
        "sealed": wal(log, slot(2, end, 2, second_commit, 5, flags=3), closed),
        "checkpoint_within": wal(log, slot(3, durable, 1, first_commit, 3)),
        "leftovers_behind_closed": wal(log + b"\xff" * 24, closed),
        "torn_tail": wal(log + atom('"lost"')[:20] + b"\x07" * 9),
        "torn_commit": wal(log[:-40], zeros=2),
        "bad_record_with_proof": wal(b"\xee" * 24 + log[24:]),
        "zeros_with_proof": wal(bytes(24) + log[24:]),
        "bad_padding": wal(record(DATA, b"abc", padding=b"\x01") + mark(FIRST + 24) + mark(FIRST + 48)),
        "wrong_checksum": wal(record(DATA, b"abc", checksum=1) + mark(FIRST + 24)),
        "cut_short": wal(log[:64], closed),
        "lost_commit": wal(log, slot(1, end, 9, first_commit - 8, 5, flags=1)),
        "commit_far_away": wal(log, slot(1, end, 9, ALL_ONES - 7, 5, flags=1)),
        "durable_far_away": wal(log, slot(1, ALL_ONES - 7, 2, second_commit, 5, flags=1)),
        "durable_between_records": wal(log, slot(1, durable + 8, 1, first_commit, 3)),
        "durable_in_header": wal(log, slot(1, 1024, 0, 0, 0, flags=1)),
        "durable_unaligned": wal(log, slot(1, durable + 1, 1, first_commit, 3)),
        "last_sequence": wal(atom("1") + commit(ALL_ONES, FIRST, FIRST)),
        "root_elsewhere": wal(commit(1, 4096, FIRST, root_wal=uuid.UUID(int=7))),
        "void": wal(record(VOID, bytes(80)) + atom("1") + mark(FIRST)),
        "msgpack": wal(record(DATA, b"\x81\xa1a\x01", MSGPACK) + mark(FIRST)),
        "unknown_kinds": wal(record(5, b"x") + record(DATA, b"x", 3) + record(DATA, b"x", flags=1) + mark(4120)),
        "too_long": wal(record(DATA, b"x", length=2**31) + record(DATA, b"x", length=2**32 - 1) + mark(4097)),
        "record_inside": wal(record(DATA, mark(4104) + atom("1"), checksum=7) + mark(FIRST + 8)),
        "chain_goes_round": wal(atom("1") + commit(3, FIRST, FIRST, 3, FIRST + 24)),
        "predecessor_missing": wal(log, closed, predecessor=pointer(8192, uuid.UUID(int=7))),
        "predecessor_is_itself": wal(log, closed, predecessor=pointer(ALL_ONES)),
        "many_records": wal(b"".join(atom(str(i)) for i in range(60)) + mark(FIRST + 60 * 24)),
    }
    for name, content in seeds.items():
        save("wal", name, content)
    slots = ("closed", "sealed", "checkpoint_within", "durable_far_away", "durable_unaligned",
             "predecessor_missing", "commit_far_away")
    for name in slots:
        save("wal_header", name, seeds[name][:153])
    save("wal_header", "same_generation", wal(b"", slot(4, 4096), slot(4, 8192)))
    save("wal_header", "bad_slot", wal(b"", slot(4, 4096)[:56] + b"\x01" * 8, slot(3, 4096)))
    save("wal_header", "unknown_flags", wal(b"", slot(4, 4096, flags=ALL_ONES)))


def journal(*entries, version=1, size=64, first=1):
    head = b"PBJRNL\r\n" + struct.pack("<IIQ", version, size, first) + WAL.bytes + bytes(24)
    return head + b"".join(entry + bytes(-len(entry) % 8) for entry in entries)


def journal_entry(number, content, begin=FIRST, commit_offset=0, body_checksum=0, length=None):
    length = len(content) if length is None else length
    return b"PBENTRY\n" + struct.pack("<Q", number) + WAL.bytes + struct.pack(
        "<QQQQQQ", begin, length, number, commit_offset, body_checksum, 0) + content


def journal_seeds():
    one, two = journal_entry(1, b"a" * 24), journal_entry(2, b"b" * 20, FIRST + 24, FIRST + 32)
    seeds = {
        "empty": journal(),
        "two_entries": journal(one, two),
        "room_behind": journal(one, two, bytes(96)),
        "newer_version": journal(one, version=2),
        "no_version": journal(one, version=0),
        "other_header_size": journal(one, size=80),
        "other_first": journal(one, first=2),
        "torn_entry": journal(one, two)[:-16],
        "torn_header": journal(one, two[:40]),
        "damaged_before_another": journal(one[:90] + b"!" + one[91:], two)[:64] +
                                  journal_entry(1, b"a" * 24, body_checksum=1) + two,
        "damaged_header_before_entries": b"?" + journal(one, two)[1:],
        "number_is_left_out": journal(one, journal_entry(3, b"c" * 8)),
        "number_comes_twice": journal(one, one),
        "commit_outside": journal(journal_entry(1, b"a" * 24, commit_offset=FIRST + 24)),
        "far_away": journal(journal_entry(1, b"a" * 24, begin=2**62 - 1)),
        "too_far_away": journal(journal_entry(1, b"a" * 24, begin=2**62)),
        "too_long": journal(journal_entry(1, b"a" * 24, length=2**62)),
        "without_bytes": journal(journal_entry(1, b"")),
    }
    for name, content in seeds.items():
        save("cloud_journal", name, content)


def worked_example():
    """The file of section 5 of docs/internals/file_format.md, checksums and all."""
    text = (ROOT / "docs" / "internals" / "file_format.md").read_text(encoding="utf-8")
    section = text[text.index("## 5. "):text.index("## 6. ")]
    blocks = [block.split("```")[0] for block in section.split("```text")[1:]]
    del blocks[1]  # what is under a checksum: no part of the file
    file = bytearray(0x1078)
    for line in "".join(blocks).splitlines():
        if line.strip():
            at, *content = line.split()
            file[int(at, 16):int(at, 16) + len(content)] = bytes.fromhex("".join(content))
    assert file[:8] == b"PBWAL\r\n\x1a" and len(file) == 0x1078
    return bytes(file)


def whole_files():
    whole = b"\x01" + worked_example()
    newer = bytearray(whole)
    newer[9] = 2
    flipped = bytearray(whole)
    flipped[20] ^= 4
    for target in ("wal", "wal_header"):
        save(target, "worked_example", whole)
        save(target, "no_file", b"\x01")
        save(target, "cut_header", whole[:61])
        save(target, "unborn", whole[:41] + bytes(100))
        save(target, "newer_version", bytes(newer[:200]))
        save(target, "flipped_header", bytes(flipped[:4200]))


def real_spaces(program):
    with tempfile.TemporaryDirectory() as scratch:
        space = pathlib.Path(scratch) / "space"

        def push(text, *options):
            subprocess.run([program, "push", space, *options], input=text.encode(), check=True,
                           stdout=subprocess.DEVNULL)

        push('{"name": "Ada", "born": 1815, "bytes": {"$bytes": "AAEC"}}', "--root")
        push('["second", 1e300, 123456789012345678901234567890]', "--root")
        push(json.dumps(["x" * 300]), "--root")
        (file,) = space.glob("*.wal")
        content = file.read_bytes()
        save("wal", "real", without_checksums(content))
        root = bytearray((space / "protobase.root").read_bytes()
                         .replace(content[16:32], WAL.bytes))
        save("root_file", "real", bytes(root[:128]) + bytes(8) + bytes(root[512:560]) + bytes(8))


def published(sequence, root=FIRST, at_commit=4120, version=1, magic=b"PBROOT\r\n", before=0, zeros=bytes(16)):
    return (magic + struct.pack("<IIQQq", version, 0, sequence, before, 1764547200000000) + pointer(root) +
            pointer(at_commit) + bytes(24) + zeros + bytes(8))


def intent(first, last, offset, state=0, in_wal=WAL):
    return struct.pack("<QQ", first, last) + pointer(offset, in_wal) + struct.pack("<QQ", state, 0)


def root_file_seeds():
    # The target's WAL: an atom at 4096, commit 1 at 4120, an atom at 4216, commit 2 at 4240, the end at 4336.
    newest = published(2, 4216, 4240, before=1)
    seeds = {
        "empty": b"",
        "zeros": bytes(192),
        "newest": newest + intent(0, 2, 0, 1),
        "behind": published(1) + intent(0, 1, 0, 1),
        "lost": published(3, 4216, 4336) + intent(0, 3, 0, 1),
        "lost_and_pending": published(3, 4216, 4336) + intent(4, 4, 4432),
        "pending_nothing_written": newest + intent(3, 3, 4336),
        "pending_took_place": published(1) + intent(2, 2, 4216),
        "pending_other_wal": newest + intent(3, 3, 4096, in_wal=uuid.UUID(int=7)),
        "pending_far_away": newest + intent(3, ALL_ONES, ALL_ONES - 7),
        "last_sequence_tried": newest + intent(0, ALL_ONES, 0, 1),
        "newer_version": published(2, version=2),
        "version_zero": published(2, version=0),
        "no_magic": published(2, magic=b"PBROOT\n\n"),
        "other_zeros": published(2, zeros=b"\x01" * 16),
        "commit_far_away": published(2, 4216, ALL_ONES - 95),
        "same_sequence_other_root": published(2, 4096, 4240, before=1),
        "wrong_checksums": newest[:-8] + b"\x01" * 8 + intent(3, 3, 4336)[:-8] + b"\x02" * 8,
    }
    for name, content in seeds.items():
        save("root_file", name, content)


def legacy_seeds():
    def new(payload, form=JSON):
        return struct.pack("<QB", len(payload), form) + payload

    def old(payload):
        return struct.pack("<Q", len(payload)) + payload

    def seed(name, content, root=0xFFFF):
        save("legacy_wal", name, struct.pack("<H", root) + content)

    seed("empty", b"")
    seed("empty_payloads", new(b"") + old(b"") + new(b"", RAW))
    seed("json", new(b'{"className": "A", "x": NaN}') + new(b"[170141183460469231731687303715884105728]"), 0)
    seed("no_format_byte", old(b'{"a": 1}') + old(b"[1]") + old(b"\xffraw"), 16)
    seed("mixed", old(b'{"a": 1}') + new(b"\x93\x01\x02\x03", MSGPACK) + new(b"\x00\x01", RAW))
    seed("raw_like_format_byte", old(b"\x01\x02") + old(b"\x00") + old(b"\x02abc"))
    seed("both_readings_fit", old(b"\x01" + old(b"{}") + b"x") * 3)
    seed("chain_of_readings", struct.pack("<Q", 0) * 40 + b"\x01")
    seed("cut", new(b'{"a": 1}') + new(b"[1, 2]")[:12], 0)
    seed("cut_length", new(b"1") + b"\x05\x00\x00")
    seed("too_long", new(b"1") + struct.pack("<QB", 2**31 + 1, 1) + b"[1]")
    seed("length_wraps", struct.pack("<QB", ALL_ONES, 1) + new(b"1"))
    seed("length_wraps_to_itself", struct.pack("<QB", ALL_ONES - 8, 1) + new(b"1"))
    seed("lone_surrogate", new(b'["\\ud800"]'))
    seed("many", b"".join(new(str(i).encode()) for i in range(150)), 20)
    for file in sorted((ROOT / "test" / "golden" / "legacy").glob("*/space/*")):
        if len(file.name) == 36 and file.stat().st_size < 4096:
            seed("golden_" + file.parent.parent.name, file.read_bytes(), 0)


def record_seeds():
    where = bytes([0]) + pointer(FIRST)
    kinds = {"raw": (DATA, RAW), "json": (DATA, JSON), "msgpack": (DATA, MSGPACK), "void": (VOID, RAW),
             "bad_type": (5, RAW), "bad_format": (DATA, 3), "format_of_commit": (COMMIT, JSON)}
    for name, (kind, form) in kinds.items():
        save("record", name, where + record(kind, b'{"a":1}', form))
    save("record", "commit", where + commit(2, FIRST, FIRST, 1, FIRST))
    save("record", "mark", bytes([2]) + pointer(ALL_ONES) + mark(FIRST))
    save("record", "flags", where + record(DATA, b"x", flags=0x8000))
    save("record", "wrong_checksum", where + record(DATA, b"x", checksum=0x123))
    save("record", "largest", where + record(DATA, b"x", length=2**31))
    save("record", "too_long", where + record(DATA, b"x", length=2**31 + 1))
    save("record", "length_in_empty", where + bytes(3) + b"\x01" + bytes(12))
    save("record", "checksum_in_empty", where + bytes(15) + b"\x01")
    save("record", "short", where + bytes(15))
    save("commit_record", "first", commit(1, FIRST, FIRST)[16:] + pointer(FIRST))
    save("commit_record", "second", commit(2, FIRST, 8192, 1, FIRST)[16:] + pointer(8192))
    save("commit_record", "ones", b"\xff" * 104)
    save("commit_record", "short", b"\x01" * 30)


def main(program):
    wal_seeds()
    whole_files()
    real_spaces(program)
    root_file_seeds()
    legacy_seeds()
    record_seeds()
    journal_seeds()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
