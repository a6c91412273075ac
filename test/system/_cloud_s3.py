"""boto3 beside S3Client, at a server of test/system/_cloud_servers.py."""

import boto3
from botocore.config import Config

import _cloud_clients


class S3Exchange(_cloud_clients.Exchange):
    scheme = "s3"
    boto = None

    @classmethod
    def use(cls, server):
        print(f"{server.name} {server.version}, boto3 {boto3.__version__}", flush=True)
        cls.environment = {"PROTOBASE_TEST_S3_ENDPOINT": server.endpoint,
                           "PROTOBASE_TEST_S3_ACCESS_KEY": server.access_key,
                           "PROTOBASE_TEST_S3_SECRET_KEY": server.secret_key}
        cls.boto = boto3.client("s3", endpoint_url=server.endpoint, aws_access_key_id=server.access_key,
                                aws_secret_access_key=server.secret_key, region_name="us-east-1",
                                config=Config(s3={"addressing_style": "path"},
                                              request_checksum_calculation="when_required",
                                              response_checksum_validation="when_required"))
        cls.boto.create_bucket(Bucket="conformance")

    def theirs_put(self, key, content):
        self.boto.put_object(Bucket="conformance", Key=key, Body=content)

    def theirs_get(self, key):
        return self.boto.get_object(Bucket="conformance", Key=key)["Body"].read()

    def theirs_list(self, prefix):
        return [entry["Key"] for entry in self.boto.list_objects_v2(Bucket="conformance", Prefix=prefix)["Contents"]]
