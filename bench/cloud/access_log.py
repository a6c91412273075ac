"""What radosgw says of the requests it got: its own log has a line for each."""

import re
import time
import urllib.parse

LINE = re.compile(r' beast: .* "(?P<method>[A-Z]+) /(?P<bucket>[^/? ]+)(?P<rest>[^ ]*) HTTP/1\.1" \d+ ')
LATEST_S = 10  # the log is written by a thread of its own


def counts(server, bucket, prefix, expected):
    """Requests by kind for keys below `prefix`, read until they are as many as `expected`, or for some seconds."""
    deadline = time.monotonic() + LATEST_S
    while True:
        found = read(server, bucket, prefix)
        if all(found[kind] >= expected[kind] for kind in found) or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def read(server, bucket, prefix):
    found = {"puts": 0, "gets": 0, "lists": 0}
    with open(server.directory / "rgw.log", encoding="utf-8", errors="replace") as log:
        for line in log:
            match = LINE.search(line)
            if match and match["bucket"] == bucket:
                kind = kind_of(match["method"], match["rest"], prefix)
                if kind:
                    found[kind] += 1
    return found


def kind_of(method, rest, prefix):
    path, _, query = rest.partition("?")
    if method in ("GET", "HEAD") and path in ("", "/"):
        asked = dict(urllib.parse.parse_qsl(query)).get("prefix", "")
        return "lists" if asked.startswith(prefix) else None
    if not urllib.parse.unquote(path[1:]).startswith(prefix):
        return None
    return {"GET": "gets", "HEAD": "gets", "PUT": "puts"}.get(method)
