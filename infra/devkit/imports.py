"""Models that were trained elsewhere, on their way in: told by content, uploaded, watched."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import yaml

from devkit import training
from devkit.errors import DevkitError, UsageError
from devkit.screen import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rich.table import Table

    from devkit.deployments import Deployed
    from devkit.training import Started

_PREFIX = "import_"
_FIRST = 16


@dataclass(frozen=True)
class Asked:
    """What is to be imported, and what its owner says about it.

    Attributes:
        model: The model file.
        sample: The sample file.
        spec: Of the model, as far as its owner says it: name and owner at the least.
        wishes: About the columns.
        trusted: Whether the model file may run as code.
    """

    model: Path
    sample: Path
    spec: dict[str, Any]
    wishes: dict[str, Any] = field(default_factory=dict)
    trusted: bool = False


def check_file(path: Path, *, trusted: bool) -> str:
    """Look at the first bytes of a model file before anything is uploaded; what it is.

    Raises:
        DevkitError: it cannot be read, is nothing that is imported, or is a pickle that nobody has
            said to trust.
    """
    from servery.domain.imports import check_trusted, told  # noqa: PLC0415 - the library, late
    from servery.errors import RejectedError  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            first = file.read(_FIRST)
        kind = told(first)
        check_trusted(kind, trusted=trusted)
    except OSError as error:
        raise DevkitError(f"{path} cannot be read: {error.strerror or error}") from error
    except RejectedError as error:
        raise DevkitError(f"{path} is refused: {error.message}.") from error
    return kind.value


def read_spec(path: Path | None, said: dict[str, str | None]) -> dict[str, Any]:
    """What the owner says about the model: a file, and what the command says beside it.

    Args:
        path: A YAML file like that of a training, of which estimator and data.uri may be left out.
        said: name, owner, description and production_metric, as far as they were given.

    Raises:
        UsageError: nobody says what it is called, or who answers for it.
        DevkitError: the file cannot be read.
    """
    spec: dict[str, Any] = {}
    if path is not None:
        try:
            content = yaml.safe_load(path.read_text())
        except (OSError, yaml.YAMLError) as error:
            raise DevkitError(f"{path} cannot be read: {error}") from error
        if not isinstance(content, dict):
            raise DevkitError(f"{path} is no spec.", "infra/examples has some.")
        spec = content
    metric = said.get("production_metric")
    spec |= {name: said[name] for name in ("name", "owner", "description") if said.get(name)}
    if metric:
        spec["monitor"] = {**(spec.get("monitor") or {}), "production_metric": metric}
    for name in ("name", "owner"):
        if not spec.get(name):
            raise UsageError(f"The model has no {name}.", f"Say --{name}, or say it in --spec.")
    return spec


def read_wishes(
    *, target: str | None, units: Sequence[str], ranges: Sequence[str], ranged: bool
) -> dict[str, Any]:
    """What the owner says about the columns.

    Args:
        target: The column that the model predicts.
        units: `NAME=UNIT`, or `UNIT` for all others.
        ranges: `NAME=LOW:HIGH`, or `NAME=` for no bounds.
        ranged: Whether the ranges in the sample bound what is allowed.

    Raises:
        UsageError: one of them is none of that.
    """
    named = dict(_pair(text) for text in units if "=" in text)
    others = [text for text in units if "=" not in text]
    if len(others) > 1:
        raise UsageError("Two units for all the others.", "Say --unit NAME=UNIT for each of them.")
    return {
        "target": target or "",
        "units": named,
        "unit": others[0] if others else "",
        "ranges": {name: _bounds(text) for name, text in map(_pair, ranges)},
        "ranged": ranged,
    }


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.rpartition("=")
    if not (name and sign):
        raise UsageError(f"{text!r} is no NAME=VALUE.", "For example: --unit petal_length=cm")
    return name, value


def _bounds(text: str) -> list[float] | None:
    if not text:
        return None
    low, _, high = text.partition(":")
    try:
        return [float(low), float(high)]
    except ValueError:
        raise UsageError(f"{text!r} is no LOW:HIGH.", "For example: --range age=0:120") from None


def start(deployed: Deployed, asked: Asked) -> Started:
    """Upload the files under their digests and start the import.

    Raises:
        DevkitError: a file cannot be read.
    """
    put = training.uploader(deployed)
    model, sample = _digest(asked.model), _digest(asked.sample)
    put(f"imports/{model}/model", asked.model)
    put(f"imports/{sample}/sample.csv", asked.sample)
    name = str(asked.spec["name"])
    training_id = _PREFIX + training.name_training(name, datetime.now(UTC))
    upload = {"model": model, "sample": sample, "trusted": asked.trusted, "wishes": asked.wishes}
    event = {"training_id": training_id, "origin": "cli", "spec": asked.spec, "upload": upload}
    answer = deployed.target.client("stepfunctions").start_execution(
        stateMachineArn=deployed.outputs["ModelImportStateMachineArn"],
        name=training_id,
        input=json.dumps(event),
    )
    return training.Started(training_id, name, answer["executionArn"])


def signature_table(columns: Iterable[dict[str, Any]]) -> Table:
    """The signature that was taken from the sample."""
    return table(
        ["column", "role", "type", "unit", "allowed"],
        [
            [
                str(column["name"]),
                str(column.get("role", "feature")),
                f"{column['dtype']}{' or null' if column.get('nullable') else ''}",
                str(column.get("unit") or ""),
                _allowed(column),
            ]
            for column in columns
        ],
        title="Signature",
    )


def _allowed(column: dict[str, Any]) -> str:
    if column.get("range"):
        low, high = column["range"]
        return f"{low:g} to {high:g}"
    return ", ".join(map(str, column.get("categories") or ["any"]))


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DevkitError(f"{path} cannot be read: {error.strerror or error}") from error
