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
        # An endpoint of an emulator takes anybody; one that is only named in the location wants credentials.
        cls.environment = {"STORAGE_EMULATOR_HOST": server.endpoint}
        request = urllib.request.Request(f"{server.endpoint}/storage/v1/b?project=test", method="POST",
                                         data=json.dumps({"name": _cloud_cli.BUCKET}).encode(),
                                         headers={"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=30).close()


if __name__ == "__main__":
    sys.exit(not unittest.main(verbosity=2, exit=False).result.wasSuccessful())
