"""Model layers: a Lambda layer for each model, a version of it for each release in image mode."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from servery.adapters.aws_errors import code_of

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class LambdaModelLayers:
    """Layers that hold nothing but a model; errors of botocore are left to the caller.

    Args:
        client: Client of Lambda.
        prefix: Start of the name of every model layer.
        bucket: Name of the bucket that the zips are in.
    """

    def __init__(self, client: LambdaClient, *, prefix: str, bucket: str) -> None:
        self._client = client
        self._prefix = prefix
        self._bucket = bucket

    def add(self, model: str, release_id: str, image: str) -> str:
        """Make a layer version out of a zip; what the release made already is given back.

        Args:
            model: Name of the model.
            release_id: Kept as the description of the layer version, and found by it.
            image: Key of the zip.

        Returns:
            ARN of the layer version.
        """
        for arn, _, description in self._versions(model):
            if description == release_id:
                return arn
        made = self._client.publish_layer_version(
            LayerName=self._prefix + model,
            Description=release_id,
            Content={"S3Bucket": self._bucket, "S3Key": image},
        )
        return made["LayerVersionArn"]

    def sweep(self, model: str, keep: Collection[str]) -> list[str]:
        """Delete the layer versions of a model, but for the ARNs in `keep`; say which."""
        gone = [(arn, number) for arn, number, _ in self._versions(model) if arn not in keep]
        for _, number in gone:
            self._client.delete_layer_version(LayerName=self._prefix + model, VersionNumber=number)
        return [arn.rsplit(":layer:", 1)[-1] for arn, _ in gone]

    def _versions(self, model: str) -> list[tuple[str, int, str]]:
        """ARN, number and description of every layer version of a model."""
        pages = self._client.get_paginator("list_layer_versions").paginate(
            LayerName=self._prefix + model
        )
        try:
            return [
                (v["LayerVersionArn"], v["Version"], v.get("Description", ""))
                for page in pages
                for v in page["LayerVersions"]
            ]
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            return []
