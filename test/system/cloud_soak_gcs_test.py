"""Processes that are stopped and killed at fake-gcs-server, behind a proxy that misbehaves."""

import json
import urllib.request

import _cloud_servers
from _cloud_soak import BUCKET
from _cloud_soak_servers import OnServer
from _space import main


class FakeGCS(OnServer):
    scheme = "gs"

    @classmethod
    def setUpClass(cls):
        server = cls.enterClassContext(_cloud_servers.fake_gcs())
        print(f"{server.name} {server.version}", flush=True)
        cls.endpoint = server.endpoint
        request = urllib.request.Request(f"{server.endpoint}/storage/v1/b?project=test", method="POST",
                                         data=json.dumps({"name": BUCKET}).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()


del OnServer  # it is no test itself

if __name__ == "__main__":
    main()
