"""The lines of the lake as files on this machine: what a query needs, fetched once."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from servery.adapters.lake_objects import LakeObjects
from servery.domain.lake import EVENTS, GZIP, LABELS, LITERAL, TABLES, day_prefix
from servery.usecases.monitoring import UNKNOWN

from devkit.errors import DevkitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

TRIES = 3


@dataclass(frozen=True)
class Scope:
    """What a query is about.

    Attributes:
        models: Names of models; none for all.
        days: Which days.
    """

    models: Sequence[str]
    days: Sequence[str]

    def of(self, table: str) -> list[str]:
        """The models of a table; labels and events may come without saying whose they are."""
        said = [UNKNOWN] if self.models and table in (LABELS, EVENTS) else []
        return list(dict.fromkeys([*self.models, *said]))


@dataclass(frozen=True)
class LakeFolder:
    """A folder that has the objects of the lake's bucket which queries have asked for.

    Attributes:
        client: Client of S3.
        bucket: Name of the lake's bucket.
        folder: Where the files are; objects never change, so one that is there is right.
    """

    client: Any
    bucket: str
    folder: Path

    def fetch(self, scope: Scope) -> dict[str, list[Path]]:
        """The files of each table; what the lake has not got any more goes.

        Raises:
            DevkitError: objects move faster than they can be read.
        """
        for _ in range(TRIES):
            found = {
                table: [
                    file for prefix in self._prefixes(table, scope) for file in self._day(prefix)
                ]
                for table in TABLES
            }
            files = [file for some in found.values() for file in some]
            if None not in files:
                return {t: [f for f in some if f is not None] for t, some in found.items()}
        raise DevkitError("The lake is being tidied.", "Ask again in a minute.")

    def _prefixes(self, table: str, scope: Scope) -> Iterator[str]:
        for model in scope.of(table) or self._models(table):
            for day in scope.days:
                yield day_prefix(table, model, day)
        yield f"{table}/{LITERAL}"

    def _models(self, table: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2")
        found = [
            entry["Prefix"].rstrip("/").partition("model=")[2]
            for page in pages.paginate(Bucket=self.bucket, Prefix=f"{table}/", Delimiter="/")
            for entry in page.get("CommonPrefixes", [])
        ]
        return [model for model in found if not model.startswith("!")]

    def _day(self, prefix: str) -> list[Path | None]:
        """The files of a prefix; None for one that was gone when it was to be fetched."""
        objects = LakeObjects(self.client, self.bucket)
        folder = self.folder / sha256(prefix.encode()).hexdigest()[:16]
        wanted = {folder / _file(key): key for key in objects.newest(prefix)}
        for file in set(folder.glob("*")) - set(wanted) if folder.is_dir() else ():
            file.unlink()
        return [self._file(objects, key, file) for file, key in wanted.items()]

    def _file(self, objects: LakeObjects, key: str, file: Path) -> Path | None:
        if file.is_file():
            return file
        content = objects.read(key)
        if content is None:
            return None
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_bytes(content)
        part.replace(file)
        return file


def _file(key: str) -> str:
    ending = ".json.gz" if key.endswith(GZIP) else ".json"
    return sha256(key.encode()).hexdigest()[:32] + ending
