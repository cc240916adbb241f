"""Two versions side by side: what is another, in words, and their figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.changes import Bump, Change, Ingredients, bumped, compare
from servery.domain.manifest import Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from servery.domain.identity import Identity
    from servery.domain.manifest import Manifest


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Figure(_Part, frozen=True, kw_only=True):
    """One figure of both; None where one has it not.

    Attributes:
        name: Of what.
        before: That of the first version.
        after: That of the second one.
    """

    name: str
    before: float | None = None
    after: float | None = None


class Said(_Part, frozen=True, kw_only=True):
    """One thing that both say of themselves; None where one does not."""

    name: str
    before: Any = None
    after: Any = None


class Side(_Part, frozen=True, kw_only=True):
    """Which of the two: a version and one of its trainings, with what it was trained on."""

    version: str
    training: str
    created: str
    runtime: str
    dataset: str
    split: str


class VersionDiff(_Part, frozen=True, kw_only=True):
    """Two versions of a model.

    Attributes:
        model: Its name.
        before: The first.
        after: The second.
        bumps: The parts of the name that what changed moves; none where it is all the same.
        changes: What is another, in words; where only data or split are, the model itself is
            made the same way.
        metrics: On the test rows, which are comparable only where the split is the same.
        rows: Read, rejected, train and test, as far as the runs are known.
        latency: Milliseconds for a row and for a thousand, by runtime, and bytes.
        parameters: Those of the estimator, whichever differ or not.
        libraries: Name to both versions.
        same_rows: Whether both were tested on the same rows.
    """

    model: str
    before: Side
    after: Side
    bumps: list[Bump]
    changes: list[Change]
    metrics: list[Figure]
    rows: list[Figure]
    latency: list[Figure]
    parameters: list[Said]
    libraries: list[Said]
    same_rows: bool


def ingredients_of(manifest: Manifest) -> Ingredients:
    """What an artifact is made of, in words."""
    return Ingredients(
        signature=manifest.signature,
        spec=manifest.lineage.spec,
        libraries=manifest.libraries,
        code=manifest.lineage.logic,
        prepares=manifest.pair is not None and manifest.pair.part is Part.PREPROCESSOR,
    )


def version_diff(
    before: tuple[Identity, Manifest, Mapping[str, int]],
    after: tuple[Identity, Manifest, Mapping[str, int]],
) -> VersionDiff:
    """Compare two artifacts of a model.

    Args:
        before: What the first is made of, its manifest, and the rows of its run by name.
        after: The same of the second.
    """
    (old, first, rows), (new, second, other_rows) = before, after
    changes = compare(old, new, ingredients_of(first), ingredients_of(second))
    moved = bumped(changes)
    return VersionDiff(
        model=second.model,
        before=_side(first),
        after=_side(second),
        bumps=[bump for bump in Bump if bump in moved],
        changes=changes,
        metrics=_figures(first.metrics, second.metrics),
        rows=_figures(rows, other_rows),
        latency=_figures(dict(_latency(first)), dict(_latency(second))),
        parameters=_said(_parameters(first), _parameters(second)),
        libraries=_said(first.libraries, second.libraries),
        same_rows=old.split == new.split,
    )


def _side(manifest: Manifest) -> Side:
    return Side(
        version=manifest.version,
        training=manifest.training,
        created=manifest.created,
        runtime=manifest.runtime.value,
        dataset=manifest.lineage.dataset,
        split=manifest.lineage.split,
    )


def _latency(manifest: Manifest) -> Iterator[tuple[str, float]]:
    for runtime, figures in sorted(manifest.figures.items()):
        yield f"{runtime}, one row, p50", figures.one_row.p50_ms
        yield f"{runtime}, one row, p99", figures.one_row.p99_ms
        yield f"{runtime}, 1,000 rows, p50", figures.thousand_rows.p50_ms
        yield f"{runtime}, 1,000 rows, p99", figures.thousand_rows.p99_ms
        yield f"{runtime}, load", figures.load_ms
        yield f"{runtime}, size", float(figures.size_bytes)


def _parameters(manifest: Manifest) -> Mapping[str, Any]:
    step = manifest.lineage.spec.get("estimator")
    if not isinstance(step, dict):
        return {}
    params = step.get("params")
    return {"class": step.get("class"), **(params if isinstance(params, dict) else {})}


def _figures(before: Mapping[str, float], after: Mapping[str, float]) -> list[Figure]:
    return [
        Figure(name=name, before=before.get(name), after=after.get(name))
        for name in dict.fromkeys([*before, *after])
    ]


def _said(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Said]:
    return [
        Said(name=name, before=before.get(name), after=after.get(name))
        for name in dict.fromkeys([*before, *after])
    ]
