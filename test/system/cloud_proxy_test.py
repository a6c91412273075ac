"""testing/misbehaving_proxy.py does what it says: each fault, seen from the client and from the store behind it."""

import http.client
import socket
import threading
import time
import unittest

from _proxy import Proxy
from _space import main
import http_faults

KEY = "/bucket/key"
RANGE = {"Range": "bytes=2-5"}
TIMEOUT_S = 1
CONTENT = b"0123456789"
PUT_HAS_NO_EFFECT = ("not_sent", "lost_request", "cut_request", "expired", "status_500", "status_503", "status_429",
                     "status_409", "status_412")
PUT_HAS_NO_ANSWER = ("not_sent", "lost_request", "cut_request", "applied_reset", "applied_silent", "delayed")


class ProxyTest(unittest.TestCase):

    def setUp(self):
        self.proxy = self.enterContext(Proxy())
        self.port = self.proxy.port("client")

    def ask(self, method, target=KEY, body=None, headers=None, connection=None):
        """Status and body; None when no whole answer came."""
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            own.request(method, target, body=body, headers=headers or {})
            response = own.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            if connection is None:
                own.close()

    def with_fault(self, fault, *arguments, **options):
        self.proxy.ask("rule", fault=fault, nth=1)
        before = self.proxy.hits().get(fault, 0)
        answer = self.ask(*arguments, **options)
        self.assertEqual(1, self.proxy.ask("clear")["struck"], fault)
        self.assertEqual(before + 1, self.proxy.hits().get(fault), fault)
        return answer

    def test_puts(self):
        for fault, kinds in http_faults.FAULTS.items():
            if "put" not in kinds:
                continue
            with self.subTest(fault):
                target = f"/bucket/{fault}"
                answer = self.with_fault(fault, "PUT", target, CONTENT)
                self.assertEqual(fault in PUT_HAS_NO_ANSWER, answer is None, answer)
                if fault.startswith(("status_", "applied_5", "applied_4")):
                    status = int(fault[-3:])
                    self.assertEqual(status, answer[0])
                    self.assertIn(http_faults.CODES[status].encode(), answer[1])
                stored = self.ask("GET", target)[0] == 200
                self.assertEqual(fault not in PUT_HAS_NO_EFFECT + ("delayed",), stored)

    def test_an_upload_in_parts(self):
        """Its beginning and its end are puts, though they are asked for by POST."""
        begun = self.ask("POST", KEY + "?uploads=")[1]
        upload = f"{KEY}?uploadId={begun.split(b'<UploadId>')[1].split(b'<')[0].decode()}"
        self.assertEqual(200, self.ask("PUT", upload + "&partNumber=2", b"world")[0])
        self.assertEqual(200, self.ask("PUT", upload + "&partNumber=1", b"hello ")[0])
        self.assertEqual(404, self.ask("GET")[0])
        self.assertEqual(500, self.with_fault("applied_500", "POST", upload)[0])
        self.assertEqual((200, b"hello world"), self.ask("GET"))
        self.assertEqual(404, self.ask("POST", upload)[0])
        self.assertEqual(["put", "put", "put", "get", "put", "get", "put"],
                         [entry["kind"] for entry in self.proxy.ask("log", client="client")["log"]])
        self.assertEqual(503, self.with_fault("status_503", "POST", KEY + "?uploads")[0])

    def test_what_comes_late_comes(self):
        self.proxy.ask("random", seed=1, probability=0, delay_s=60)
        self.assertIsNone(self.with_fault("delayed", "PUT", KEY, CONTENT))
        self.assertEqual(404, self.ask("GET")[0])
        self.assertEqual(1, self.proxy.ask("settle")["settled"])
        self.assertEqual((200, CONTENT), self.ask("GET"))
        self.with_fault("duplicated", "PUT", KEY, b"twice")
        self.ask("PUT", KEY, b"between")
        self.proxy.ask("settle")
        self.assertEqual((200, b"twice"), self.ask("GET"))
        self.assertEqual(2, self.proxy.ask("counts")["late"])

    def test_damaged_answers(self):
        self.ask("PUT", KEY, CONTENT)
        self.assertIsNone(self.with_fault("short_body", "GET"))
        status, body = self.with_fault("wrong_length", "GET")
        self.assertTrue(status == 200 and len(body) < len(CONTENT) and CONTENT.startswith(body), body)
        status, body = self.with_fault("corrupt_body", "GET")
        self.assertEqual(1, sum((a ^ b).bit_count() for a, b in zip(CONTENT, body, strict=True)))
        self.assertEqual((206, b"2345"), self.ask("GET", headers=RANGE))
        self.assertEqual(206, self.with_fault("wrong_range", "GET", headers=RANGE)[0])
        self.assertEqual((200, CONTENT), self.with_fault("whole_for_range", "GET", headers=RANGE))

    def test_a_stale_list(self):
        target = "/bucket?list-type=2&prefix="
        self.assertNotIn(b"<Key>", self.ask("GET", target)[1])
        self.ask("PUT", KEY, CONTENT)
        self.assertNotIn(b"<Key>", self.with_fault("stale_list", "GET", target)[1])
        self.assertIn(b"<Key>key</Key>", self.ask("GET", target)[1])

    def test_expired_credentials_last_for_a_while(self):
        self.proxy.ask("random", seed=1, probability=0, expired_s=0.3)
        self.proxy.ask("rule", fault="expired", nth=1)
        self.assertEqual(403, self.ask("GET")[0])
        self.assertEqual(403, self.ask("PUT", KEY, CONTENT)[0])
        time.sleep(0.4)
        self.assertEqual(404, self.ask("GET")[0])

    def test_connections(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        for _ in range(3):  # kept alive
            self.assertEqual(200, self.ask("PUT", KEY, CONTENT, connection=connection)[0])
            port = connection.sock.getsockname()[1]
        self.assertEqual(port, connection.sock.getsockname()[1])
        self.assertEqual((200, CONTENT), self.with_fault("closed_idle", "GET", connection=connection))
        self.assertEqual(b"", connection.sock.recv(1))
        connection.close()
        began = time.monotonic()
        self.assertEqual((200, CONTENT), self.with_fault("dribble", "GET"))
        self.assertGreater(time.monotonic() - began, 0.1)

    def test_held_requests(self):
        for when, how, expected, stored in (("before", "go", (200, b""), True), ("before", "drop", None, False),
                                            ("after", "go", (200, b""), True), ("after", "drop", None, True)):
            with self.subTest(when=when, how=how):
                target = f"/bucket/{when}-{how}"
                self.proxy.port("client")
                self.proxy.ask("hold", client="client", nth=2, when=when)
                self.ask("GET")
                answers = []
                asking = threading.Thread(target=lambda: answers.append(self.ask("PUT", target, CONTENT)))
                asking.start()
                held = self.proxy.wait_for_held(5, lambda: False)
                self.assertEqual((2, "put", len(CONTENT)), (held["nth"], held["kind"], held["size"]))
                self.assertEqual(200 if when == "after" else 0, held["status"])
                self.assertTrue(self.proxy.ask("release", client="client", how=how)["was_held"])
                asking.join()
                self.assertEqual([expected], answers)
                self.assertEqual(stored, self.ask("GET", target)[0] == 200)
        self.proxy.ask("hold", client="client", nth=99, when="before")
        self.assertFalse(self.proxy.ask("release", client="client")["was_held"])

    def test_the_same_seed_draws_the_same(self):
        def statuses():
            self.proxy.ask("random", seed=7, probability=0.5, faults=["status_500", "status_503"])
            found = [self.ask("GET")[0] for _ in range(20)]
            self.proxy.ask("clear")
            return found
        first = statuses()
        self.assertLess({404}, set(first))
        self.assertEqual(first, statuses())

    def test_it_ends_with_who_started_it(self):
        self.proxy.process.stdin.close()
        self.assertEqual(0, self.proxy.process.wait(10))
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S)


if __name__ == "__main__":
    main()
