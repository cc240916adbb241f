"""The uploaded files, by their content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.digest import digest_bytes
from servery.errors import ArtifactError, InvalidInputError, TooLargeError

if TYPE_CHECKING:
    from servery.ports import ObjectStore


def model_key(digest: str) -> str:
    """Where a model file is uploaded to."""
    return f"imports/{digest}/model"


def sample_key(digest: str) -> str:
    """Where a sample file is uploaded to."""
    return f"imports/{digest}/sample.csv"


def uploaded(store: ObjectStore, key: str, digest: str, *, most: int, what: str) -> bytes:
    """The bytes of an uploaded file, once they are those that were announced.

    Raises:
        InvalidInputError: there is no such file, or it is another one.
        TooLargeError: it has more than `most` bytes.
    """
    try:
        content = store.get(key)
    except ArtifactError as error:
        raise InvalidInputError(f"{what} was not uploaded") from error
    if len(content) > most:
        raise TooLargeError(
            f"{what} has {len(content)} bytes; {most} are the most that are imported"
        )
    if digest_bytes(content) != digest:
        raise InvalidInputError(f"{what} is not the one that was announced")
    return content
