"""The catalogue of what newer releases of LocalStack support, without asking for it."""

from __future__ import annotations

from localstack.utils.catalog.catalog import AwsCatalogRemoteStatePlugin
from localstack.utils.catalog.common import AwsRemoteCatalog, LocalStackMetadata
from localstack.version import version


class _Empty:
    """Stands for LocalStack's loader, which would send a request to its makers."""

    def get_remote_catalog(self) -> AwsRemoteCatalog:
        """A catalogue that knows of nothing newer."""
        return AwsRemoteCatalog(
            schema_version="v1",
            localstack=LocalStackMetadata(version=version),
            services={},
            cloudformation_resources={"community": {}},
        )


class OfflineCatalog(AwsCatalogRemoteStatePlugin):
    """Knows of the resource types of this release, and of no others.

    Why it is there: LocalStack loads this catalogue over the network before it checks the
    resource types of a template. Where that fails it falls back to a catalogue that knows
    nothing, and CloudFormation then refuses every type, AWS::S3::Bucket included, unless
    unsupported ones are ignored altogether. The name is the one that LocalStack looks for
    first.
    """

    name = "aws-catalog-remote-state-with-license"

    def __init__(self) -> None:
        super().__init__(_Empty())
