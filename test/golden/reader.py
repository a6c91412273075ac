#!/usr/bin/env python3
"""An independent reader of spaces, written from docs/internals/file_format.md alone. Shares no code with
the library; standard library only. Changes nothing.

Usage: reader.py SPACE      lists every record as `protobase dump` does, then the root.
"""

import base64
import binascii
import json
import pathlib
import re
import struct
import sys
import uuid

# --- XXH3-64, default secret, seed 0, from its published specification ---------------------------------

SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e")
M64 = (1 << 64) - 1
P32_1, P32_2, P32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
P64_1, P64_2, P64_3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P64_4, P64_5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
STRIPE, BLOCK = 64, 1024


def u32(data, at):
    return struct.unpack_from("<I", data, at)[0]


def u64(data, at):
    return struct.unpack_from("<Q", data, at)[0]


def fold(a, b):
    product = a * b
    return (product & M64) ^ (product >> 64)


def avalanche(h):
    h ^= h >> 37
    h = h * 0x165667919E3779F9 & M64
    return h ^ (h >> 32)


def avalanche_short(h):
    h ^= h >> 33
    h = h * P64_2 & M64
    h ^= h >> 29
    h = h * P64_3 & M64
    return h ^ (h >> 32)


def rotate(h, bits):
    return (h << bits | h >> (64 - bits)) & M64


def mix(data, at, secret_at):
    return fold(u64(data, at) ^ u64(SECRET, secret_at), u64(data, at + 8) ^ u64(SECRET, secret_at + 8))


def xxh3(data):
    size = len(data)
    if size == 0:
        return avalanche_short(u64(SECRET, 56) ^ u64(SECRET, 64))
    if size <= 3:
        word = data[0] << 16 | data[size >> 1] << 24 | data[-1] | size << 8
        return avalanche_short(word ^ u32(SECRET, 0) ^ u32(SECRET, 4))
    if size <= 8:
        h = u32(data, size - 4) + (u32(data, 0) << 32) ^ u64(SECRET, 8) ^ u64(SECRET, 16)
        h ^= rotate(h, 49) ^ rotate(h, 24)
        h = h * 0x9FB21C651E98DF25 & M64
        h ^= (h >> 35) + size
        h = h * 0x9FB21C651E98DF25 & M64
        return h ^ (h >> 28)
    if size <= 16:
        low = u64(data, 0) ^ u64(SECRET, 24) ^ u64(SECRET, 32)
        high = u64(data, size - 8) ^ u64(SECRET, 40) ^ u64(SECRET, 48)
        swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
        return avalanche(size + swapped + high + fold(low, high) & M64)
    if size <= 128:
        h = size * P64_1
        for pair in range((size - 1) // 32 + 1):
            h += mix(data, 16 * pair, 32 * pair) + mix(data, size - 16 * (pair + 1), 32 * pair + 16)
        return avalanche(h & M64)
    if size <= 240:
        h = size * P64_1 + sum(mix(data, 16 * i, 16 * i) for i in range(8))
        h = avalanche(h & M64)
        h += sum(mix(data, 16 * i, 16 * (i - 8) + 3) for i in range(8, size // 16))
        return avalanche(h + mix(data, size - 16, 119) & M64)
    return xxh3_long(data)


def xxh3_long(data):
    size = len(data)
    acc = [P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1]

    def accumulate(at, secret_at):
        words = struct.unpack_from("<8Q", data, at)
        keys = struct.unpack_from("<8Q", SECRET, secret_at)
        for i in range(8):
            key = words[i] ^ keys[i]
            acc[i ^ 1] = acc[i ^ 1] + words[i] & M64
            acc[i] = acc[i] + (key & 0xFFFFFFFF) * (key >> 32) & M64

    blocks = (size - 1) // BLOCK
    for stripe in range((size - 1) // STRIPE):
        accumulate(stripe * STRIPE, stripe % 16 * 8)
        if stripe % 16 == 15 and stripe // 16 < blocks:
            for i in range(8):
                acc[i] = (acc[i] ^ acc[i] >> 47 ^ u64(SECRET, 128 + 8 * i)) * P32_1 & M64
    accumulate(size - STRIPE, 121)
    h = size * P64_1
    for i in range(0, 8, 2):
        h += fold(acc[i] ^ u64(SECRET, 11 + 8 * i), acc[i + 1] ^ u64(SECRET, 19 + 8 * i))
    return avalanche(h & M64)


# --- section 1: pointers --------------------------------------------------------------------------------

NIL = uuid.UUID(int=0)
DATA, COMMIT, MARK, VOID = 1, 2, 3, 4
STATES = {DATA: "ok", COMMIT: "commit", MARK: "mark", VOID: "void"}
FORMATS = {0: "raw", 1: "json", 2: "msgpack"}
MAX_PAYLOAD = 1 << 31


class FormatError(Exception):
    """The space is refused or damaged; the message says where."""


def read_pointer(data, at):
    return uuid.UUID(bytes=data[at:at + 16]), u64(data, at + 16)


def text_of(pointer):
    return f"{pointer[0]}:{pointer[1]}"


class Place:
    """What lies at one offset of a WAL: a record, or damage (state bad or torn; length = bytes passed over)."""

    def __init__(self, pointer, state, format_name, length, payload=b""):
        self.pointer, self.state, self.format = pointer, state, format_name
        self.length, self.payload = length, payload

    def __str__(self):
        return f"{text_of(self.pointer)} {self.format} {self.length} {self.state}"


class Commit:
    def __init__(self, payload, where):
        self.sequence, self.previous_sequence, self.time_us = struct.unpack_from("<QQq", payload, 0)
        self.root = read_pointer(payload, 24)
        self.previous = read_pointer(payload, 48)
        self.where = where


# --- sections 3 to 6: a WAL of version 1 ----------------------------------------------------------------


class WAL:
    HEADER = 4096

    def __init__(self, path, wal_id):
        self.id = wal_id
        self.data = path.read_bytes()
        self.header_problem = self.judge_header()
        self.checkpoint = self.newest_checkpoint()
        self.tail = self.checkpoint[1] if self.checkpoint else self.HEADER
        self.durable = self.tail  # others may know of more: Space.note_proofs()

    def judge_header(self):
        head = self.data[:self.HEADER]
        if len(head) < 40 or head[:8] != b"PBWAL\r\n\x1a":
            return "no WAL of version 1"
        version = u32(head, 8)
        if u64(head, 32) != xxh3(head[:32]) and not 2 <= version <= 999:
            return "the header is damaged"
        if version > 1:
            raise FormatError(f"WAL {self.id} has version {version}")
        if len(head) < self.HEADER:
            return "the header is cut short"
        if head[16:32] != self.id.bytes:
            return "the header is that of another WAL"
        link = head[40:72]
        return "the predecessor is damaged" if any(link) and not self.predecessor() else None

    def predecessor(self):
        """The pointer to where the WAL ended that this one follows, or None."""
        link = self.data[40:72]
        if len(link) < 32 or u64(link, 24) != xxh3(self.id.bytes + link[:24]):
            return None
        return read_pointer(link, 0)

    def newest_checkpoint(self):
        """(generation, durable offset, commit sequence, commit offset, records, flags), or None."""
        found = []
        for place in (512, 1024):
            slot = self.data[place:place + 64]
            if len(slot) == 64 and u64(slot, 56) == xxh3(
                    self.id.bytes + struct.pack("<Q", place) + slot[:56]):
                fields = struct.unpack_from("<6Q", slot, 0)
                if fields[1] >= 4096 and fields[1] % 8 == 0 and max(fields[1], fields[3]) < 1 << 62:
                    found.append(fields)
        return max(found, default=None)

    def record_at(self, at):
        """(type, format, payload, stored size) of the valid record at `at`, or None."""
        if at + 16 > len(self.data):
            return None
        size, kind, form, flags, checksum = struct.unpack_from("<IBBHQ", self.data, at)
        if kind not in STATES or size > MAX_PAYLOAD or flags or form > (2 if kind == DATA else 0):
            return None
        if size != {COMMIT: 80, MARK: 8}.get(kind, size):
            return None
        stored = 16 + size + 7 & ~7
        if at + stored > len(self.data) or any(self.data[at + 16 + size:at + stored]):
            return None
        payload = self.data[at + 16:at + 16 + size]
        if kind == COMMIT and u64(payload, 0) == 0:
            return None
        covered = self.data[at:at + 8] + self.id.bytes + struct.pack("<QQ", at, xxh3(payload))
        return (kind, form, payload, stored) if checksum == xxh3(covered) else None

    def was_durable(self, bad):
        if self.durable > bad:
            return True
        for at in range(bad + 8, len(self.data) - 15, 8):
            if self.data[at + 4] in (COMMIT, MARK):
                record = self.record_at(at)
                if record and u64(record[2], len(record[2]) - 8) > bad:
                    return True
        return False

    def next_record(self, at):
        while at < len(self.data) and self.record_at(at) is None:
            at += 8
        return min(at, len(self.data))

    def walk(self, begin=HEADER):
        at = begin
        while at < len(self.data):
            record = self.record_at(at)
            if record:
                kind, form, payload, stored = record
                name = FORMATS[form] if kind == DATA else "-"
                yield Place((self.id, at), STATES[kind], name, len(payload), payload)
                at += stored
                continue
            if at >= self.durable and not any(self.data[at:]):
                return
            if not self.was_durable(at):
                yield Place((self.id, at), "torn", "-", len(self.data) - at)
                return
            following = self.next_record(at + 8)
            yield Place((self.id, at), "bad", "-", following - at)
            at = following
        if at < self.durable:
            yield Place((self.id, at), "bad", "-", self.durable - at)

    def commit_at(self, at):
        record = self.record_at(at)
        if not record or record[0] != COMMIT:
            raise FormatError(f"a root is lost: no commit record at {self.id}:{at}")
        return Commit(record[2], (self.id, at))

    def newest_commit(self):
        if self.header_problem:
            return None
        commits = [p for p in self.walk(self.tail) if p.state == "commit"]
        if commits:
            return Commit(commits[-1].payload, commits[-1].pointer)
        if self.checkpoint and self.checkpoint[2]:
            return self.commit_at(self.checkpoint[3])
        return None

    def payload_at(self, at):
        record = self.record_at(at)
        if not record or record[0] != DATA:
            raise FormatError(f"no atom at {self.id}:{at}")
        return FORMATS[record[1]], record[2]


# --- section 13: a WAL of the Python storage -----------------------------------------------------------


class LegacyWAL:
    def __init__(self, path, wal_id):
        self.id = wal_id
        self.data = path.read_bytes()

    def start(self, at):
        following = self.data[at + 8] if at + 8 < len(self.data) else 0xFF
        return u64(self.data, at), following

    def fits(self, at, header, size):
        return size <= MAX_PAYLOAD and at + header + size <= len(self.data)

    def leads_on(self, at, depth=4):
        if at == len(self.data) or depth == 0:
            return True
        if len(self.data) - at < 8:
            return False
        size, following = self.start(at)
        return ((following <= 2 and self.fits(at, 9, size) and self.leads_on(at + 9 + size, depth - 1))
                or (self.fits(at, 8, size) and self.leads_on(at + 8 + size, depth - 1)))

    def record_at(self, at):
        """(format name, header size, payload size), or None."""
        if len(self.data) - at < 8:
            return None
        size, following = self.start(at)
        without = self.fits(at, 8, size)
        if following <= 2 and self.fits(at, 9, size) and (
                self.leads_on(at + 9 + size) or not without or not self.leads_on(at + 8 + size)):
            return FORMATS[following], 9, size
        if not without:
            return None
        is_json = size > 0 and chr(following) in '{["-0123456789tfnNI \t\r\n'
        return ("json" if is_json else "raw"), 8, size

    def walk(self):
        at = 0
        while at < len(self.data):
            record = self.record_at(at)
            if not record:
                yield Place((self.id, at), "bad", "-", len(self.data) - at)
                return
            name, header, size = record
            payload = self.data[at + header:at + header + size]
            yield Place((self.id, at), "ok", name, size, payload)
            at += header + size

    def payload_at(self, at):
        record = self.record_at(at)
        if not record:
            raise FormatError(f"no record at {self.id}:{at}")
        name, header, size = record
        return name, self.data[at + header:at + header + size]

    def newest_commit(self):
        return None


# --- sections 2, 7 and 8: the space --------------------------------------------------------------------

UUID_TEXT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Space:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        if (self.path / "protobase.copy").exists():
            raise FormatError(f"{path} holds an unfinished copy")
        self.wals = {}
        for file in sorted(p for p in self.path.iterdir() if p.is_file()):
            name = file.name.removesuffix(".wal")
            if UUID_TEXT.fullmatch(name):
                kind = WAL if file.suffix == ".wal" else LegacyWAL
                self.wals[uuid.UUID(name)] = kind(file, uuid.UUID(name))

        self.note_proofs()

    def note_proofs(self):
        """Others say how much of a WAL was durable, as its checkpoint does: successors, the published root,
        and commit records of other WALs about the commit they replaced. One proof may lead to the next."""
        for wal in self.wals.values():
            if isinstance(wal, WAL) and wal.predecessor():
                self.note_durable(*wal.predecessor())
        published = self.published()
        for wal_id, offset in published[2:] if published else ():
            self.note_durable(wal_id, offset + 96)
        while any([self.note_durable(*proof) for proof in self.replaced_commits()]):
            pass

    def note_durable(self, wal_id, end):
        """Whether that is news."""
        wal = self.wals.get(wal_id)
        if not isinstance(wal, WAL) or end <= wal.durable or end % 8 or not 4096 < end < 1 << 62:
            return False
        wal.durable = end
        return True

    def replaced_commits(self):
        """Of every commit record the one it replaced, if that lies in another WAL: (WAL, where it ends)."""
        for wal in self.wals.values():
            for place in wal.walk():
                if place.state == "commit":
                    wal_id, offset = Commit(place.payload, place.pointer).previous
                    if wal_id != wal.id:
                        yield wal_id, offset + 96

    def places(self):
        for wal_id in sorted(self.wals, key=lambda i: i.bytes):
            yield from self.wals[wal_id].walk()

    def losses(self):
        """Predecessors that are missing or too short: pointers to the first byte that is lost."""
        for wal in self.wals.values():
            named = wal.predecessor() if isinstance(wal, WAL) else None
            if named:
                there = self.wals.get(named[0])
                size = len(there.data) if there else 0
                if size < named[1]:
                    yield named[0], size

    def newest_commit(self):
        commits = [wal.newest_commit() for wal in self.wals.values()]
        return max((c for c in commits if c), key=lambda c: c.sequence, default=None)

    def root(self):
        commit = self.newest_commit()
        return commit.root if commit else self.legacy_root()

    def legacy_root(self):
        file = self.path / "space_root"
        if not file.is_file():
            return None
        found = json.loads(file.read_bytes())
        return uuid.UUID(found["transaction_id"]), found["offset"]

    def history(self):
        """Commits, newest first."""
        commit = self.newest_commit()
        while commit:
            yield commit
            if commit.previous[0] == NIL:
                return
            commit = self.wals[commit.previous[0]].commit_at(commit.previous[1])

    def published(self):
        """(sequence, root, commit record, previous commit record) that protobase.root shows, or None."""
        file = self.path / "protobase.root"
        data = file.read_bytes() if file.is_file() else b""
        if len(data) < 136 or not any(data[:136]):
            return None
        if data[:8] != b"PBROOT\r\n" or u64(data, 128) != xxh3(data[:128]):
            return None
        if u32(data, 8) > 1:
            raise FormatError(f"protobase.root has version {u32(data, 8)}")
        return u64(data, 16), read_pointer(data, 40), read_pointer(data, 64), read_pointer(data, 88)

    def intent(self):
        """(first sequence, last sequence, from where, abandoned), or None."""
        data = (self.path / "protobase.root").read_bytes()[512:568]
        if len(data) < 56 or u64(data, 48) != xxh3(data[:48]):
            return None
        return u64(data, 0), u64(data, 8), read_pointer(data, 16), u64(data, 40) != 0

    def atom(self, pointer):
        wal = self.wals[pointer[0]]
        name, payload = wal.payload_at(pointer[1])
        if name == "json":
            return decode_json(payload, is_legacy=isinstance(wal, LegacyWAL))
        return decode_msgpack(payload) if name == "msgpack" else payload


# --- section 12: payloads -------------------------------------------------------------------------------


def decode_json(payload, is_legacy=False):
    def members(pairs):
        if len({key for key, _ in pairs}) != len(pairs):
            raise FormatError("a key comes twice")
        if is_legacy or len(pairs) != 1 or not re.fullmatch(r"\$+bytes", pairs[0][0]):
            return dict(pairs)
        key, value = pairs[0]
        if key != "$bytes":
            return {key[1:]: value}
        found = canonical_base64(value)
        return {key: value} if found is None else found

    return json.loads(payload.decode("utf-8"), object_pairs_hook=members)


def canonical_base64(text):
    if not isinstance(text, str):
        return None
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if base64.b64encode(found).decode() == text else None


def decode_msgpack(payload):
    value, end = read_msgpack(payload, 0)
    if end != len(payload):
        raise FormatError("something follows the MessagePack object")
    return value


FIXED = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
         0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
SIZED = {0xC4: (">B", "bin"), 0xC5: (">H", "bin"), 0xC6: (">I", "bin"),
         0xD9: (">B", "str"), 0xDA: (">H", "str"), 0xDB: (">I", "str"),
         0xDC: (">H", "array"), 0xDD: (">I", "array"), 0xDE: (">H", "map"), 0xDF: (">I", "map"),
         0xC7: (">B", "ext"), 0xC8: (">H", "ext"), 0xC9: (">I", "ext")}


def read_msgpack(data, at):
    tag = data[at]
    at += 1
    if tag <= 0x7F:
        return tag, at
    if tag >= 0xE0:
        return tag - 256, at
    if tag in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[tag], at
    if tag in FIXED:
        return struct.unpack_from(FIXED[tag], data, at)[0], at + struct.calcsize(FIXED[tag])
    if tag in SIZED:
        layout, kind = SIZED[tag]
        count, at = struct.unpack_from(layout, data, at)[0], at + struct.calcsize(layout)
    elif 0xD4 <= tag <= 0xD8:
        kind, count = "ext", 1 << (tag - 0xD4)
    elif tag == 0xC1:
        raise FormatError("0xc1 starts no MessagePack object")
    else:
        kind = "map" if tag < 0x90 else "array" if tag < 0xA0 else "str"
        count = tag & (0x1F if kind == "str" else 0x0F)
    return read_sized(data, at, kind, count)


def read_sized(data, at, kind, count):
    if kind in ("bin", "str"):
        body = bytes(data[at:at + count])
        return (body if kind == "bin" else body.decode("utf-8")), at + count
    if kind == "ext":
        number = struct.unpack_from(">b", data, at)[0]
        return show_ext(number, bytes(data[at + 1:at + 1 + count])), at + 1 + count
    values = []
    for _ in range(count * (2 if kind == "map" else 1)):
        value, at = read_msgpack(data, at)
        values.append(value)
    if kind == "array":
        return values, at
    pairs = list(zip(values[::2], values[1::2]))
    if all(isinstance(key, str) for key, _ in pairs):
        return dict(pairs), at
    return {"$map": [list(pair) for pair in pairs]}, at


def show_ext(number, body):
    if number == -1 and len(body) in (4, 8, 12):
        if len(body) == 4:
            nanoseconds, seconds = 0, int.from_bytes(body, "big")
        elif len(body) == 8:
            both = int.from_bytes(body, "big")
            nanoseconds, seconds = both >> 34, both & (1 << 34) - 1
        else:
            nanoseconds, seconds = struct.unpack(">Iq", body)
        if nanoseconds <= 999_999_999:
            return {"$timestamp": [seconds, nanoseconds]}
    return {"$ext": [number, body]}


def main(path):
    space = Space(path)
    for place in space.places():
        print(place)
    root = space.root()
    print("root", text_of(root) if root else "none")


if __name__ == "__main__":
    main(sys.argv[1])
