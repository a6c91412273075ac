"""What a misbehaving_proxy.py does wrong, and when: by rules that name a request, and at random from a seed.

A rule is a dictionary: "fault", and to which requests it applies: "client", "kind" (get, put, head, list, delete),
"key" (a regular expression, searched in the path and query), "nth" (of those that fit, from 1; without: every one),
"times" (how often at most). The first rule that strikes decides. Random faults come behind the rules.
"""

import collections
import dataclasses
import random
import re
import urllib.parse

from http_wire import Response

KINDS = ("get", "put", "head", "list", "delete")
CHANGES = ("put", "delete")
# Fault -> the kinds of request it can befall.
FAULTS = {
    "not_sent": KINDS,        # the connection is reset, nothing is forwarded
    "lost_request": KINDS,    # nothing is forwarded, no answer ever comes
    "cut_request": ("put",),  # the server gets the head and half of the body, then both connections end
    "applied_reset": KINDS,   # forwarded, then the connection is reset
    "applied_silent": KINDS,  # forwarded, no answer ever comes
    "delayed": CHANGES,       # the connection is reset, the request is forwarded later
    "duplicated": CHANGES,    # forwarded and answered, and forwarded once more later
    "short_body": ("get", "list"),    # less of the body than Content-Length says, then the end
    "wrong_length": ("get", "list"),  # less of the body, and Content-Length says that it is all
    "corrupt_body": ("get",),         # one bit of the body is another
    "wrong_range": ("get",),          # other bytes than were asked for, and Content-Range says so
    "whole_for_range": ("get",),      # 200 and the whole object for a range
    "status_500": KINDS, "status_503": KINDS, "status_429": KINDS,   # nothing is forwarded
    "status_409": ("put",), "status_412": ("put",),                  # forged
    "applied_500": CHANGES, "applied_503": CHANGES, "applied_429": CHANGES,  # forwarded, answered so
    "applied_409": ("put",), "applied_412": ("put",),
    "stale_list": ("list",),          # an earlier answer to the same question
    "expired": KINDS,                 # credentials have expired, for `expired_s` of this client
    "dribble": KINDS,                 # the answer comes in small pieces
    "closed_idle": KINDS,             # the connection ends behind the answer, unannounced
}
MAX_LISTS = 4096  # remembered, for stale ones
DRIBBLES = 8  # pieces of an answer
CODES = {500: "InternalError", 503: "SlowDown", 429: "TooManyRequests", 409: "ConditionalRequestConflict",
         412: "PreconditionFailed", 403: "ExpiredToken", 401: "authError"}


def kind_of(request):
    """Of S3's API and of Google's."""
    path, query = request.path, request.query
    if path.startswith("/upload/"):
        return "put"
    if path.startswith("/storage/v1/"):
        if request.method == "DELETE":
            return "delete"
        if path.rstrip("/").endswith("/o"):
            return "list"
        return "get" if "alt=media" in query else "head"
    if request.method == "GET":
        return "list" if "list-type=" in query else "get"
    if request.method == "POST" and re.match(r"delete(=|&|$)", query):
        return "delete"
    if request.method == "POST" and re.search(r"(^|&)(uploads|uploadId)(=|&|$)", query):
        return "put"  # begins or ends an upload in parts
    return {"PUT": "put", "HEAD": "head", "DELETE": "delete"}.get(request.method, "get")


def without_range(request):
    """The request for the whole object."""
    return dataclasses.replace(request, headers=[entry for entry in request.headers if entry[0].lower() != "range"])


def refusal(request, status):
    """An answer as the store would give it, to a request that was or was not done."""
    code = CODES[status]
    if request.path.startswith(("/upload/", "/storage/v1/")):
        text = f'{{"error":{{"code":{status},"message":"forged","errors":[{{"reason":"{code}"}}]}}}}'
        return Response(status, [("Content-Type", "application/json")], text.encode())
    text = f"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>forged</Message></Error>"
    return Response(status, [("Content-Type", "application/xml")], text.encode())


class Plan:

    def __init__(self):
        self.dice = random.Random(0)
        self.rules = []
        self.probability = 0.0
        self.faults = ()
        self.expired_s = 0.0
        self.hits = collections.Counter()
        self.lists = collections.OrderedDict()

    def add(self, rule):
        if rule["fault"] not in FAULTS:
            raise ValueError(f"no fault: {rule['fault']}")
        self.rules.append({**rule, "seen": 0, "struck": 0})

    def randomise(self, seed, probability, faults=None, expired_s=0.05):
        """From now on one of the faults that fit strikes each request with this probability."""
        self.dice = random.Random(seed)
        self.probability = probability
        self.faults = tuple(faults or FAULTS)
        self.expired_s = expired_s

    def clear(self):
        """How often the rules struck, which are gone then."""
        struck = sum(rule["struck"] for rule in self.rules)
        self.rules, self.probability = [], 0.0
        return struck

    def draw(self, client, request):
        """The fault of this request, or None."""
        kind = kind_of(request)
        struck = [rule for rule in self.rules if self.strikes(rule, client, kind, request)]  # each counts
        if struck:
            struck[0]["struck"] += 1
            return struck[0]["fault"]
        fitting = [fault for fault in self.faults if kind in FAULTS[fault]]
        if fitting and self.dice.random() < self.probability:
            # Those that fit few kinds of request would be rare.
            return self.dice.choices(fitting, [1 / len(FAULTS[fault]) for fault in fitting])[0]
        return None

    @staticmethod
    def strikes(rule, client, kind, request):
        if kind not in FAULTS[rule["fault"]] or kind != rule.get("kind", kind):
            return False
        if client != rule.get("client", client) or not re.search(rule.get("key", ""), readable(request.target)):
            return False
        rule["seen"] += 1
        if rule["seen"] != rule.get("nth", rule["seen"]):
            return False
        return rule["struck"] < rule.get("times", rule["struck"] + 1)

    # --- what becomes of an answer

    def damage(self, fault, request, response):
        """The answer that is sent in place of `response`, and how many bytes of its body."""
        body = response.body
        if fault == "stale_list":
            return self.stale(request, response), None
        if fault == "whole_for_range" and response.status == 206:
            headers = [entry for entry in response.headers if entry[0].lower() != "content-range"]
            return Response(200, headers, body), None
        if not body or response.status not in (200, 206):
            return response, None
        if fault == "short_body":
            return response, self.dice.randrange(len(body))
        if fault == "wrong_length":
            return Response(response.status, response.headers, body[:self.dice.randrange(len(body))]), None
        if fault == "corrupt_body":
            at = self.dice.randrange(len(body))
            flipped = bytes([body[at] ^ 1 << self.dice.randrange(8)])
            return Response(response.status, response.headers, body[:at] + flipped + body[at + 1:]), None
        if fault == "wrong_range":
            return self.shifted(response), None
        return response, None

    def shifted(self, response):
        told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.header("content-range"))
        if not told:
            return response
        first, last, size = map(int, told.groups())
        headers = [entry for entry in response.headers if entry[0].lower() != "content-range"]
        headers.append(("Content-Range", f"bytes {first + 1}-{last + 1}/{max(size, last + 2)}"))
        return Response(206, headers, response.body[1:] + b"\0")

    def stale(self, request, response):
        return self.lists.get(request.target, response)

    def remember(self, request, response):
        """The first answer to a question is what may come again, however long after."""
        if kind_of(request) == "list" and response.status == 200 and request.target not in self.lists:
            self.lists[request.target] = response
            if len(self.lists) > MAX_LISTS:
                self.lists.popitem(last=False)


def is_changed(before, after):
    return (before.status, before.body, before.headers) != (after.status, after.body, after.headers)


def readable(target):
    return urllib.parse.unquote(target)
