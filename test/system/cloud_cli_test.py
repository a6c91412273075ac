"""The command line at moto, and at servers that answer as Amazon does to who asks the wrong way."""

import http.server
import json
import pathlib
import re
import ssl
import sys
import threading
import time
import unittest
import urllib.request

import _cloud_servers
import _python_packages

_python_packages.use(_cloud_servers.MOTO)

import _cloud_cli
from _space import CORRUPT, DONE, FAILED, NOT_THERE, USAGE

# Of 127.0.0.1 and localhost, with its key, for a hundred years.
SELF_SIGNED = pathlib.Path(__file__).with_name("self_signed.pem")
DOCTORS = 5  # that are killed, at most, until one left something


class Moto(_cloud_cli.Essentials):

    @classmethod
    def setUpClass(cls):
        server = cls.enterClassContext(_cloud_servers.moto())
        print(f"{server.name} {server.version}", flush=True)
        cls.endpoint = server.endpoint
        cls.parameters = f"endpoint={server.endpoint}&region=us-east-1&path_style=true"
        cls.environment = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
        cls.send("PUT", _cloud_cli.BUCKET)

    @classmethod
    def send(cls, method, path, body=None):
        headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request",
                   "Content-Type": "application/octet-stream"}
        request = urllib.request.Request(f"{cls.endpoint}/{path}", data=body, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def path(self, key):
        return f"{_cloud_cli.BUCKET}/{self.prefix}/{key}"

    def replace(self, key, change):
        content = bytearray(self.send("GET", self.path(key)))
        change(content)
        self.send("PUT", self.path(key), bytes(content))

    def test_a_prefix_that_holds_other_things(self):
        # Others have names that a store has too.
        foreign = {"photo.jpg": b"not a store", "checkpoint": b'model_checkpoint_path: "model.ckpt-1"\n',
                   "segments/foo_1": b"of a stream"}
        for name in reversed(foreign):
            self.send("PUT", self.path(name), foreign[name])
            for command in _cloud_cli.READING + (["push"],):
                with self.subTest(command, name=name):
                    self.fails(FAILED, *self.on_space(command), stdin=b"1", mentions=[name, "empty prefix"])
            if name != "photo.jpg":
                self.send("DELETE", self.path(name))
        self.fails(FAILED, "bench", self.space, mentions=["photo.jpg", "empty prefix"])
        self.assertEqual(b"not a store", self.send("GET", self.path("photo.jpg")))

    def names_below(self, folder):
        listing = self.send("GET", f"{_cloud_cli.BUCKET}?list-type=2&prefix={self.prefix}/{folder}/").decode()
        return re.findall(f"<Key>{self.prefix}/({folder}/[^<]+)</Key>", listing)

    def kill_a_doctor(self):
        """Once an object of its own is there; what it left."""
        doctor = self.start("doctor", self.space)
        while not self.names_below("doctor") and doctor.poll() is None:
            pass
        doctor.kill()
        doctor.communicate(timeout=60)
        return sorted(self.names_below("doctor"))

    def test_what_a_killed_doctor_left_is_in_nobodys_way(self):
        left = self.kill_a_doctor()
        for _ in range(DOCTORS - 1):
            left = left or self.kill_a_doctor()
        self.assertTrue(left, "every one had removed its objects before it was killed")
        for command in _cloud_cli.READING:
            with self.subTest(command, store=False):
                self.fails(NOT_THERE, *self.on_space(command), mentions=[self.prefix])
        pointers = [self.push(str(number), "--root") for number in range(3)]
        self.assertEqual(b"0\n1\n2\n", self.ok("get", self.space, *pointers))
        self.assertEqual(pointers[-1:], self.lines("root", self.space))
        self.assertEqual(pointers[:1], self.lines("set-root", self.space, pointers[0]))
        for command in ("log", "stat", "dump", "merge"):
            self.ok(command, self.space)
        self.assert_verifies()
        self.ok("copy", self.space, self.directory / "copied")
        self.ok("salvage", self.space, self.directory / "salvaged")
        other = self.space
        self.prefix += "-other"
        self.space = self.location(_cloud_cli.BUCKET, self.prefix)
        self.send("PUT", self.path(left[0]), b"left")
        self.ok("copy", other, self.space)
        self.assert_verifies()
        self.assertEqual(left[:1], self.names_below("doctor"))
        lines = self.lines("doctor", other)
        self.assertTrue(any(f"{len(left)} objects of other checks" in line for line in lines), lines)

    def test_segments_that_nothing_names_are_counted(self):
        self.push("1", "--root")
        self.assertNotIn("unnamed", self.ok("stat", self.space).decode())
        name = "segments/" + "1" * 8 + "-0000-4000-8000-" + "0" * 12 + f"/{4096:020}-{4196:020}"
        self.send("PUT", self.path(name), bytes(100))
        self.assertRegex(self.ok("stat", self.space).decode(), r"(?m)^unnamed +1 segments, 100 B, ")
        stat = json.loads(self.ok("stat", self.space, "--json"))
        self.assertEqual({"objects": 1, "bytes": 100}, stat["cloud"]["unnamed_segments"])
        self.assertNotIn("unnamed_segments", json.loads(self.ok("stat", self.space, "--json", "--fast"))["cloud"])

    def test_a_newer_format(self):
        self.push("1", "--root")

        def make_newer(checkpoint):
            # With its checksum, the XXH3 of the rest; of a content that only its own version knows.
            checkpoint[:] = b"PBCKPT\r\n" + (99).to_bytes(8, "little") + (0xbec0c8daa87220da).to_bytes(8, "little")

        self.replace("checkpoint", make_newer)
        for command in _cloud_cli.READING + (["push"],):
            with self.subTest(command):
                self.fails(FAILED, *self.on_space(command), stdin=b"1", mentions=["version 99", "newer"])

    def test_damage_is_corruption(self):
        pointer = self.push('{"text":"NEEDLE"}', "--root")

        def damage(slot):
            at = slot.index(b"NEEDLE")
            slot[at] ^= 1

        self.replace("log/" + "2".zfill(20), damage)
        result = self.fails(CORRUPT, "verify", self.space, stdout=None)
        wal, offset = pointer.split(":")
        self.assertRegex(result.stdout.decode(), rf"(?m)^bad {wal} {offset}: \S")
        self.fails(CORRUPT, "get", self.space, pointer, mentions=[wal, offset])

    def test_a_slot_that_was_lost_is_corruption_to_every_command(self):
        kept = self.push("0", "--root")
        lost = self.push("1", "--root")
        behind = self.push("2", "--root")
        missing = "log/" + "4".zfill(20)
        self.send("DELETE", self.path(missing))
        for command in ("root", "stat", "log", "verify", "dump", "doctor"):
            with self.subTest(command):
                result = self.fails(CORRUPT if command != "doctor" else FAILED, command, self.space, stdout=None)
                self.assertIn(missing, (result.stdout + result.stderr).decode())
                if command == "dump":
                    self.assertIn(kept, result.stdout.decode())
        for pointer in (lost, behind):
            self.fails(CORRUPT, "get", self.space, pointer, mentions=[missing])
        self.assertEqual(0, json.loads(self.get(kept)))
        self.fails(CORRUPT, "push", self.space, stdin=b"1", mentions=[missing])

    def test_damage_of_a_wal_of_the_python_storage_is_corruption(self):
        source = str(_cloud_cli.SOURCE_DIR / "test" / "golden" / "legacy" / "raw_bytes" / "space")
        self.ok("copy", source, self.space)
        segments = self.names_below("segments")
        self.assertTrue(segments, "there are none")

        def flip(bytes_of_wal):
            bytes_of_wal[len(bytes_of_wal) // 2] ^= 4

        for number, key in enumerate(segments):
            with self.subTest(key):
                self.replace(key, flip)
                result = self.fails(CORRUPT, "verify", self.space, stdout=None)
                wal = key.split("/")[1]
                self.assertRegex(result.stdout.decode(), rf"(?m)^bad {wal} 0: .*{key}")
                self.fails(CORRUPT, "copy", self.space, str(self.directory / str(number)), mentions=[wal, key])
                self.replace(key, flip)
        self.assert_verifies()

    def test_a_checkpoint_that_was_removed_is_told_and_made_again(self):
        pointers = [self.push(str(number), "--root") for number in range(3)]
        self.send("DELETE", self.path("checkpoint"))
        self.assertEqual(pointers[-1], self.ok("root", self.space).decode().strip())
        result = self.fails(CORRUPT, "verify", self.space, stdout=None)
        self.assertRegex(result.stdout.decode(), r"(?m)^bad \S+ 0: object checkpoint is lost")
        pointers.append(self.push("3", "--root"))
        self.assert_verifies()
        self.assertEqual([0, 1, 2, 3], [json.loads(self.get(pointer)) for pointer in pointers])

    def test_bench(self):
        # What a doctor that was killed left is in nobody's way.
        self.send("PUT", self.path(f"doctor/{'1' * 8}-0000-4000-8000-{'0' * 12}/race"), b"left")
        result = json.loads(self.ok("bench", self.space, "--json"))
        names = [row["name"] for row in result["results"]]
        self.assertEqual(["push", "commit, 1 thread", "commit, 16 threads", "get, hot", "get, cold"], names)
        self.assertTrue(all(row["operations"] > 0 for row in result["results"]), result)
        self.assert_verifies()
        self.fails(FAILED, "bench", self.space, mentions=["not empty"])

    def test_the_block_cache_in_a_directory(self):
        pointer = self.push('{"text":"%s"}' % ("x" * 3000), "--root")
        cache = self.directory / "cache"
        self.environment = {**self.environment, "PROTOBASE_CACHE_DIR": str(cache)}
        first = self.get(pointer)
        kept = [file for file in cache.rglob("*") if file.is_file()]
        self.assertTrue(kept, "nothing was kept")
        self.assertEqual(first, self.get(pointer))
        for file in kept:
            file.write_bytes(b"damaged" * 100)
        self.assertEqual(first, self.get(pointer))
        other = self.location(_cloud_cli.BUCKET, self.prefix + "-other")
        self.lines("push", other, "--root", stdin=b"1")
        self.lines("root", other)
        self.assertEqual(2, len(list(cache.iterdir())), "spaces share a directory")

    def test_salvage_of_a_store_that_lost_objects(self):
        pointers = [self.push(str(number), "--root") for number in range(4)]
        saved = self.directory / "saved"
        self.send("DELETE", self.path("log/" + "4".zfill(20)))  # the second one's, behind its claim
        self.fails(CORRUPT, "root", self.space, mentions=["4".zfill(20), "protobase salvage"])
        self.send("DELETE", self.path("checkpoint"))
        self.fails(USAGE, "salvage", self.space, self.location(_cloud_cli.BUCKET, "other"),
                   mentions=["is a bucket", "then copy that"])
        result = json.loads(self.ok("salvage", self.space, saved, "--json"))
        self.assertEqual((3, 3, pointers[3]), (result["records"], result["commits"], result["root"]))
        reasons = " ".join(place["reason"] for place in result["lost"])
        self.assertIn("object checkpoint is missing", reasons)
        self.assertIn("object log/" + "4".zfill(20) + " is missing", reasons)
        self.ok("verify", saved)
        self.fails(NOT_THERE, "get", saved, pointers[1])
        restored = self.location(_cloud_cli.BUCKET, self.prefix + "-restored")
        self.ok("copy", saved, restored)
        self.assertEqual(b"0\n2\n3\n", self.ok("get", restored, pointers[0], *pointers[2:]))
        self.assertEqual([pointers[3]], self.lines("root", restored))

    def test_damage_is_not_copied(self):
        self.push('{"text":"NEEDLE"}', "--root")

        def damage(slot):
            slot[slot.index(b"NEEDLE")] ^= 1

        self.replace("log/" + "2".zfill(20), damage)
        target = self.directory / "to"
        self.fails(CORRUPT, "copy", self.space, target)
        self.fails(FAILED, "root", target, mentions=["unfinished copy"])

    def test_locations_that_no_client_can_have(self):
        for location, why in (("s3://a/p", "bucket"), ("s3://B_ck%t/p", "bucket"), ("s3://bucket//p", "slash"),
                              ("s3://bucket/p?endpoint=ftp://host", "endpoint"),
                              ("s3://bucket/p?endpoint=http://host/path", "endpoint"),
                              ("s3://bucket/p?region=a/b", "region"), ("gs://bucket/p?endpoint=host", "endpoint")):
            with self.subTest(location):
                self.fails(USAGE, "root", location, mentions=["SPACE: ", why])
                directory = str(self.directory / "unused")
                self.fails(USAGE, "copy", location, directory, mentions=["FROM: ", why])
                self.fails(USAGE, "copy", self.space, location, mentions=["TO: ", why])
                result = self.fails(USAGE, "doctor", location, mentions=["LOCATION: ", why])
                self.assertNotRegex(result.stderr, rb"Options|endpoint_url")

    def test_an_endpoint_where_nobody_listens(self):
        self.parameters = f"endpoint=http://127.0.0.1:{_cloud_servers.free_port()}"
        self.space = self.location("bucket", "p")
        self.fails(FAILED, "root", self.space, mentions=["127.0.0.1", "bucket"])
        result = self.fails(FAILED, "doctor", self.space, stdout=None)
        self.assertRegex(result.stdout.decode(), r"^FAILED +answer .*look at the endpoint")

    def test_on_a_terminal_it_says_why_it_waits(self):
        self.push("1", "--root")
        silent = f"s3://bucket/p?endpoint=http://127.0.0.1:{_cloud_servers.free_port()}"
        status, shown = self.run_on_a_terminal("root", silent, columns=40)
        self.assertEqual(FAILED, status)
        waiting, error = shown[:-1].rsplit("\r\x1b[K", 1)
        for line in waiting.split("\r\x1b[K")[1:]:
            self.assertEqual("waiting for s3://bucket/p: it cannot be reached"[:39], line)
        self.assertRegex(error, r"^protobase: root: .*look at the endpoint")
        self.assertEqual((DONE, ""), self.run_on_a_terminal("root", self.space, columns=40))

    def test_an_endpoint_that_is_no_object_store(self):
        for status in (200, 302, 404):
            with self.subTest(status), answering(status, {}, b"<html>Not here</html>") as endpoint:
                for scheme in ("s3", "gs"):
                    begin = time.monotonic()
                    result = self.fails(FAILED, "root", f"{scheme}://bucket/p?endpoint={endpoint}",
                                        mentions=["is this", "endpoint"])
                    self.assertLess(time.monotonic() - begin, 8, "tried again and again")
                    self.assertNotIn(b"<html>", result.stderr)

    def test_a_cache_directory_that_cannot_be(self):
        self.push("1", "--root")
        file = self.directory / "file"
        file.write_text("")
        self.environment = {**self.environment, "PROTOBASE_CACHE_DIR": str(file)}
        self.fails(FAILED, "root", self.space, mentions=[str(file), "PROTOBASE_CACHE_DIR must name a directory"])

    def test_the_wrong_region(self):
        body = (b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region 'us-east-1' is wrong; expecting "
                b"'eu-west-1'</Message><Region>eu-west-1</Region></Error>")
        with answering(400, {}, body) as endpoint:
            self.fails(FAILED, "root", f"s3://bucket/p?endpoint={endpoint}&region=us-east-1",
                       mentions=["eu-west-1", "set region"])

    def test_a_certificate_that_nobody_vouches_for(self):
        with answering(404, {}, b"<Error><Code>NoSuchBucket</Code></Error>", SELF_SIGNED) as endpoint:
            space, google = f"s3://bucket/p?endpoint={endpoint}", f"gs://bucket/p?endpoint={endpoint}"
            anyone = {"GOOGLE_APPLICATION_CREDENTIALS": str(self.directory / "user.json")}
            pathlib.Path(anyone["GOOGLE_APPLICATION_CREDENTIALS"]).write_text(json.dumps(
                {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r",
                 "token_uri": f"{endpoint}/token"}))
            self.environment = {**self.environment, **anyone}
            self.fails(FAILED, "root", space, mentions=["certificate", "AWS_CA_BUNDLE"])
            self.fails(FAILED, "root", google, mentions=["certificate"])
            result = self.fails(FAILED, "doctor", space, stdout=None)
            self.assertRegex(result.stdout.decode(), r"^FAILED +answer .*AWS_CA_BUNDLE")
            self.environment = {**self.environment, "AWS_CA_BUNDLE": str(SELF_SIGNED)}
            self.fails(NOT_THERE, "root", space, mentions=["NoSuchBucket"])
            self.environment = {**self.environment, "AWS_CA_BUNDLE": str(self.directory / "absent")}
            self.fails(FAILED, "root", space, mentions=["absent", "AWS_CA_BUNDLE"])

    def test_no_permission(self):
        body = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        with answering(403, {}, body) as endpoint:
            for command in (["root"], ["push"]):
                self.fails(FAILED, command[0], f"s3://bucket/p?endpoint={endpoint}", stdin=b"1",
                           mentions=["AccessDenied", "policies"])
            result = self.fails(FAILED, "doctor", f"s3://bucket/p?endpoint={endpoint}", stdout=None)
            self.assertRegex(result.stdout.decode(), r"^FAILED +credentials .*AccessDenied")

    def test_no_credentials(self):
        nowhere = str(self.directory / "absent")
        self.environment = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONFIG_FILE": nowhere,
                            "AWS_SHARED_CREDENTIALS_FILE": nowhere, "AWS_EC2_METADATA_DISABLED": "true"}
        self.fails(FAILED, "root", self.space, mentions=["credentials"])


class answering:
    """A server that gives every request one answer; with a certificate (and its key), by TLS."""

    def __init__(self, status, headers, body, certificate=None):
        self.scheme = "https" if certificate else "http"

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.handle_error = lambda *_: None  # clients that do not trust it hang up
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"{self.scheme}://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


if __name__ == "__main__":
    sys.exit(not unittest.main(verbosity=2, exit=False).result.wasSuccessful())
