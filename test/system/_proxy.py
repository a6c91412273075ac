"""testing/misbehaving_proxy.py, started and told what to do."""

import json
import queue
import subprocess
import sys
import tempfile
import threading

from _space import SOURCE_DIR

PROGRAM = SOURCE_DIR / "testing" / "misbehaving_proxy.py"
sys.path.insert(0, str(PROGRAM.parent))  # for http_faults
ANSWER_S = 90  # longer than the proxy waits for its server


class Proxy:
    """A context manager; `upstream` is "memory" or a server's URL. For one thread."""

    def __init__(self, upstream="memory"):
        self.upstream = upstream
        self.events = queue.Queue()
        self.answers = queue.Queue()
        self.orders = 0
        self.ports = {}

    def __enter__(self):
        self.complaints = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([sys.executable, "-B", str(PROGRAM), self.upstream], text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.complaints)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        try:
            self.process.wait(ANSWER_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        self.complaints.seek(0)
        complaints = self.complaints.read()
        self.complaints.close()
        if complaints and error[0] is None:
            raise AssertionError(f"the proxy complained: {complaints}")

    def _read(self):
        for line in self.process.stdout:
            message = json.loads(line)
            (self.answers if "id" in message else self.events).put(message)
        self.answers.put({})

    def ask(self, op, **arguments):
        self.orders += 1
        print(json.dumps({"op": op, "id": self.orders, **arguments}), file=self.process.stdin, flush=True)
        answer = self.answers.get(timeout=ANSWER_S)
        if answer.get("id") != self.orders:
            self.complaints.seek(0)
            raise AssertionError(f"the proxy ended: {self.complaints.read()}")
        return answer

    def port(self, client):
        """Listens for it; from the beginning again, if it did before."""
        if client in self.ports:
            self.ask("forget", client=client)
        else:
            self.ports[client] = self.ask("listen", client=client)["port"]
        return self.ports[client]

    def wait_for_held(self, timeout, or_until):
        """The event of a request that is held; None when the time is up or `or_until()` has come true before."""
        waited = 0.0
        while waited < timeout:
            is_late = or_until()
            try:
                return self.events.get(timeout=0.01)
            except queue.Empty:
                if is_late:
                    return None
            waited += 0.01
        return None

    def hits(self):
        return self.ask("counts")["hits"]
