"""An S3 in memory for many short runs: one bucket of any name, path style, whole objects and uploads in parts,
preconditions, ranges, listings, deletes by batch. Strictly one request after the other. Signatures are not checked, bodies are: what does
not have the hash that its request names is refused, as everywhere. The real servers of test/system/_cloud_servers.py
say whether it is like them; the clients are tested there, what is tested here is the protocol above them.
"""

import bisect
import email.utils
import hashlib
import re
import urllib.parse
import xml.sax.saxutils

from http_wire import Response

XML = [("Content-Type", "application/xml")]


def error(status, code, message=""):
    text = f"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(status, list(XML), text.encode())


def own_headers(request):
    """What is kept with the object."""
    return [entry for entry in request.headers if entry[0].lower().startswith("x-amz-meta-")]


class MemoryS3:

    def __init__(self):
        self.objects = {}  # of bucket/key: (bytes, ETag, time, headers of its own)
        self.keys = []  # sorted
        self.uploads = {}  # in parts, not ended yet; of id: (bucket/key, headers of the object, {number: bytes})
        self.all_uploads = 0

    def answer(self, request):
        path = urllib.parse.unquote(request.path).lstrip("/")
        query = dict(urllib.parse.parse_qsl(request.query, keep_blank_values=True))
        response = self.answer_on(request, path, query)
        response.headers.append(("Date", email.utils.formatdate(usegmt=True)))
        response.headers.append(("Server", "memory"))
        if request.method == "HEAD":
            response.body_size, response.body = len(response.body), b""
        return response

    def answer_on(self, request, path, query):
        sent = request.header("x-amz-content-sha256")
        if len(sent) == 64 and hashlib.sha256(request.body).hexdigest() != sent:
            return error(400, "XAmzContentSHA256Mismatch")
        bucket, _, key = path.partition("/")
        if key and ("uploads" in query or "uploadId" in query):
            return self.answer_on_upload(request, path, query)
        if key and request.method == "PUT":
            return self.put(request, path, request.body, own_headers(request))
        if key and request.method in ("GET", "HEAD"):
            return self.get(request, path)
        if not key and request.method == "POST" and "delete" in query:
            return self.remove(bucket, request.body.decode())
        if not key and request.method == "GET" and query.get("list-type") == "2":
            return self.list(bucket, query)
        if not key:
            return Response(200, [])  # the bucket is there, or is now
        return error(501, "NotImplemented")

    def answer_on_upload(self, request, path, query):
        if request.method == "POST" and "uploads" in query:
            self.all_uploads += 1
            upload = f"upload-{self.all_uploads}"
            self.uploads[upload] = (path, own_headers(request), {})
            return Response(200, list(XML), (f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId>"
                                             "</InitiateMultipartUploadResult>").encode())
        upload = query["uploadId"]
        if self.uploads.get(upload, ("",))[0] != path:
            return error(404, "NoSuchUpload")
        _, headers, parts = self.uploads[upload]
        if request.method == "PUT":
            parts[int(query["partNumber"])] = request.body
            return Response(200, [("ETag", f"\"{hashlib.md5(request.body).hexdigest()}\"")])
        if request.method == "POST":
            stored = self.put(request, path, b"".join(parts[number] for number in sorted(parts)), headers, len(parts))
            if stored.status != 200:
                return stored
            del self.uploads[upload]
            etag = xml.sax.saxutils.escape(stored.header("etag"))
            return Response(200, list(XML), (f"<CompleteMultipartUploadResult><ETag>{etag}</ETag>"
                                             "</CompleteMultipartUploadResult>").encode())
        del self.uploads[upload]
        return Response(204, [])

    def put(self, request, path, body, headers, parts=0):
        known = self.objects.get(path)
        if request.header("if-none-match") == "*" and known:
            return error(412, "PreconditionFailed")
        wanted = request.header("if-match")
        if wanted and not known:
            return error(404, "NoSuchKey")
        if wanted and wanted != known[1]:
            return error(412, "PreconditionFailed")
        # Of parts it is no MD5 here, as where a store encrypts with keys of its own management.
        etag = f"\"{hashlib.sha256(body).hexdigest()[:40] if parts else hashlib.md5(body).hexdigest()}\""
        if not known:
            bisect.insort(self.keys, path)
        self.objects[path] = (body, etag, email.utils.formatdate(usegmt=True), headers)
        return Response(200, [("ETag", etag)])

    def get(self, request, path):
        known = self.objects.get(path)
        if not known:
            return error(404, "NoSuchKey")
        content, etag, time, own = known
        headers = [("ETag", etag), ("Last-Modified", time), ("Content-Type", "application/octet-stream"), *own]
        if request.header("if-none-match") == etag:
            return Response(304, headers)
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.header("range"))
        if not asked:
            return Response(200, headers, content)
        first, last = int(asked[1]), min(int(asked[2]), len(content) - 1)
        if first >= len(content):
            return error(416, "InvalidRange")
        headers.append(("Content-Range", f"bytes {first}-{last}/{len(content)}"))
        return Response(206, headers, content[first:last + 1])

    def list(self, bucket, query):
        prefix = f"{bucket}/{query.get('prefix', '')}"
        most = int(query.get("max-keys", 1000))
        at = bisect.bisect_left(self.keys, prefix)
        if query.get("start-after"):
            at = max(at, bisect.bisect_right(self.keys, f"{bucket}/{query['start-after']}"))
        found = []
        while at < len(self.keys) and self.keys[at].startswith(prefix) and len(found) <= most:
            found.append(self.keys[at])
            at += 1
        entries = "".join(self.entry(bucket, key) for key in found[:most])
        truncated = str(len(found) > most).lower()
        token = "<NextContinuationToken>next</NextContinuationToken>" if len(found) > most else ""
        return Response(200, list(XML), (
            f"<?xml version=\"1.0\"?><ListBucketResult><Name>{bucket}</Name><EncodingType>url</EncodingType>"
            f"<IsTruncated>{truncated}</IsTruncated>{token}<KeyCount>{len(found[:most])}</KeyCount>{entries}"
            "</ListBucketResult>").encode())

    def entry(self, bucket, path):
        content, etag, *_ = self.objects[path]
        key = urllib.parse.quote(path[len(bucket) + 1:], safe="/")
        return (f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
                f"<ETag>{xml.sax.saxutils.escape(etag)}</ETag><Size>{len(content)}</Size></Contents>")

    def remove(self, bucket, body):
        deleted = []
        for key in map(xml.sax.saxutils.unescape, re.findall(r"<Key>([^<]*)</Key>", body)):
            path = f"{bucket}/{key}"
            if self.objects.pop(path, None):
                del self.keys[bisect.bisect_left(self.keys, path)]
            deleted.append(f"<Deleted><Key>{xml.sax.saxutils.escape(key)}</Key></Deleted>")
        return Response(200, list(XML), f"<DeleteResult>{''.join(deleted)}</DeleteResult>".encode())
