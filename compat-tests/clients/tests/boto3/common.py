"""What the cases share: a client of the server that the environment names, and a check of error codes."""

import contextlib

import boto3
import botocore.exceptions
from botocore.config import Config


def client(**config):
    return boto3.client("s3", config=Config(retries={"max_attempts": 1}, **config))


@contextlib.contextmanager
def refused(code, status=None):
    """The body must be refused with this error code, and status where one is given."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        actual = error.response["Error"]["Code"]
        actual_status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert actual == code, f"{actual}, not {code}: {error}"
        assert status in (None, actual_status), f"{actual_status}, not {status}: {error}"
        assert actual_status in (304, 404, 412) or error.response["Error"].get("Message"), f"no message: {error}"
    else:
        raise AssertionError(f"not refused with {code}")


def bucket(s3, name):
    s3.create_bucket(Bucket=name)
    return name
