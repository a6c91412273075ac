"""The end of an upload in parts goes wrong, in each way: `push` of a large record succeeds all the same, what it pushed is
there, and where a look can tell that the end took effect, nothing is sent a second time."""

import os
import random
import re
import unittest

from _proxy import Proxy
from _space import SpaceTest, main
import http_faults

SIZE = 20 << 20  # a record that is put in two parts
PARTS = 2
END = r"\?uploadId=[^&]*$"
# Nobody answers for longer than a request may take, the default 60 s: for the tests of the clients.
SILENT = ("lost_request", "applied_silent")
# What ends a push: credentials that expired, and that a condition does not hold where none was made.
REFUSALS = ("expired", "status_412", "applied_412")
LOOKED_UP = ("applied_reset", "applied_500")


class MultipartTest(SpaceTest):

    def setUp(self):
        super().setUp()
        self.proxy = self.enterContext(Proxy())
        self.content = random.Random(1).randbytes(SIZE)

    def run_cli(self, *arguments, stdin=b"", **options):
        keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
        return super().run_cli(*arguments, stdin=stdin, env={**os.environ, **keys}, **options)

    def asked(self, method, pattern):
        log = self.proxy.ask("log", client="pushing")["log"]
        return [entry for entry in log if entry["kind"] == method and re.search(pattern, entry["target"])]

    def test_the_end_of_an_upload_in_parts(self):
        faults = [fault for fault, kinds in http_faults.FAULTS.items()
                  if "put" in kinds and fault not in SILENT + REFUSALS]
        self.assertGreater(len(faults), 10)
        for fault in faults:
            with self.subTest(fault):
                port = self.proxy.port("pushing")
                space = f"s3://bucket/{fault}?endpoint=http://127.0.0.1:{port}&region=us-east-1&path_style=true"
                self.ok("push", space, "--root", stdin=b"1")
                self.proxy.ask("rule", fault=fault, kind="put", key=END, nth=1)
                pointer = self.lines("push", space, "--format", "raw", "--root", stdin=self.content)[0]
                self.assertEqual(1, self.proxy.ask("clear")["struck"])
                self.proxy.ask("settle")
                self.assertTrue(self.content == self.ok("get", space, pointer), "other bytes came back")
                self.ok("verify", space)
                parts = len(self.asked("put", "partNumber="))
                self.assertEqual(0, parts % PARTS)
                if fault in LOOKED_UP:
                    self.assertEqual(PARTS, parts)
                    self.assertEqual(1, len(self.asked("put", END)))


if __name__ == "__main__":
    main()
