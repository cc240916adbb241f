"""The files of a batch that is over, fetched and checked."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from devkit.errors import DevkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def of(batch: Mapping[str, Any]) -> list[str]:
    """The S3 URIs of a batch's parts, rejects and manifest, as far as there are some.

    Raises:
        DevkitError: there is nothing to fetch.
    """
    told = [*batch["outputs"], batch.get("rejects"), batch.get("manifest")]
    uris = [uri for uri in told if uri]
    if uris:
        return uris
    if batch["state"] == "skipped" and batch.get("same_as"):
        hint = f"Fetch that one: servery batch fetch {batch['same_as']}"
    elif batch["state"] == "failed":
        hint = f"See why: servery batch show {batch['id']}"
    else:
        hint = f"Wait for it: servery batch watch {batch['id']}"
    raise DevkitError(f"The batch is {batch['state']} and has no files.", hint)


def fetch(
    client: Any,  # noqa: ANN401 - of S3
    uris: list[str],
    folder: Path,
    *,
    got: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Download objects into a folder, each whole or not at all.

    Args:
        client: Of S3.
        uris: `s3://bucket/key`; the last part of the key is the file's name.
        folder: Where to; made if it is not there.
        got: Told of each name that is about to be fetched.

    Raises:
        DevkitError: the folder cannot be written, or a part is not what the manifest says.
    """
    paths: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for uri in uris:
            where = urlsplit(uri)
            path = folder / where.path.rsplit("/", 1)[-1]
            got(path.name)
            client.download_file(where.netloc, where.path.lstrip("/"), str(path))
            paths.append(path)
    except OSError as error:
        raise DevkitError(f"{folder} cannot be written: {error.strerror or error}") from error
    _check(paths)
    return paths


def _check(paths: list[Path]) -> None:
    named = {path.name: path for path in paths}
    manifest = named.get("manifest.json")
    if manifest is None:
        return
    for part in json.loads(manifest.read_bytes()).get("parts", []):
        path = named.get(str(part.get("uri", "")).rsplit("/", 1)[-1])
        if path is None:
            continue
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != part["sha256"]:
            raise DevkitError(
                f"{path.name} is not what the manifest says.",
                "The batch may have run again meanwhile: fetch it once more.",
            )
