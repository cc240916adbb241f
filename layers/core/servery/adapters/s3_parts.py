"""Writes an object of S3 out of pieces, with no more than one part of it in memory."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from servery.adapters.aws_errors import aws_errors
from servery.errors import ServeryError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART = 8 * 1024 * 1024


def put_pieces(client: S3Client, bucket: str, key: str, pieces: Iterable[bytes]) -> int:
    """Write an object; it is there whole or, when something fails on the way, not at all.

    Returns:
        How many bytes it has.

    Raises:
        RetryableError: S3 did not take it.
        FaultError: it may not be written.
    """
    upload = _Upload(client, bucket, key)
    try:
        for piece in pieces:
            upload.add(piece)
        return upload.close()
    except BaseException:
        # What went wrong first is what is told.
        with suppress(ServeryError):
            upload.abort()
        raise


class _Upload:
    """Begins an upload in parts once there is more than one part."""

    def __init__(self, client: S3Client, bucket: str, key: str) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._id = ""
        self._parts: list[CompletedPartTypeDef] = []
        self._held = bytearray()
        self._size = 0

    def add(self, piece: bytes) -> None:
        self._held += piece
        self._size += len(piece)
        if len(self._held) >= PART:
            self._send()

    def close(self) -> int:
        with aws_errors("writing a file of a batch"):
            if not self._id:
                self._client.put_object(Bucket=self._bucket, Key=self._key, Body=bytes(self._held))
                return self._size
        if self._held:
            self._send()
        with aws_errors("writing a file of a batch"):
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._id,
                MultipartUpload={"Parts": self._parts},
            )
        return self._size

    def abort(self) -> None:
        if self._id:
            with aws_errors("giving up a file of a batch"):
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=self._key, UploadId=self._id
                )

    def _send(self) -> None:
        with aws_errors("writing a file of a batch"):
            if not self._id:
                self._id = self._client.create_multipart_upload(Bucket=self._bucket, Key=self._key)[
                    "UploadId"
                ]
            number = len(self._parts) + 1
            answer = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._id,
                PartNumber=number,
                Body=bytes(self._held),
            )
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self._held.clear()
