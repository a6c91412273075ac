"""The command line at Ceph's gateway, which checks signatures and preconditions."""

import sys
import unittest

import _cloud_servers
import _python_packages

_python_packages.use(_cloud_servers.BOTO)

import boto3
from botocore.config import Config

import _cloud_cli
from _space import FAILED


class Radosgw(_cloud_cli.Essentials):

    @classmethod
    def setUpClass(cls):
        server = cls.enterClassContext(_cloud_servers.radosgw())
        print(f"{server.name} {server.version}", flush=True)
        cls.parameters = f"endpoint={server.endpoint}&region=us-east-1&path_style=true"
        cls.environment = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
        boto3.client("s3", endpoint_url=server.endpoint, aws_access_key_id=server.access_key,
                     aws_secret_access_key=server.secret_key, region_name="us-east-1",
                     config=Config(s3={"addressing_style": "path"})).create_bucket(Bucket=_cloud_cli.BUCKET)

    def test_the_wrong_key(self):
        right = self.environment
        self.environment = {**right, "AWS_SECRET_ACCESS_KEY": "wrong"}
        self.fails(FAILED, "root", self.space, mentions=["SignatureDoesNotMatch", "secret key"])
        self.fails(FAILED, "push", self.space, stdin=b"1", mentions=["SignatureDoesNotMatch"])
        result = self.fails(FAILED, "doctor", self.space, stdout=None)
        self.assertRegex(result.stdout.decode(), r"^FAILED +credentials +\S")
        self.environment = {**right, "AWS_ACCESS_KEY_ID": "NOBODY"}
        self.fails(FAILED, "root", self.space, mentions=["InvalidAccessKeyId", "access key"])


if __name__ == "__main__":
    sys.exit(not unittest.main(verbosity=2, exit=False).result.wasSuccessful())
