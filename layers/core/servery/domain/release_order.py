"""In which order the halves of a pair change, so that each finds the other at any time.

The preprocessor comes first: of it both the champion and the last good one answer for their
pairs, so the predictor's champion has its half before, between and after the two releases.
"""

from __future__ import annotations

from typing import Protocol

from servery.domain.deployment import Deployment, Served
from servery.domain.manifest import ModelRef, Part
from servery.domain.records import RegisteredTraining, VersionRecord
from servery.domain.versioning import Stage
from servery.errors import NotFoundError, ReleaseOrderError

RELEASE, ROLL_BACK = "release", "roll_back"
ORDER_SECONDS = 30.0
"""How long the lease on the order of a pair is held, for looking at one half and writing the
other."""


class Records(Protocol):
    """What of the registry the order goes by."""

    def deployment(self, model: str) -> Deployment:
        """Who answers for a model; `NotFoundError` where nothing is released."""
        ...

    def versions(self, model: str) -> list[VersionRecord]:
        """All versions of a model in their order."""
        ...

    def trainings(self, model: str, version: str) -> list[RegisteredTraining]:
        """The registered trainings of a development version, tr0 first."""
        ...


def order_lease(ref: ModelRef, partner: str) -> str:
    """Name of the lease under which a half is looked at and the other one is written."""
    return f"pair/{partner if ref.part is Part.PREDICTOR else ref.model}"


def current(model: str, records: Records) -> Deployment | None:
    """Who answers for a model now; None where nobody does."""
    try:
        return records.deployment(model)
    except NotFoundError:
        return None


def answers_for(deployment: Deployment | None, pair: str) -> Served | None:
    """Who serves the half of a pair; None where nobody does."""
    if deployment is None:
        return None
    try:
        return deployment.paired(pair)
    except NotFoundError:
        return None


def find_half(
    ref: ModelRef,
    partner: str,
    records: Records,
    known: dict[str, RegisteredTraining] | None = None,
) -> RegisteredTraining | None:
    """The training of the other half that belongs to this one; the newest of several.

    Args:
        ref: A half.
        partner: Name of the other half's model.
        records: Where trainings are registered.
        known: Filled with every half that is seen on the way, by its pair.
    """
    seen = {} if known is None else known
    if ref.pair in seen:
        return seen[ref.pair]
    # Both are of the same data and the same split, which the end of a version names.
    made_of = ref.version.partition("-")[2]
    versions = [v for v in records.versions(partner) if v.stage == Stage.DEVELOPMENT]
    for version in sorted(versions, key=lambda v: v.version.partition("-")[2] != made_of):
        for training in records.trainings(partner, version.version):
            seen[training.ref.pair] = training
        if ref.pair in seen:
            return seen[ref.pair]
    return None


def check_order(ref: ModelRef, partner: str, records: Records) -> None:
    """Let a model become champion only where no predictor is left without its preprocessor.

    Args:
        ref: The model that is to be champion.
        partner: Name of the other half's model; empty for a whole model.
        records: Who answers, and what is registered.

    Raises:
        ReleaseOrderError: its own half, or that of another champion, would answer nobody.
    """
    if ref.part is Part.PREDICTOR:
        check_predictor(ref, partner, records)
    lost = _falls_out(current(ref.model, records), ref)
    if lost is not None and lost.ref.part is Part.PREPROCESSOR:
        _check_unneeded(lost, ref, records)


def check_predictor(ref: ModelRef, partner: str, records: Records) -> None:
    """Let a predictor become champion only where its preprocessor is served.

    Raises:
        ReleaseOrderError: it is not.
    """
    if answers_for(current(partner, records), ref.pair) is not None:
        return
    half = find_half(ref, partner, records)
    if half is None:
        raise ReleaseOrderError(
            f"{ref.model} {ref.version} takes the features of the {partner} that it was trained "
            "with, and that is not registered; train both again"
        )
    version, training = half.ref.version, half.ref.training
    raise ReleaseOrderError(
        f"{ref.model} {ref.version} takes the features of {partner} {version} {training}, which "
        f"nobody serves; release {partner} {version} {training} first",
        {"kind": RELEASE, "model": partner, "version": version, "training": training},
    )


def _falls_out(before: Deployment | None, ref: ModelRef) -> Served | None:
    """Who is no longer served once `ref` is champion; None where nothing is lost for its pair."""
    if before is None or before.last_good is None or _same_artifact(before.champion.ref, ref):
        return None
    lost = before.last_good
    return None if lost.ref.pair in ("", ref.pair, before.champion.ref.pair) else lost


def _same_artifact(one: ModelRef, other: ModelRef) -> bool:
    """Whether two are one training; the version of one may be that of development."""
    return (one.prefix, one.digest) == (other.prefix, other.digest)


def _check_unneeded(lost: Served, ref: ModelRef, records: Records) -> None:
    predictor = current(lost.partner, records)
    if predictor is None or predictor.champion.ref.pair != lost.ref.pair:
        return
    name, needed = ref.model, lost.ref.version
    asked = f"{predictor.model} {predictor.champion.ref.version}"
    raise ReleaseOrderError(
        f"{asked} takes the features of {name} {needed}, which nobody would serve any more; "
        f"roll {name} back first, or release the {predictor.model} that was trained with the "
        f"{name} that answers now",
        {"kind": ROLL_BACK, "model": name},
    )
