"""Model in image: the files of the model are the package `servery_model` on Python's path.

Nothing else that a model server starts with needs pathlib, so this does without it.
"""

from __future__ import annotations

import os.path
from importlib.util import find_spec
from typing import TYPE_CHECKING

from msgspec.structs import replace

from servery.domain.digest import digest_bytes
from servery.domain.manifest import ModelRef, Runtime, read_manifest
from servery.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

PACKAGE = "servery_model"
MANIFEST = "manifest.json"


def model_package() -> str:
    """The folder of the model's package.

    Raises:
        ArtifactError: there is none on Python's path.
    """
    spec = find_spec(PACKAGE)
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise ArtifactError(f"the package {PACKAGE} is not in this server's image")
    return places[0]


class ImageArtifactSource:
    """The files of the one model in the image, whatever prefix a reference has.

    Args:
        folder: Finds the folder of the package.
    """

    def __init__(self, folder: Callable[[], str | PathLike[str]] = model_package) -> None:
        self._folder = folder

    def read(self, ref: ModelRef, filename: str) -> bytes:  # noqa: ARG002 - there is one model
        """One file of the package.

        Raises:
            ArtifactError: it is not there.
        """
        try:
            with open(os.path.join(self._folder(), filename), "rb") as file:  # noqa: PTH118, PTH123
                return file.read()
        except OSError as error:
            raise ArtifactError(f"{filename} is not in this server's image") from error


def image_ref(
    source: ImageArtifactSource,
    *,
    model: str,
    version: str,
    training: str,
    digest: str,
    runtime: Runtime,
) -> ModelRef:
    """The reference of the model in the image, from what the server is pinned to.

    The digest of the manifest is that of the packaged file: a request brings the one that the
    registry recorded, and is answered only if they are the same. So is the pair.

    Raises:
        ArtifactError: there is no manifest in the image, or none that can be read.
    """
    ref = ModelRef(
        model=model,
        version=version,
        training=training,
        prefix=PACKAGE,
        digest=digest,
        manifest_digest="",
        runtime=runtime,
    )
    content = source.read(ref, MANIFEST)
    ref = replace(ref, manifest_digest=digest_bytes(content))
    pair = read_manifest(content, ref).pair
    return ref if pair is None else replace(ref, part=pair.part, pair=pair.id)
