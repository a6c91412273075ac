"""Directories written by ProtoBase's Python storage: every record reads as its manifest says, the root too,
and a push leaves the old files as they were."""

import base64
import hashlib
import json
import math
import shutil
import struct

from _space import DONE, FAILED, NOT_THERE, SOURCE_DIR, SpaceTest, main, snapshot

LEGACY = SOURCE_DIR / "test" / "golden" / "legacy"
FOLDERS = sorted(path.parent for path in LEGACY.glob("*/manifest.json"))
# The manifests tell these values by a rule only.
BY_RULE = {
    "str32": {"s": "w" * 65536},
    "array32": {"a": [0] * 65536},
    "map32": {f"k{i:05}": None for i in range(65536)},
}


def printed_bytes(content):
    return {"$bytes": base64.b64encode(content).decode()}


def printed(value):
    """A manifest's value as `get` prints it, parsed again. Bytes known by their hash stay a manifest's."""
    if isinstance(value, list):
        return [printed(element) for element in value]
    if not isinstance(value, dict):
        return value
    if "$int" in value:
        return int(value["$int"])
    if "$float" in value:
        return struct.unpack(">d", bytes.fromhex(value["$bits"]))[0]
    if "$bytes_sha256" in value:
        return value
    if "$bytes" in value:
        return printed_bytes(bytes.fromhex(value["$bytes"]))
    if "$ext" in value:
        return {"$ext": [value["$ext"][0], printed_bytes(bytes.fromhex(value["$ext"][1]))]}
    if "$map" in value and all(isinstance(key, str) for key, _ in value["$map"]):
        return {key: printed(member) for key, member in value["$map"]}
    return {key: printed(member) for key, member in value.items()}


def same(found, expected):
    """Equality with nothing rounded: kinds count, doubles bit for bit, the order of keys too."""
    if isinstance(expected, dict) and "$bytes_sha256" in expected:
        content = base64.b64decode(found["$bytes"])
        return (hashlib.sha256(content).hexdigest(), len(content)) == (
            expected["$bytes_sha256"], expected["$len"])
    if type(found) is not type(expected):
        return False
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, float) and not math.isnan(expected):
        return struct.pack(">d", found) == struct.pack(">d", expected)
    return found == expected or (isinstance(expected, float) and math.isnan(found))


def holds_lone_surrogate(value):
    return "$utf16" in json.dumps(value)


class LegacyDirectories(SpaceTest):

    def records(self):
        """Each record of each folder: where, what it is, its payload as it lies in the file."""
        self.assertEqual(5, len(FOLDERS))
        for folder in FOLDERS:
            for record in json.loads((folder / "manifest.json").read_text())["records"]:
                content = (folder / "space" / record["wal"]).read_bytes()
                start = record["offset"] + record["header_size"]
                payload = content[start:start + record["payload_size"]]
                self.assertEqual(record["payload_sha256"], hashlib.sha256(payload).hexdigest())
                with self.subTest(folder.name + "/" + record["id"]):
                    yield folder / "space", f"{record['wal']}:{record['offset']}", record, payload

    def expected_value(self, record, payload):
        if "value" in record:
            return printed(record["value"])
        return BY_RULE[record["id"]] if record["id"] in BY_RULE else json.loads(payload)

    def test_every_payload_comes_back_exactly(self):
        count = 0
        for space, pointer, _, payload in self.records():
            self.assertEqual(payload, self.ok("get", space, pointer, "--raw"))
            count += 1
        print(f"{count} payloads compared")
        self.assertGreater(count, 80)

    def test_every_record_reads_as_the_manifest_says(self):
        for space, pointer, record, payload in self.records():
            if record["format"] in ("raw", "legacy_raw"):
                self.assertEqual(payload, self.ok("get", space, pointer))
            elif record["id"] == "format_json_invalid" or holds_lone_surrogate(record.get("value")):
                self.fails(FAILED, "get", space, pointer, mentions=[pointer])
            else:
                found = json.loads(self.ok("get", space, pointer))
                self.assertTrue(same(found, self.expected_value(record, payload)), str(found)[:500])

    def test_roots(self):
        roots = 0
        for folder in FOLDERS:
            root = json.loads((folder / "manifest.json").read_text())["space_root"]
            if root is None:
                self.fails(NOT_THERE, "root", folder / "space")
            else:
                self.assertEqual([f"{root['transaction_id']}:{root['offset']}"],
                                 self.lines("root", folder / "space"))
                roots += 1
        self.assertEqual(1, roots)

    def test_reading_changes_nothing(self):
        before = snapshot(LEGACY)
        for folder in FOLDERS:
            for command in ("stat", "verify", "dump", "log"):
                result = self.run_cli(command, folder / "space")
                self.assertEqual((DONE, b""), (result.returncode, result.stderr), (command, folder))
        self.assertEqual(before, snapshot(LEGACY))

    def test_a_push_goes_beside_the_old_files(self):
        for folder in FOLDERS:
            with self.subTest(folder.name):
                shutil.rmtree(self.space, ignore_errors=True)
                shutil.copytree(folder / "space", self.space)
                before = snapshot(self.space)
                pointer = self.push('{"new":true}', "--root")
                self.assertNotIn(pointer.split(":")[0], before)
                self.assertEqual([pointer], self.lines("root", self.space))
                after = snapshot(self.space)
                self.assertEqual(before, {name: after.get(name) for name in before})
                self.assertEqual(b'{"new":true}\n', self.get(pointer))
                self.assert_old_records_read(folder)
                self.assert_verifies()

    def assert_old_records_read(self, folder):
        for record in json.loads((folder / "manifest.json").read_text())["records"]:
            payload = self.get(f"{record['wal']}:{record['offset']}", "--raw")
            self.assertEqual(record["payload_sha256"], hashlib.sha256(payload).hexdigest())

    def test_the_old_root_is_the_start_of_the_history(self):
        shutil.copytree(LEGACY / "root_set" / "space", self.space)
        old = self.lines("root", self.space)[0]
        new = self.push('{"new":true}')
        self.assertEqual([new], self.lines("set-root", self.space, new, "--expect", old))
        self.assertEqual([new], self.lines("root", self.space))
        self.assertEqual(new, self.lines("log", self.space)[0].split(" ")[2])


if __name__ == "__main__":
    main()
