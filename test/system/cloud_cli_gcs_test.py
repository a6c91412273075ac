"""The command line at fake-gcs-server."""

import json
import sys
import unittest
import urllib.request

import _cloud_cli
import _cloud_servers


class FakeGCS(_cloud_cli.Essentials):
    scheme = "gs"

    @classmethod
    def setUpClass(cls):
        server = cls.enterClassContext(_cloud_servers.fake_gcs())
        print(f"{server.name} {server.version}", flush=True)
        cls.endpoint = server.endpoint
        # Nobody's: neither the variable nor the well-known file of whoever runs this.
        cls.nobody = {"GOOGLE_APPLICATION_CREDENTIALS": "", "CLOUDSDK_CONFIG": "/nowhere"}
        cls.environment = {"STORAGE_EMULATOR_HOST": server.endpoint}
        request = urllib.request.Request(f"{server.endpoint}/storage/v1/b?project=test", method="POST",
                                         data=json.dumps({"name": _cloud_cli.BUCKET}).encode(),
                                         headers={"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=30).close()

    def test_an_emulator_in_the_location(self):
        pointer = self.push("1", "--root")
        self.environment = self.nobody
        self.parameters = f"endpoint={self.endpoint}"
        self.assertEqual([pointer], self.lines("root", self.location(_cloud_cli.BUCKET, self.prefix)))


if __name__ == "__main__":
    sys.exit(not unittest.main(verbosity=2, exit=False).result.wasSuccessful())
