"""DynamoDB served by moto, inside LocalStack's process."""

from __future__ import annotations

from localstack.aws.api.dynamodb import DynamodbApi


class MotoDynamodb(DynamodbApi):
    """Implements no operation itself, so that LocalStack passes every one to moto.

    LocalStack's own providers run DynamoDB Local, which is a download and needs Java.
    """
