"""Processes that are stopped and killed at Ceph's gateway, behind a proxy that misbehaves."""

import os

import _cloud_servers
import _python_packages

_python_packages.use(_cloud_servers.BOTO)

import boto3

from _cloud_soak import BUCKET
from _cloud_soak_servers import OnServer
from _space import main


class RadosGW(OnServer):

    @classmethod
    def setUpClass(cls):
        server = cls.enterClassContext(_cloud_servers.radosgw())
        print(f"{server.name} {server.version}", flush=True)
        cls.endpoint = server.endpoint
        os.environ.update(AWS_ACCESS_KEY_ID=server.access_key, AWS_SECRET_ACCESS_KEY=server.secret_key)
        boto3.client("s3", endpoint_url=server.endpoint, region_name="us-east-1").create_bucket(Bucket=BUCKET)


del OnServer  # it is no test itself

if __name__ == "__main__":
    main()
