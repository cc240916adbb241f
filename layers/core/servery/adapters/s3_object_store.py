"""Objects in S3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ParamValidationError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.errors import ArtifactError, InvalidInputError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Without the permission to list a bucket, S3 answers 403 for what is not there.
_ABSENT = frozenset({"403", "404", "AccessDenied", "Forbidden", "NoSuchKey", "NotFound"})
_UNREACHABLE = _ABSENT | {
    "AllAccessDisabled",
    "AuthorizationHeaderMalformed",
    "InvalidBucketName",
    "InvalidObjectState",
    "KMS.DisabledException",
    "NoSuchBucket",
    "PermanentRedirect",
}


def _address(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key:
        raise InvalidInputError("data is read from s3://bucket/key")
    return bucket, key


@contextmanager
def _reading(uri: str) -> Iterator[None]:
    """What S3 says about an object that the user named, in sentences for the user."""
    with aws_errors("reading data"):
        try:
            yield
        except ClientError as error:
            if code_of(error) in _UNREACHABLE:
                raise InvalidInputError(f"{uri} is missing, or may not be read") from error
            raise
        except ParamValidationError as error:
            raise InvalidInputError(f"{uri} is no address of an object") from error


class S3ObjectStore:
    """The objects of a bucket; its keys are those of the port, without a prefix.

    Args:
        client: Client of S3.
        bucket: Name of the bucket, that of the artifacts first of all.
        what: What its objects are, for the sentences of errors.
    """

    def __init__(self, client: S3Client, bucket: str, *, what: str = "an artifact") -> None:
        self._client = client
        self._bucket = bucket
        self._what = what

    def get(self, key: str) -> bytes:
        """All bytes of an object.

        Raises:
            ArtifactError: there is none, or this function may not read it.
        """
        with aws_errors(f"reading {self._what}"):
            try:
                return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    raise ArtifactError(f"{key} is missing, or may not be read") from error
                raise

    def fetch(self, uri: str) -> bytes:
        """All bytes of `s3://bucket/key`, in any bucket that lets this function read.

        Raises:
            InvalidInputError: it is no such address, there is no object, or no permission.
        """
        bucket, key = _address(uri)
        with _reading(uri):
            return self._client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def stamp(self, uri: str) -> str:
        """ETag, version and size of `s3://bucket/key`.

        Raises:
            InvalidInputError: it is no such address, there is no object, or no permission.
        """
        bucket, key = _address(uri)
        with _reading(uri):
            found = self._client.head_object(Bucket=bucket, Key=key)
        return f"{found['ETag']} {found.get('VersionId', '')} {found['ContentLength']}"

    def put(self, key: str, content: bytes) -> None:
        """Write an object whole."""
        with aws_errors(f"writing {self._what}"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content)

    def exists(self, key: str) -> bool:
        """Whether there is an object under the key that this function may read."""
        with aws_errors(f"looking for {self._what}"):
            try:
                self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    return False
                raise
            return True

    def copy(self, source: str, target: str) -> None:
        """Copy an object inside the bucket.

        Raises:
            ArtifactError: there is none under `source`.
        """
        with aws_errors(f"copying {self._what}"):
            try:
                self._client.copy_object(
                    Bucket=self._bucket,
                    Key=target,
                    CopySource={"Bucket": self._bucket, "Key": source},
                    TaggingDirective="REPLACE",
                )
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    raise ArtifactError(f"{source} is missing, or may not be read") from error
                raise

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys under a prefix, in the order of their UTF-8 bytes."""
        with aws_errors("listing objects"):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    yield entry["Key"]

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""
        with aws_errors(f"removing {self._what}"):
            self._client.delete_object(Bucket=self._bucket, Key=key)
