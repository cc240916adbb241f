"""The lake in S3: objects read whole or listed, and lines by table, model and time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import ClientError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.adapters.gzip_stream import inflate
from servery.adapters.s3_ahead import in_turn
from servery.domain.lake import (
    ABOUT_PLANS,
    GZIP,
    LITERAL,
    CompactionPlan,
    day_prefix,
    doubled,
    has_lines,
    open_plans,
)
from servery.errors import UnavailableError

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_CHUNK = 1024 * 1024
_FEW = 2  # days that are listed one by one, whether there is anything of them or not
_SLACK = timedelta(minutes=1)  # clocks that differ
_read_plan = msgspec.json.Decoder(CompactionPlan).decode


class _Place(msgspec.Struct, frozen=True):
    """Where a line belongs, as each says of itself."""

    model: str = ""
    day: str = ""


_place_of = msgspec.json.Decoder(_Place).decode


class LakeObjects:
    """Reads the lake, for every port that is about reading it; any number of threads may share it.

    Of objects and lines one piece is held at a time, of a listing the keys.

    Args:
        client: Client of S3.
        bucket: Name of the lake's bucket.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read(self, key: str) -> bytes | None:
        """All bytes of an object; None where there is none.

        Raises:
            RetryableError: S3 did not give it.
            FaultError: it may not be read.
        """
        with aws_errors("reading the lake"):
            try:
                return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    return None
                raise

    def lines(self, key: str) -> Iterator[bytes]:
        """The lines of an object, one after the other; none where there is no such object.

        What ends in `.gz` is inflated on the way.
        """
        yield from self._lines(key) or ()

    def newest(self, prefix: str, since: datetime | None = None) -> list[str]:
        """Keys of the objects with lines under a prefix, the last written first.

        What is being made into larger objects is there once: as it was, or as what it became.

        Args:
            prefix: What they begin with.
            since: Those that were written before are left out; what an object became was written
                after it, so that of the two at most one is.

        Raises:
            UnavailableError: objects were made into others while they were listed.
            RetryableError: S3 did not list them.
            FaultError: they may not be listed.
        """
        listed, pages = self._listed(prefix, since)
        if pages > 1 and self._plans(prefix) - {key for _, key in listed}:
            raise UnavailableError(f"lines under {prefix} moved between two pages of their listing")
        twice = self._twice([key for _, key in listed])
        found = [each for each in listed if has_lines(each[1]) and each[1] not in twice]
        return [key for _, key in sorted(found, reverse=True)]

    def days(self, table: str, model: str, days: Sequence[str]) -> Iterator[bytes]:
        """The lines of a model and of some days, each once, of a day the newest objects first.

        Raises:
            UnavailableError: they were made into larger objects meanwhile; what was read is not
                all, and is read again.
            RetryableError: S3 did not give them.
            FaultError: they may not be read.
        """
        return self._of(table, model, days)

    def window(self, table: str, model: str, since: datetime, until: datetime) -> Iterator[bytes]:
        """The lines of a model that may be of a time, by day, the last day first.

        An object is written after its last line was made, so one that was written before the
        window began has nothing of it, and is not read.

        Raises:
            UnavailableError: as above.
            RetryableError: S3 did not give them.
            FaultError: they may not be read.
        """
        first, last = since.astimezone(UTC).date(), until.astimezone(UTC).date()
        days = [str(last - timedelta(days=back)) for back in range((last - first).days + 1)]
        return self._of(table, model, days, since - _SLACK)

    def _of(
        self, table: str, model: str, days: Sequence[str], since: datetime | None = None
    ) -> Iterator[bytes]:
        for day in self._there(table, model, days) if len(days) > _FEW else days:
            yield from self._under(day_prefix(table, model, day), since)
        wanted = {_Place(model=model, day=day) for day in days}
        for line in self._under(f"{table}/{LITERAL}", since):
            try:
                place = _place_of(line)
            except msgspec.MsgspecError:
                continue
            if place in wanted:
                yield line

    def _there(self, table: str, model: str, days: Sequence[str]) -> Iterator[str]:
        """Of some days, those of which there is anything: one listing instead of one for each."""
        with aws_errors("listing the lake"):
            found = {
                entry["Prefix"]
                for page in self._client.get_paginator("list_objects_v2").paginate(
                    Bucket=self._bucket,
                    Prefix=day_prefix(table, model, "").removesuffix("/"),
                    Delimiter="/",
                    StartAfter=day_prefix(table, model, min(days)).removesuffix("/"),
                )
                for entry in page.get("CommonPrefixes", [])
            }
        return (day for day in days if day_prefix(table, model, day) in found)

    def _under(self, prefix: str, since: datetime | None) -> Iterator[bytes]:
        keys = self.newest(prefix, since)
        with closing(in_turn(self._client, self._bucket, keys)) as bodies:
            for key, body in zip(keys, bodies, strict=True):
                if body is None:
                    raise UnavailableError(f"lines under {prefix} move; they are read again")
                yield from _lines_of(key, body)

    def _listed(
        self, prefix: str, since: datetime | None
    ) -> tuple[list[tuple[datetime, str]], int]:
        """What is under a prefix and was written since then, all plans, and of how many pages."""
        found: list[tuple[datetime, str]] = []
        pages = 0
        with aws_errors("listing the lake"):
            listing = self._client.get_paginator("list_objects_v2")
            for page in listing.paginate(Bucket=self._bucket, Prefix=prefix):
                pages += 1
                found += [
                    (entry["LastModified"], entry["Key"])
                    for entry in page.get("Contents", [])
                    if since is None
                    or entry["LastModified"] >= since
                    or not has_lines(entry["Key"])
                ]
        return found, pages

    def _plans(self, prefix: str) -> set[str]:
        """The keys of all that is about plans of a day."""
        return {key for _, key in self._listed(prefix + ABOUT_PLANS, None)[0]}

    def _lines(self, key: str) -> Iterator[bytes] | None:
        """The lines of an object; None where there is no such object."""
        with aws_errors("reading the lake"):
            try:
                body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    return None
                raise
        return _lines_of(key, body)

    def _twice(self, keys: list[str]) -> set[str]:
        """Of listed keys, those whose lines are in another one too."""
        plans = {}
        for key in open_plans(keys):
            content = self.read(key)
            if content is not None:
                plans[key] = _read_plan(content)
        return doubled(keys, plans)


def _lines_of(key: str, body: StreamingBody) -> Iterator[bytes]:
    if key.endswith(GZIP):
        return _split(inflate(body))  # type: ignore[arg-type]  # it reads and closes
    return _split(body.iter_chunks(_CHUNK))


def _split(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of what comes in pieces; empty ones are none."""
    rest = b""
    with aws_errors("reading the lake"):
        for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n")
            yield from filter(None, lines)
    if rest:
        yield rest
