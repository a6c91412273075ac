#!/usr/bin/env python3
"""An HTTP proxy in front of an object store that loses, delays, doubles, cuts and forges what passes through it.

Usage: misbehaving_proxy.py memory | http://HOST:PORT     what it stands for: a store in its own memory
                                                          (memory_s3.py), or a real server

It is told what to do by lines of JSON on its standard input, {"op": ..., "id": N, ...}, and answers each with a line
{"id": N, ...} in order. It ends when its input does, so it never outlives who started it.

  listen  client            listens on the loopback interface for this client: {"port"}
  forget  client            counts and logs its requests from the beginning
  rule    fault ...         adds a rule: http_faults.py
  random  seed probability [faults expired_s delay_s]
  clear                     no rules, no random faults any more; what is delayed stays so: {"struck": N by the rules}
  hold    client nth when   stops the client's nth request (from 1 on since it listens; 0: whichever is next) "before"
                            it is forwarded or "after", before its answer is sent. When it is there it says so, on a
                            line without id: {"event": "held", "client", and as in log}
  release client how        what is held goes on ("go") or is forgotten ("drop"), and has done so when this is answered;
                            without a request held, takes back the hold: {"was_held"}
  settle                    everything that was delayed happens now: {"settled"}
  counts                    {"hits": {fault: N}, "requests", "late": N that arrived in the end}
  log     client            what it asked: {"log": [{"nth", "kind", "target", "size", "status", "fault"}, ...]}
"""

import asyncio
import collections
import json
import pathlib
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import http_faults
import http_wire
import memory_s3

MAX_LOG = 20_000  # requests remembered of a client
MAX_LATER = 4096  # requests that are delayed; more are forwarded at once
SILENT_S = 60.0   # no answer for so long, then the connection ends: longer than any client waits
UPSTREAM_S = 60.0
DRIBBLE_S = 0.02  # between two pieces


class Upstream:
    """A real server; a connection for each request, so that none is ever sent twice by accident."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port

    async def answer(self, request):
        async with asyncio.timeout(UPSTREAM_S):
            reader, writer = await asyncio.open_connection(self.host, self.port, limit=http_wire.MAX_HEAD)
            try:
                writer.write(http_wire.head_of_request(request) + request.body)
                return await http_wire.read_response(reader, request.method)
            finally:
                writer.close()

    async def cut(self, request):
        """Half of it, then the end of the connection."""
        _, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(http_wire.head_of_request(request) + request.body[:len(request.body) // 2])
        try:
            await writer.drain()
        finally:
            writer.close()


class Memory:
    def __init__(self):
        self.store = memory_s3.MemoryS3()

    async def answer(self, request):
        return self.store.answer(request)

    async def cut(self, request):
        pass  # less than Content-Length says is no request


class Passage:
    """A request on its way."""

    def __init__(self):
        self.how = asyncio.get_running_loop().create_future()  # to go on, if it is held
        self.is_over = asyncio.Event()


class Client:
    def __init__(self, name):
        self.name = name
        self.held = None  # the Passage that is held
        self.all_requests = 0
        self.forget()

    def forget(self):
        self.requests = 0
        self.log = collections.deque(maxlen=MAX_LOG)
        self.hold = None  # (nth, when)
        self.expired_until = 0.0


class Proxy:

    def __init__(self, upstream):
        self.upstream = upstream
        self.plan = http_faults.Plan()
        self.clients = {}
        self.servers = []
        self.later = {}  # number: (timer, request)
        self.late = 0
        self.numbers = 0
        self.delay_s = 0.3
        self.tasks = set()

    # --- one connection

    async def serve(self, client, reader, writer):
        try:
            while (request := await http_wire.read_request(reader, writer)) is not None:
                if not await self.serve_request(client, request, reader, writer):
                    break
        except (http_wire.Broken, ConnectionError, TimeoutError, asyncio.CancelledError):
            pass  # the client is gone, or the server, or we are
        finally:
            writer.close()

    async def serve_request(self, client, request, reader, writer):
        """Whether the connection goes on."""
        client.requests += 1
        client.all_requests += 1
        entry = {"nth": client.requests, "kind": http_faults.kind_of(request),
                 "target": http_faults.readable(request.target), "size": len(request.body), "status": 0,
                 "fault": self.fault_of(client, request)}
        client.log.append(entry)
        passed = Passage()
        try:
            return await self.pass_through(client, request, entry, passed, reader, writer)
        finally:
            passed.is_over.set()

    async def pass_through(self, client, request, entry, passed, reader, writer):
        if not await self.pause(client, "before", entry, passed):
            return self.reset(writer)
        response = await self.respond(entry["fault"], request, entry)
        if not await self.pause(client, "after", entry, passed):
            return self.reset(writer)
        if response is None and entry["fault"] in ("lost_request", "applied_silent"):
            passed.is_over.set()
            return await self.stay_silent(reader)
        if response is None:
            return self.reset(writer)
        return await self.send(entry["fault"], request, response, writer)

    def fault_of(self, client, request):
        now = asyncio.get_running_loop().time()
        fault = self.plan.draw(client.name, request)
        if fault == "expired":
            client.expired_until = now + self.plan.expired_s
        return "expired" if now < client.expired_until else fault

    @staticmethod
    async def pause(client, when, entry, passed):
        """False: the request is to be dropped."""
        if client.hold is None or client.hold[1] != when or client.hold[0] not in (0, entry["nth"]):
            return True
        client.hold = None
        client.held = passed
        say({"event": "held", "client": client.name, **entry})
        return await passed.how == "go"

    async def respond(self, fault, request, entry):
        """What the client is to see, or None for no answer at all; counts the fault where it takes effect."""
        hits = self.plan.hits
        if fault in ("not_sent", "lost_request", "cut_request", "delayed"):
            hits[fault] += 1
            if fault == "cut_request":
                await self.upstream.cut(request)
            if fault == "delayed":
                self.do_later(request)
            return None
        if fault == "expired" or (fault or "").startswith("status_"):
            hits[fault] += 1
            google = request.path.startswith(("/upload/", "/storage/"))
            return http_faults.refusal(request, (401 if google else 403) if fault == "expired" else int(fault[-3:]))
        response = await self.answer_of_upstream(fault, request)
        entry["status"] = response.status
        self.plan.remember(request, response)
        if fault in ("applied_reset", "applied_silent"):
            hits[fault] += 1
            return None
        if fault == "duplicated":
            hits[fault] += 1
            self.do_later(request)
        if (fault or "").startswith("applied_"):
            hits[fault] += 1
            return http_faults.refusal(request, int(fault[-3:]))
        return response

    async def answer_of_upstream(self, fault, request):
        if fault == "whole_for_range" and request.header("range"):
            response = await self.upstream.answer(http_faults.without_range(request))
            if response.status == 200:
                self.plan.hits[fault] += 1
            if response.status != 403:
                return response
            # The signature covers the range: its bytes will be called the whole object.
        return await self.upstream.answer(request)

    async def send(self, fault, request, response, writer):
        hits = self.plan.hits
        sent, count = self.plan.damage(fault, request, response)
        if count is not None or http_faults.is_changed(response, sent):
            hits[fault] += 1
        message = http_wire.head_of_response(sent) + (sent.body if count is None else sent.body[:count])
        if fault == "dribble":
            hits[fault] += 1
            await self.dribble(message, writer)
        else:
            writer.write(message)
        await writer.drain()
        if fault == "closed_idle":
            hits[fault] += 1
        return count is None and fault not in ("closed_idle", "wrong_length")

    @staticmethod
    async def dribble(message, writer):
        size = max(1, len(message) // http_faults.DRIBBLES)
        for at in range(0, len(message), size):
            writer.write(message[at:at + size])
            await writer.drain()
            await asyncio.sleep(DRIBBLE_S)

    @staticmethod
    def reset(writer):
        writer.transport.abort()
        return False

    @staticmethod
    async def stay_silent(reader):
        try:
            async with asyncio.timeout(SILENT_S):
                await reader.read(1)
        except TimeoutError:
            pass
        return False

    # --- what comes late

    def do_later(self, request):
        self.numbers += 1
        number = self.numbers
        wait = self.plan.dice.uniform(0, self.delay_s) if len(self.later) < MAX_LATER else 0
        timer = asyncio.get_running_loop().call_later(wait, self.start, number)
        self.later[number] = (timer, request)

    def start(self, number):
        task = asyncio.ensure_future(self.arrive(number))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def arrive(self, number):
        timer, request = self.later.pop(number, (None, None))
        if request is not None:
            timer.cancel()
            await self.upstream.answer(request)
            self.late += 1

    # --- what it is told

    async def obey(self, order):
        return await getattr(self, f"op_{order.pop('op')}")(**order) or {}

    async def op_listen(self, client):
        known = self.clients[client] = Client(client)

        async def connected(reader, writer):
            await self.serve(known, reader, writer)

        server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=http_wire.MAX_HEAD)
        self.servers.append(server)
        return {"port": server.sockets[0].getsockname()[1]}

    async def op_forget(self, client):
        self.clients[client].forget()

    async def op_rule(self, **rule):
        self.plan.add(rule)

    async def op_random(self, seed, probability, faults=None, expired_s=0.05, delay_s=0.3):
        self.delay_s = delay_s
        self.plan.randomise(seed, probability, faults, expired_s)

    async def op_clear(self):
        struck = self.plan.clear()
        for client in self.clients.values():
            client.expired_until = 0.0
        return {"struck": struck}

    async def op_hold(self, client, nth, when):
        self.clients[client].hold = (nth, when)

    async def op_release(self, client, how="go"):
        known = self.clients[client]
        known.hold = None
        passed, known.held = known.held, None
        if passed is not None:
            passed.how.set_result(how)
            await passed.is_over.wait()
        return {"was_held": passed is not None}

    async def op_settle(self):
        numbers = list(self.later)
        for number in numbers:
            await self.arrive(number)
        return {"settled": len(numbers)}

    async def op_counts(self):
        requests = sum(client.all_requests for client in self.clients.values())
        return {"hits": dict(self.plan.hits), "requests": requests, "late": self.late}

    async def op_log(self, client):
        return {"log": list(self.clients[client].log)}


def say(message):
    print(json.dumps(message), flush=True)


async def run(where):
    proxy = Proxy(Memory() if where == "memory" else Upstream(where))
    orders = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        order = json.loads(line)
        number = order.pop("id")
        say({"id": number, **await proxy.obey(order)})


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
