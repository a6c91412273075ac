"""What radosgw says of the requests it got: its own log has a line for each."""

import re
import time
import urllib.parse

LINE = re.compile(r' beast: .* "(?P<method>[A-Z]+) /(?P<bucket>[^/? ]+)/?(?P<key>[^? ]*)\??(?P<query>[^ ]*) HTTP/1\.1" \d+ ')
KINDS = ("puts", "gets", "lists", "deletes", "other")  # as CloudRequestCounts has them
LATEST_S = 10  # the log is written by a thread of its own
SETTLED_S = 0.5  # without another line


def counts(server, bucket, expected):
    """Requests by kind, read until they are as many as `expected` and no more come, or for some seconds."""
    deadline = time.monotonic() + LATEST_S
    before, found = None, read(server, bucket)
    while time.monotonic() < deadline and (found != before or any(found[kind] < expected.get(kind, 0) for kind in KINDS)):
        time.sleep(SETTLED_S)
        before, found = found, read(server, bucket)
    return found


def read(server, bucket):
    found = dict.fromkeys(KINDS, 0)
    with open(server.directory / "rgw.log", encoding="utf-8", errors="replace") as log:
        for line in log:
            match = LINE.search(line) if f" /{bucket}" in line else None
            if match and match["bucket"] == bucket and not makes_bucket(match):
                found[kind_of(match["method"], match["key"], match["query"])] += 1
    return found


def makes_bucket(match):
    return match["method"] == "PUT" and not match["key"]


def kind_of(method, key, query):
    if method == "POST":
        asked = urllib.parse.parse_qs(query, keep_blank_values=True)
        if not key:
            return "deletes" if "delete" in asked else "other"
        return "puts" if "uploads" in asked or "uploadId" in asked else "other"
    if method in ("GET", "HEAD"):
        return "gets" if key else "lists"
    return {"PUT": "puts", "DELETE": "deletes"}.get(method, "other") if key else "other"
