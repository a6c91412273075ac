"""Our signatures and URLs against those of botocore, Amazon's own signer, on random requests."""

import json
import os
import random
import subprocess
import sys
import unittest
from unittest import mock

import _python_packages

_python_packages.use("botocore==1.44.5")

import botocore.auth
import datetime
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.utils import percent_encode, percent_encode_sequence

REQUESTS = 4000
SIGN_REQUESTS = _python_packages.BUILD_DIR / "test" / "sign_requests"
SEED = int(os.environ.get("PROTOBASE_SEED", random.SystemRandom().randrange(2**32)))

ENDPOINTS = ["https://s3.us-east-1.amazonaws.com", "https://bucket.s3.amazonaws.com:443", "http://127.0.0.1:9000",
             "http://localhost:80", "https://store.example:8443", "http://example.com:443", "http://[::1]:7480",
             "https://Upper.Example.COM"]
# What clients get wrong, often; and every other character now and then.
PIECES = ["/", "//", ".", "..", "/./", "/../", " ", "  ", "+", "%", "%2F", "%25", "~", "*", "'", "(", ")", "!", "$", "&",
          "=", "?", "#", ":", ";", ",", "@", "\"", "<", ">", "\\", "^", "`", "{", "|", "}", "[", "]", "\u00e4", "\u0301",
          "\u65e5\u672c", "\U0001f600", "a", "B", "0", "key", "-", "_"]
HEADERS = ["Content-Type", "content-md5", "If-Match", "if-none-match", "Range", "x-amz-meta-a", "X-Amz-Meta-B",
           "x-amz-acl", "Zz", "aa", "Cache-Control"]


def text(draw, longest, pieces=PIECES):
    return "".join(draw.choice(pieces) for _ in range(draw.randrange(longest + 1)))


def header_value(draw):
    return text(draw, 6, ["a", "B", "1", " ", "  ", "\t", ",", "=", "\"", "/", "-", "+", ":", ";", "*"])


def query(draw):
    names = [draw.choice(["prefix", "list-type", "uploads", "partNumber", "A", "a", "a-b", "", text(draw, 3)])
             for _ in range(draw.randrange(5))]
    return [[name, draw.choice(["", "", "1", text(draw, 5)])] for name in names + names[:draw.randrange(2)]]


def random_request(draw):
    service = draw.choice(["s3", "s3", "s3", "sts", "iam"])
    return {
        "endpoint": draw.choice(ENDPOINTS) + draw.choice(["", "/"]),
        "method": draw.choice(["GET", "PUT", "HEAD", "POST", "DELETE"]),
        # Other services sign a normalised path, which we never need: they get the plain one.
        "path": "/" + text(draw, 12) if service == "s3" else "/",
        "query": query(draw),
        "headers": [[name, header_value(draw)] for name in draw.sample(HEADERS, draw.randrange(5))],
        "body": text(draw, 20),
        "access_key": "AKIA" + str(draw.randrange(10**16)),
        "secret_key": text(draw, 40, list("abcXYZ0189/+")),
        "session_token": draw.choice(["", text(draw, 80, list("abcXYZ0189/+="))]),
        "region": draw.choice(["us-east-1", "eu-central-1", "default", "auto", ""]),
        "service": service,
        "time": draw.choice([draw.randrange(2**32), 951782400, 1709164800, 4102444799]),
    }


def signed_by_botocore(request):
    """URL and headers."""
    url = request["endpoint"].rstrip("/").lower()
    scheme, host = url.split("://")
    own_port = {"http": ":80", "https": ":443"}[scheme]
    url = (url[:-len(own_port)] if host.endswith(own_port) else url) + percent_encode(request["path"], safe="/~")
    # The order is the signer's affair: botocore sends parameters as they come, we send them as they are signed.
    ordered = sorted(([percent_encode(name), percent_encode(value)] for name, value in request["query"]))
    assert sorted(percent_encode_sequence([tuple(pair) for pair in request["query"]]).split("&")) == \
        sorted("=".join(pair) for pair in ordered) or not ordered
    if ordered:
        url += "?" + "&".join("=".join(pair) for pair in ordered)
    aws_request = AWSRequest(method=request["method"], url=url, headers=dict(request["headers"]),
                             data=request["body"].encode())
    signer = botocore.auth.S3SigV4Auth if request["service"] == "s3" else botocore.auth.SigV4Auth
    keys = Credentials(request["access_key"], request["secret_key"], request["session_token"] or None)
    now = datetime.datetime.fromtimestamp(request["time"], datetime.timezone.utc)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        # With a Content-MD5 on https botocore would leave the payload unsigned; ours is always signed.
        with mock.patch.object(signer, "_should_sha256_sign_payload", return_value=True):
            signer(keys, request["service"], request["region"]).add_auth(aws_request)
    given = {name.lower() for name, _ in request["headers"]}
    return url, {name.lower(): value for name, value in aws_request.headers.items() if name.lower() not in given}


class Botocore(unittest.TestCase):

    def test_signs_as_we_do(self):
        draw = random.Random(SEED)
        print(f"{REQUESTS} requests, botocore {botocore.__version__}, PROTOBASE_SEED={SEED}")
        requests = [random_request(draw) for _ in range(REQUESTS)]
        done = subprocess.run([SIGN_REQUESTS], input="".join(json.dumps(r) + "\n" for r in requests), text=True,
                              capture_output=True, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(REQUESTS, len(answers))
        for request, answer in zip(requests, answers):
            url, headers = signed_by_botocore(request)
            self.assertEqual(url, answer["url"], request)
            ours = {name.lower(): value for name, value in answer["headers"].items()}
            self.assertEqual(headers, ours, request)

    def test_the_comparison_sees_a_difference(self):
        request = random_request(random.Random(SEED))
        _, headers = signed_by_botocore(request)
        _, others = signed_by_botocore({**request, "body": request["body"] + "x"})
        self.assertNotEqual(headers["authorization"], others["authorization"])


if __name__ == "__main__":
    sys.exit(not unittest.main(verbosity=1, exit=False).result.wasSuccessful())
