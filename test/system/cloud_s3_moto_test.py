"""S3Client at moto, a second server that is not like the first, and beside boto3."""

import sys
import unittest

import _cloud_servers
import _python_packages

_python_packages.use(_cloud_servers.MOTO, _cloud_servers.BOTO)

import _cloud_s3


class Moto(_cloud_s3.S3Exchange):

    @classmethod
    def setUpClass(cls):
        server = cls.enterClassContext(_cloud_servers.moto())
        cls.use(server)


if __name__ == "__main__":
    sys.exit(not unittest.main(verbosity=2, exit=False).result.wasSuccessful())
