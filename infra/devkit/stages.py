"""Requests in two stages: real rows asked one by one, and what the second answers changed."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from devkit import jobs
from devkit.errors import DevkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from devkit.api import Api
    from devkit.deployments import Deployed

AT_ONCE = 4
_TRIES = 4
_PERCENT = 100


@dataclass(frozen=True)
class Row:
    """One held-out row: what both models are asked, and what is right."""

    record: dict[str, Any]
    right: Any


@dataclass(frozen=True)
class Asked:
    """One row that was asked in two stages.

    Attributes:
        row: What was asked.
        light: What the first stage said.
        light_ms: From the request to its answer.
        heavy: What the second stage said.
        heavy_ms: From the acceptance of its job to the end of it.
    """

    row: Row
    light: Any
    light_ms: float
    heavy: Any
    heavy_ms: float

    @property
    def changed(self) -> bool:
        """Whether the second stage said something else."""
        return bool(self.light != self.heavy)


@dataclass(frozen=True)
class StageFigures:
    """How good and how quick one stage is."""

    model: str
    accuracy: float
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Figures:
    """What came of all rows.

    Attributes:
        rows: How many were asked.
        light: The first stage.
        heavy: The second one.
        changed: Rows for which the second stage said something else.
        to_right: Of these, wrong before and right after.
        to_wrong: Of these, right before and wrong after.
        still_wrong: Of these, wrong before and after.
    """

    rows: int
    light: StageFigures
    heavy: StageFigures
    changed: int
    to_right: int
    to_wrong: int
    still_wrong: int

    @property
    def changed_share(self) -> float:
        """The share of requests whose answer the second stage changed."""
        return self.changed / self.rows

    def values(self) -> dict[str, Any]:
        """All of it, for machines."""
        return {**asdict(self), "changed_share": self.changed_share}


def held_out(deployed: Deployed, specs: Sequence[Mapping[str, Any]], api: Api) -> list[Row]:
    """The rows that neither model was trained with, columns of both models side by side.

    They are read from where the trainings put them, so they are the very rows that the models
    were tested with.

    Args:
        deployed: Where the models are.
        specs: Those of the two models, the heavy one last.
        api: Of the stack.

    Raises:
        DevkitError: the two trainings held other rows out.
    """
    tables = [_table(deployed, spec, api) for spec in specs]
    targets = [table[spec["data"]["target"]] for table, spec in zip(tables, specs, strict=True)]
    if any(target != targets[-1] for target in targets):
        raise DevkitError(
            "The two models were not tested with the same rows.",
            "Give both specs the same split, and data files with the same rows in the same order.",
        )
    columns: dict[str, list[Any]] = {}
    for table, spec in zip(tables, specs, strict=True):
        columns.update({n: values for n, values in table.items() if n != spec["data"]["target"]})
    records = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return [Row(record, right) for record, right in zip(records, targets[-1], strict=True)]


def _table(deployed: Deployed, spec: Mapping[str, Any], api: Api) -> dict[str, list[Any]]:
    from servery.adapters.npz_datasets import decode  # noqa: PLC0415 - only this needs arrays
    from servery.usecases.training import keys  # noqa: PLC0415

    deployment = api.get(f"/models/{spec['name']}/deployment")
    served = deployment.get("current", deployment)["champion"]["ref"]["version"]
    made_of = api.get(f"/models/{spec['name']}/versions/{served}")["version"]["identity"]
    content = deployed.target.client("s3").get_object(
        Bucket=deployed.outputs["ArtifactsBucketName"],
        Key=keys.split(made_of["data"], made_of["split"], "test.npz"),
    )
    columns = decode(content["Body"].read())
    return {name: column.values.tolist() for name, column in columns.items()}


def ask(api: Api, model: str, rows: Sequence[Row], done: Callable[[int], None]) -> list[Asked]:
    """Ask every row by a request of its own, a few at once, and wait for all second answers.

    Args:
        api: Of the stack.
        model: The light one.
        rows: What is asked.
        done: Told how many have both answers.

    Raises:
        DevkitError: a request was refused, or a job has no answer.
    """
    asked = []
    with ThreadPoolExecutor(AT_ONCE) as crew:
        first = list(crew.map(partial(_first, api, model), rows))
        for one in crew.map(partial(_second, api), first):
            asked.append(one)
            done(len(asked))
    return asked


def _first(api: Api, model: str, row: Row) -> tuple[Row, dict[str, Any], float]:
    """Both answers are wanted here, so a row that has one alone is asked again a few times."""
    for left in reversed(range(_TRIES)):
        started = time.perf_counter()
        answer: dict[str, Any] = api.post(f"/v2/models/{model}/staged", {"records": [row.record]})
        took = (time.perf_counter() - started) * 1000
        if answer["predictions"] is not None and "job" in answer["next"]:
            break
        if not left:
            reason = answer["next"].get("reason") or (answer.get("error") or {}).get("detail", "")
            raise DevkitError(f"A stage gave no answer: {reason}", "See: servery logs multi_stage")
    return row, answer, took


def _second(api: Api, first: tuple[Row, dict[str, Any], float]) -> Asked:
    row, answer, took = first
    job = jobs.wait(api, jobs.get(api, answer["next"]["job"]))
    if job["state"] != "done":
        raise DevkitError(f"A job is {job['state']}: {job['reason']}", "See: servery logs jobs")
    waited = datetime.fromisoformat(job["finished"]) - datetime.fromisoformat(job["created"])
    return Asked(
        row=row,
        light=answer["predictions"][0]["class"],
        light_ms=took,
        heavy=job["result"]["predictions"][0]["class"],
        heavy_ms=waited.total_seconds() * 1000,
    )


def figures(light: str, heavy: str, asked: Sequence[Asked]) -> Figures:
    """How good and how quick each stage is, and what the second one changed."""
    right = [(one.light == one.row.right, one.heavy == one.row.right) for one in asked]
    kinds = Counter(pair for pair, one in zip(right, asked, strict=True) if one.changed)
    first = _stage(light, [a for a, _ in right], [one.light_ms for one in asked])
    second = _stage(heavy, [b for _, b in right], [one.heavy_ms for one in asked])
    return Figures(
        rows=len(asked),
        light=first,
        heavy=second,
        changed=kinds.total(),
        to_right=kinds[False, True],
        to_wrong=kinds[True, False],
        still_wrong=kinds[False, False],
    )


def _stage(model: str, right: Sequence[bool], took_ms: Sequence[float]) -> StageFigures:
    at = quantiles(took_ms, n=_PERCENT, method="inclusive")
    return StageFigures(model, sum(right) / len(right), round(at[49], 1), round(at[94], 1))
