"""GoogleCloudClient at fake-gcs-server, and beside google-cloud-storage."""

import sys
import unittest

import _cloud_clients
import _cloud_servers
import _python_packages

_python_packages.use(_cloud_servers.GOOGLE)

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage


class FakeGCS(_cloud_clients.Exchange):
    scheme = "gs"
    bucket = None

    @classmethod
    def setUpClass(cls):
        server = cls.enterClassContext(_cloud_servers.fake_gcs())
        print(f"{server.name} {server.version}, google-cloud-storage {storage.__version__}", flush=True)
        cls.environment = {"PROTOBASE_TEST_GCS_ENDPOINT": server.endpoint}
        client = storage.Client(project="test", credentials=AnonymousCredentials(),
                                client_options={"api_endpoint": server.endpoint})
        cls.bucket = client.create_bucket("conformance")

    def theirs_put(self, key, content):
        self.bucket.blob(key).upload_from_string(content)

    def theirs_get(self, key):
        return self.bucket.blob(key).download_as_bytes()

    def theirs_list(self, prefix):
        return [blob.name for blob in self.bucket.list_blobs(prefix=prefix)]


if __name__ == "__main__":
    sys.exit(not unittest.main(verbosity=2, exit=False).result.wasSuccessful())
