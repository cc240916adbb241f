"""The zip archive of a skops file, within bounds, and the schema in it."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

from servery.errors import MalformedError, UnsupportedMediaError

SCHEMA = "schema.json"
_MOST_MEMBERS = 200_000
_MOST_BYTES = 400 * 10**6
_LARGEST_SCHEMA = 64 * 10**6
_ARRAY = re.compile(r"[0-9]{1,24}\.npy")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def open_archive(content: bytes) -> zipfile.ZipFile:
    """The archive, once its table of contents is that of a skops file within bounds.

    Raises:
        MalformedError: it is no archive, or is broken.
        UnsupportedMediaError: it is one of something else, or would be too large when unpacked.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise MalformedError("the model file is a broken archive") from error
    members = archive.infolist()
    names = [member.filename for member in members]
    if SCHEMA not in names:
        raise UnsupportedMediaError(
            "the model file is an archive without a schema: no skops file (a file of PyTorch or "
            "NumPy is one too)"
        )
    if len(members) > _MOST_MEMBERS or len(set(names)) != len(names):
        raise UnsupportedMediaError("the skops file has too many members, or one of them twice")
    if foreign := [name for name in names if name != SCHEMA and not _ARRAY.fullmatch(name)]:
        raise UnsupportedMediaError(
            f"the skops file has {foreign[0][:60]!r} in it, which is neither schema nor array"
        )
    if sum(member.file_size for member in members) > _MOST_BYTES or any(
        member.compress_type not in _METHODS or member.flag_bits & 1 for member in members
    ):
        raise UnsupportedMediaError(
            f"the skops file has more than {_MOST_BYTES} bytes when unpacked, or is encrypted"
        )
    return archive


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """The bytes of a member: as many as the table of contents says, and no more.

    Raises:
        MalformedError: there is none, or it is not what the table says.
    """
    try:
        size = archive.getinfo(name).file_size
        with archive.open(name) as member:
            content = member.read(size + 1)
    except (KeyError, zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        raise MalformedError("the skops file lacks a member, or has a broken one") from error
    except Exception as error:  # zlib's own
        raise MalformedError("the skops file has a member that cannot be unpacked") from error
    if len(content) != size:
        raise MalformedError("the skops file has a member that is longer than it says")
    return content


def read_schema(archive: zipfile.ZipFile) -> dict[str, Any]:
    """The schema, as JSON.

    Raises:
        MalformedError: it is no JSON object, or a very large one.
    """
    if archive.getinfo(SCHEMA).file_size > _LARGEST_SCHEMA:
        raise MalformedError(f"the schema of the skops file has more than {_LARGEST_SCHEMA} bytes")
    try:
        schema = json.loads(read_member(archive, SCHEMA))
    except (ValueError, RecursionError) as error:
        raise MalformedError("the schema of the skops file is no JSON") from error
    if not isinstance(schema, dict):
        raise MalformedError("the schema of the skops file is no object")
    return schema
