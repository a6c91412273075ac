"""HTTP/1.1 messages as bytes, for the servers of the tests that answer wrongly on purpose: nothing here sets a header
or closes a connection of its own accord. Whole messages in memory, bounded.
"""

import asyncio
import dataclasses

MAX_HEAD = 64 << 10
MAX_BODY = 128 << 20  # more than any request of the clients: objects are 64 MiB at most
REASONS = {200: "OK", 204: "No Content", 206: "Partial Content", 304: "Not Modified"}


class Broken(Exception):
    """The peer went away in the middle of a message, or said what is no HTTP."""


@dataclasses.dataclass
class Request:
    method: str
    target: str
    headers: list  # of (name, value), as they came
    body: bytes = b""

    def header(self, name, otherwise=""):
        return find_header(self.headers, name, otherwise)

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def query(self):
        return self.target.partition("?")[2]


@dataclasses.dataclass
class Response:
    status: int
    headers: list
    body: bytes = b""
    body_size: int = -1  # as Content-Length tells of a body that is not sent (HEAD); -1: the body's

    def header(self, name, otherwise=""):
        return find_header(self.headers, name, otherwise)


def find_header(headers, name, otherwise=""):
    return next((value for key, value in headers if key.lower() == name.lower()), otherwise)


async def read_head(reader):
    """The first line and the headers; None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise Broken("cut in the head") from None
        return None
    except (asyncio.LimitOverrunError, ConnectionError) as error:
        raise Broken(str(error)) from None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise Broken(f"no header: {line[:80]}")
        headers.append((name, value.strip()))
    return first, headers


async def read_exactly(reader, size):
    if size > MAX_BODY:
        raise Broken(f"a body of {size} bytes")
    try:
        return await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise Broken(f"cut in the body: {error}") from None


async def read_chunked(reader):
    body = bytearray()
    while True:
        line = await reader.readline()
        size = int(line.split(b";")[0], 16)
        body += await read_exactly(reader, size)
        await reader.readline()
        if size == 0:
            return bytes(body)


async def read_request(reader, writer):
    """None at the end of the connection."""
    head = await read_head(reader)
    if head is None:
        return None
    words = head[0].split(" ")
    if len(words) != 3:
        raise Broken(f"no request: {head[0][:80]}")
    request = Request(words[0], words[1], head[1])
    if request.header("expect").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if request.header("transfer-encoding").lower() == "chunked":
        request.body = await read_chunked(reader)
    else:
        request.body = await read_exactly(reader, int(request.header("content-length", "0")))
    return request


async def read_response(reader, method):
    head = await read_head(reader)
    while head is not None and head[0].split(" ")[1] == "100":
        head = await read_head(reader)
    if head is None:
        raise Broken("no answer")
    response = Response(int(head[0].split(" ")[1]), head[1])
    length = response.header("content-length")
    if method == "HEAD":
        response.body_size = int(length or 0)
    elif response.header("transfer-encoding").lower() == "chunked":
        response.body = await read_chunked(reader)
    elif length:
        response.body = await read_exactly(reader, int(length))
    elif response.status not in (204, 304):
        response.body = await reader.read(MAX_BODY)
    return response


FRAMING = ("content-length", "transfer-encoding", "connection", "keep-alive")


def head_of_request(request, **changes):
    headers = [(name, value) for name, value in request.headers if name.lower() not in FRAMING + ("expect",)]
    headers += [("Content-Length", changes.get("length", len(request.body))), ("Connection", "close")]
    return head(f"{request.method} {request.target} HTTP/1.1", headers)


def head_of_response(response, length=None):
    headers = [(name, value) for name, value in response.headers if name.lower() not in FRAMING]
    if length is None:
        length = response.body_size if response.body_size >= 0 else len(response.body)
    if response.status not in (204, 304):
        headers.append(("Content-Length", length))
    return head(f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Status')}", headers)


def head(first, headers):
    return (first + "\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n").encode("latin-1")
