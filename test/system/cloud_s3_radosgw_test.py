"""S3Client at Ceph's gateway, which checks signatures, and beside boto3."""

import sys
import unittest

import _cloud_servers
import _python_packages

_python_packages.use(_cloud_servers.BOTO)

import _cloud_s3


class RadosGW(_cloud_s3.S3Exchange):

    @classmethod
    def setUpClass(cls):
        server = cls.enterClassContext(_cloud_servers.radosgw())
        cls.use(server)


if __name__ == "__main__":
    sys.exit(not unittest.main(verbosity=2, exit=False).result.wasSuccessful())
