"""Files on their way into a bucket, in parts where they are large, and what became of them."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from devkit.errors import DevkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from servery.domain.batches import Source

    from devkit.screen import Screen

_PART = 16 * 2**20
_MOST_PARTS = 10_000
_AT_ONCE = 4
_BAR = 24


def upload(
    client: Any,  # noqa: ANN401 - of S3
    path: Path,
    bucket: str,
    key: str,
    metadata: Mapping[str, str],
    *,
    sent: Callable[[int], None] = lambda _: None,
    part: int = _PART,
) -> Source:
    """Upload a file and say exactly which version of which object it has become.

    (`upload_file` of boto3 does not say it, and to look afterwards would be a guess.)

    Args:
        client: Of S3.
        path: What to upload.
        bucket: Where to.
        key: Under which key.
        metadata: The object's user metadata, ASCII.
        sent: Told of each so many bytes that are there.
        part: Bytes of a part; a file of at most one part goes in one piece.

    Raises:
        DevkitError: the file cannot be read.
    """
    from servery.domain.batches import Source  # noqa: PLC0415 - the library only where needed

    where = {"Bucket": bucket, "Key": key}
    try:
        size = path.stat().st_size
        if size <= part:
            done = client.put_object(**where, Body=path.read_bytes(), Metadata=dict(metadata))
            sent(size)
        else:
            done = _in_parts(client, path, where, metadata, sent=sent, part=part)
    except OSError as error:
        raise DevkitError(f"{path} cannot be read: {error.strerror or error}") from error
    version = str(done.get("VersionId") or "")
    return Source(
        bucket=bucket, key=key, version_id=version, etag=done["ETag"].strip('"'), size=size
    )


@contextlib.contextmanager
def shown(screen: Screen, name: str, size: int) -> Iterator[Callable[[int], None]]:
    """On a terminal, a bar for an upload; what is yielded is told of each so many bytes."""
    if not screen.console.is_terminal:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(_BAR),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=screen.console, transient=True) as bar:
        task = bar.add_task(f"Upload {name}", total=size)
        yield lambda count: bar.advance(task, count)


def _in_parts(
    client: Any,  # noqa: ANN401
    path: Path,
    where: Mapping[str, str],
    metadata: Mapping[str, str],
    *,
    sent: Callable[[int], None],
    part: int,
) -> dict[str, Any]:
    """Some parts at a time; each is read when its turn has come. What fails leaves nothing."""
    size = path.stat().st_size
    part = max(part, -(-size // _MOST_PARTS))
    begun = client.create_multipart_upload(**where, Metadata=dict(metadata))
    of = {**where, "UploadId": begun["UploadId"]}

    def put(number: int) -> dict[str, Any]:
        with path.open("rb") as file:
            file.seek((number - 1) * part)
            content = file.read(part)
        answer = client.upload_part(**of, PartNumber=number, Body=content)
        sent(len(content))
        return {"PartNumber": number, "ETag": answer["ETag"]}

    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        parts = list(pool.map(put, range(1, -(-size // part) + 1)))
        done: dict[str, Any] = client.complete_multipart_upload(
            **of, MultipartUpload={"Parts": parts}
        )
    except BaseException:
        pool.shutdown(cancel_futures=True)
        client.abort_multipart_upload(**of)
        raise
    pool.shutdown()
    return done
