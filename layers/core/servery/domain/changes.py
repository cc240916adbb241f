"""What changed from one version to the next, in words, and which part of the name that moves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.signature_diff import signature_changes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from servery.domain.identity import Identity
    from servery.domain.signature import Signature

_LONGEST = 120


class Bump(StrEnum):
    """The parts of `X.Y.Z-data.split` that training moves."""

    INTERFACE = "Y"
    LOGIC = "Z"
    DATA = "data"
    SPLIT = "split"


class Subject(StrEnum):
    """What can be another than before."""

    SIGNATURE = "signature"
    PREPROCESSING = "preprocessing"
    ESTIMATOR = "estimator"
    PARAMETERS = "parameters"
    PAIR = "pair"
    LIBRARIES = "libraries"
    CODE = "code"
    DATA = "data"
    SPLIT = "split"

    @property
    def bumps(self) -> Bump:
        """Which part of the name a change of it moves."""
        own = {
            Subject.SIGNATURE: Bump.INTERFACE,
            Subject.DATA: Bump.DATA,
            Subject.SPLIT: Bump.SPLIT,
        }
        return own.get(self, Bump.LOGIC)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is another than before.

    Attributes:
        subject: What it is about.
        said: For a person: `n_estimators is 200, was 100`.
        bumps: Which part of the name it moves.
    """

    subject: Subject
    said: str
    bumps: Bump


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredients:
    """What a version is made of, for comparing it in words; its digests are the `Identity`.

    Attributes:
        signature: What it takes and gives.
        spec: The spec, whole, as its user wrote it.
        libraries: Name to version.
        code: Digest of the code that decides what a model is; empty where nobody kept it.
        prepares: Whether it is the preprocessing half of a pair, whose logic the estimator's
            parameters are no part of.
    """

    signature: Signature
    spec: dict[str, Any]
    libraries: dict[str, str]
    code: str = ""
    prepares: bool = False


def compare(
    before: Identity,
    after: Identity,
    old: Ingredients | None = None,
    new: Ingredients | None = None,
) -> list[Change]:
    """What changed: none exactly where the identities are the same.

    The digests decide whether something changed, the ingredients say what; where they are not at
    hand, or do not tell, the digests alone are told of.

    Args:
        before: What a version is made of.
        after: What the other one is made of.
        old: The same as `before` in words.
        new: The same as `after` in words.
    """
    known = old is not None and new is not None
    found: list[Change] = []
    if before.interface != after.interface:
        words = signature_changes(old.signature, new.signature) if old and new else []
        found += [_change(Subject.SIGNATURE, said) for said in words or ["the signature changed"]]
    if before.logic != after.logic:
        told = list(_logic(old, new)) if old and new else []
        other = "something in the code" if known else "code, libraries, preprocessing or parameters"
        found += told or [_change(Subject.CODE, f"{other} changed")]
    if before.data != after.data:
        found.append(_change(Subject.DATA, _digests("the rows are", before.data, after.data)))
    if before.split != after.split:
        found.append(_change(Subject.SPLIT, _digests("the split is", before.split, after.split)))
    return found


def bumped(changes: list[Change]) -> set[Bump]:
    """The parts of the name that changes move; Z goes back to 0 where Y is raised."""
    return {change.bumps for change in changes}


def _logic(old: Ingredients, new: Ingredients) -> Iterator[Change]:
    was, is_ = _step(old.spec), _step(new.spec)
    prepared = [spec.get("preprocessing", "auto") for spec in (old.spec, new.spec)]
    if _plain(prepared[0]) != _plain(prepared[1]):
        yield _change(Subject.PREPROCESSING, _was("the preprocessing", *prepared))
    usual = "auto" in prepared
    if was[0] != is_[0] and (usual or not new.prepares):
        yield _change(Subject.ESTIMATOR, f"the estimator is {is_[0]}, was {was[0]}")
    if not new.prepares:
        yield from _mapping(Subject.PARAMETERS, was[1], is_[1])
    if old.spec.get("pair") != new.spec.get("pair"):
        yield _change(Subject.PAIR, _was("the pair", old.spec.get("pair"), new.spec.get("pair")))
    yield from _mapping(Subject.LIBRARIES, _counted(old.libraries), _counted(new.libraries))
    if old.code != new.code and old.code and new.code:
        yield _change(Subject.CODE, _digests("the training code is", old.code, new.code))


def _step(spec: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    step = spec.get("estimator")
    if not isinstance(step, dict):
        return "", {}
    params = step.get("params")
    return str(step.get("class", "")), params if isinstance(params, dict) else {}


def _plain(preprocessing: object) -> object:
    """Steps with what is usual left out written in full, so that only what differs differs."""
    if isinstance(preprocessing, dict):
        full: dict[str, Any] = {"params": {}} if "class" in preprocessing else {}
        return {**full, **{k: _plain(v) for k, v in preprocessing.items()}}
    if isinstance(preprocessing, list):
        return [_plain(part) for part in preprocessing]
    return preprocessing


def _counted(libraries: Mapping[str, str]) -> dict[str, str]:
    """Versions that count: of Python without the patch, which the platform chooses."""
    python = ".".join(libraries.get("python", "").split(".")[:2])
    return {**libraries, **({"python": python} if python else {})}


def _mapping(subject: Subject, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        if name not in new:
            yield _change(subject, f"{name} is no longer given, was {_short(old[name])}")
        elif name not in old:
            yield _change(subject, f"{name} is {_short(new[name])}, was not given")
        elif not _same(old[name], new[name]):
            yield _change(subject, _was(name, old[name], new[name]))


def _same(one: object, other: object) -> bool:
    """Equal as JSON: true is not 1."""
    return msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")


def _was(name: str, old: object, new: object) -> str:
    return f"{name} is {_short(new)}, was {_short(old)}"


def _digests(what: str, old: str, new: str) -> str:
    return f"{what} {new[:12]}, was {old[:12]}"


def _short(value: object) -> str:
    told = value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 3]}..."


def _change(subject: Subject, said: str) -> Change:
    return Change(subject=subject, said=said, bumps=subject.bumps)
