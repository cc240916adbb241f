"""The package of model-in-image: a zip that becomes a layer, with the model on Python's path."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from servery.domain.digest import digest_bytes
from servery.domain.manifest import MANIFEST, read_manifest
from servery.errors import ArtifactError

if TYPE_CHECKING:
    from servery.domain.manifest import ModelRef
    from servery.ports import ObjectStore

FOLDER = "python/servery_model"
BASELINE = "baseline.json"


def image_key(model: str, publish_id: str) -> str:
    """Where the zip of a server lies."""
    return f"images/{model}/{publish_id}.zip"


def pack_image(ref: ModelRef, objects: ObjectStore) -> bytes:
    """Pack the files that a server needs; the same artifact gives the same bytes.

    Raises:
        ArtifactError: a file is missing or is not the one that was registered.
    """
    files = read_manifest(objects.get(f"{ref.prefix}/{MANIFEST}"), ref).files
    expected = {ref.runtime.filename: ref.digest, MANIFEST: ref.manifest_digest}
    if BASELINE in files:
        expected[BASELINE] = files[BASELINE]
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for name, digest in sorted(expected.items()):
            content = objects.get(f"{ref.prefix}/{name}")
            if digest_bytes(content) != digest:
                raise ArtifactError(f"{name} in {ref.prefix} is not the one that was registered")
            entry = ZipInfo(f"{FOLDER}/{name}")  # dated 1980, so that the bytes do not change
            entry.external_attr = 0o644 << 16
            entry.compress_type = ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()
