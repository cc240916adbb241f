"""What loads models where they are served."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.settings import SystemClock, optional_setting, setting

if TYPE_CHECKING:
    from servery.adapters.model_loader import ModelLoader
    from servery.adapters.s3_http import S3Http
    from servery.ports import ArtifactSource


def model_loader(source: ArtifactSource) -> ModelLoader:
    """What loads models out of a source, checked and proven."""
    from servery.adapters.model_loader import ModelLoader  # noqa: PLC0415
    from servery.adapters.runtimes import load_runtime  # noqa: PLC0415
    from servery.edge.inference import Codec  # noqa: PLC0415

    return ModelLoader(source, load_runtime, Codec)


@cache
def s3() -> S3Http:
    """S3 without boto3; credentials are read anew for each request."""
    from servery.adapters.s3_http import S3Http  # noqa: PLC0415
    from servery.adapters.sigv4 import Credentials  # noqa: PLC0415

    def credentials() -> Credentials:
        return Credentials(
            setting("AWS_ACCESS_KEY_ID"),
            setting("AWS_SECRET_ACCESS_KEY"),
            optional_setting("AWS_SESSION_TOKEN"),
        )

    return S3Http(
        region=optional_setting("AWS_REGION") or setting("AWS_DEFAULT_REGION"),
        credentials=credentials,
        clock=SystemClock(),
        endpoint=optional_setting("AWS_ENDPOINT_URL_S3") or optional_setting("AWS_ENDPOINT_URL"),
    )


@cache
def s3_artifacts() -> ArtifactSource:
    """The artifacts bucket."""
    from servery.adapters.s3_artifact_source import S3ArtifactSource  # noqa: PLC0415

    return S3ArtifactSource(s3(), setting("ARTIFACTS_BUCKET"))
