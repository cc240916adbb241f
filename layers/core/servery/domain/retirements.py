"""The retirement of a version: why it goes, and how far it has gone."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

TOMBSTONE = "retired.json"
"""What is put beside the manifest when the model file goes: the record of the retirement."""


class Why(StrEnum):
    """What a version goes for.

    unused: no request for so many days. beaten: labels prove it worse than the champion. expired:
    it is too old. asked: a person wants it.
    """

    UNUSED = "unused"
    BEATEN = "beaten"
    EXPIRED = "expired"
    ASKED = "asked"


class Stage(StrEnum):
    """How far a retirement is.

    marked: to be taken out of the routes. out: nobody is sent to it; its server may still be
    there. unserved: its server is deleted. gone: its artifact too. kept: it came into use again,
    and stays.
    """

    MARKED = "marked"
    OUT = "out"
    UNSERVED = "unserved"
    GONE = "gone"
    KEPT = "kept"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self in (Stage.GONE, Stage.KEPT)


class RetiredVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The retirement of one version.

    Attributes:
        model: Name of the model.
        version: Which version.
        revision: Raised by one with every change; a stale writer loses.
        stage: How far it is.
        why: unused, beaten, expired or asked.
        because: The evidence, one sentence.
        by: `policy`, or `command`.
        grace_hours: Between out and unserved, and between unserved and gone.
        marked: ISO 8601, UTC.
        out: When nobody was sent to it any more.
        unserved: When its server was deleted.
        gone: When its artifact was.
        kept: Why it stays (kept only).
        removed: What was deleted: servers by name, objects by key.
    """

    model: str
    version: str
    revision: int = 1
    stage: Stage = Stage.MARKED
    why: Why
    because: str
    by: str
    grace_hours: float
    marked: str
    out: str = ""
    unserved: str = ""
    gone: str = ""
    kept: str = ""
    removed: list[str] = []

    def due(self, now: datetime) -> bool:
        """Whether the next step may be taken: the grace period of the last one is over."""
        last = {Stage.OUT: self.out, Stage.UNSERVED: self.unserved}.get(self.stage, "")
        if self.stage.final:
            return False
        return not last or now - datetime.fromisoformat(last) >= timedelta(hours=self.grace_hours)


def went(record: RetiredVersion, stage: Stage, **known: object) -> RetiredVersion:
    """The next revision, at another stage."""
    return msgspec.structs.replace(record, revision=record.revision + 1, stage=stage, **known)


def why_gone(record: RetiredVersion) -> str:
    """What is said to whoever wants a version whose artifact is gone."""
    return (
        f"{record.version} of {record.model} was retired ({record.why}: {record.because}), and its "
        f"artifact is gone since {record.gone[:10]}; train it again to have it back"
    )
