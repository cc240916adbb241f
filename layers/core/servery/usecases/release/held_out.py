"""Asks the champion with the rows that a newer training held out: the honest comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from servery.domain.columns import held_out_key
from servery.domain.manifest import ModelRef
from servery.domain.scores import classification_scores, regression_scores
from servery.domain.signature import Task
from servery.errors import InvalidInputError, ModelServerError, UnavailableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.columns import Columns, DataSets
    from servery.domain.deployment import Served
    from servery.domain.manifest import Manifest
    from servery.ports import ModelServers

ROWS = 500
"""Rows of one request, unless the champion takes fewer."""
SECONDS = 30.0
_OK, _OURS = 200, 500


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    """The event of a model server; `exact`, since another version would be compared in its name."""

    ref: ModelRef
    body: str
    verb: str = "infer"
    route: str = "gate"
    exact: bool = True


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    body: str = ""
    reason: str = ""


class _Row(msgspec.Struct, frozen=True):
    class_: str | int | bool | None = msgspec.field(name="class", default=None)
    value: float = 0.0
    probabilities: dict[str, float] = {}


class _Document(msgspec.Struct, frozen=True):
    predictions: list[_Row]


class ServerHeldOut:
    """Held-out rows through a model server.

    Args:
        datasets: Where the rows are.
        servers: Calls model servers.
    """

    def __init__(self, datasets: DataSets, servers: ModelServers) -> None:
        self._datasets = datasets
        self._servers = servers

    def metrics(self, served: Served, champion: Manifest, manifest: Manifest) -> dict[str, float]:
        """The metrics of a served version on the held-out rows of a training.

        Args:
            served: Who is asked.
            champion: Its manifest.
            manifest: Of the training whose rows are asked with.

        Raises:
            InvalidInputError: the rows lack what it takes, or have what it refuses.
            ArtifactError: there are no such rows.
            UnavailableError: it does not answer now.
            ModelServerError: it answers what nobody can read.
        """
        lineage = manifest.lineage
        columns = self._datasets.read(held_out_key(lineage.dataset, lineage.split))
        lacking = [f.name for f in champion.signature.inputs if f.name not in columns]
        if lacking:
            raise InvalidInputError(f"the rows have no {', '.join(lacking[:5])}")
        target = columns[manifest.signature.output.name].values
        rows = records(columns, [field.name for field in champion.signature.inputs])
        size = min(ROWS, champion.limits.max_rows)
        answers: list[_Row] = []
        for start in range(0, len(rows), size):
            answers += self._ask(served, rows[start : start + size])
        return _scores(champion, target, answers)

    def _ask(self, served: Served, rows: list[dict[str, Any]]) -> list[_Row]:
        body = msgspec.json.encode({"records": rows}).decode()
        payload = msgspec.json.encode(_Call(ref=served.ref, body=body))
        content = self._servers.call(served.server, payload, timeout=SECONDS)
        try:
            reply = msgspec.json.decode(content, type=_Reply)
            if reply.status == _OK:
                return msgspec.json.decode(reply.body, type=_Document).predictions
        except msgspec.MsgspecError as error:
            raise ModelServerError("the champion answered what nobody can read") from error
        if reply.status >= _OURS:
            raise UnavailableError(f"the champion did not answer: {reply.reason}")
        raise InvalidInputError(f"the champion refuses the rows: {reply.reason}")


def records(columns: Columns, names: list[str]) -> list[dict[str, Any]]:
    """Columns as rows of the records API; what is null stays so."""
    lists = [
        [None if null else value for value, null in zip(v.values.tolist(), v.nulls, strict=True)]
        for v in (columns[name] for name in names)
    ]
    return [dict(zip(names, row, strict=True)) for row in zip(*lists, strict=True)]


def _scores(champion: Manifest, target: NDArray[Any], answers: list[_Row]) -> dict[str, float]:
    if champion.signature.task is Task.REGRESSION:
        values = np.array([row.value for row in answers], dtype=np.float64)
        return regression_scores(target.astype(np.float64), values)
    classes = champion.signature.output.classes or []
    unknown = set(target.tolist()) - set(classes)
    if unknown:
        raise InvalidInputError(
            f"the champion does not know the class {sorted(map(str, unknown))[0]}"
        )
    predicted = np.array([row.class_ for row in answers], dtype=np.object_)
    probabilities = None
    if champion.signature.output.probabilities:
        names = [c if isinstance(c, str) else msgspec.json.encode(c).decode() for c in classes]
        try:
            probabilities = np.array([[row.probabilities[n] for n in names] for row in answers])
        except KeyError as error:
            raise ModelServerError(f"the champion answers no probability of {error}") from error
    return classification_scores(classes, target, predicted, probabilities)
