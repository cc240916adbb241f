"""The rules that types alone cannot say about a model spec."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from servery.domain.accountability import NO_LOG
from servery.domain.estimators import MOST, TOLERANT, check_estimator, check_transformer
from servery.domain.imports import check_imported, imported
from servery.domain.metrics import HIGHER_IS_BETTER, higher_is_better
from servery.domain.release_stages import stage_violations
from servery.domain.search_rules import search_violations
from servery.domain.serving import Mode
from servery.domain.signature import Dtype, Task
from servery.domain.spec import SPOKEN, Column, ModelSpec, OnFault, Role, Step
from servery.domain.watch_rules import monitor_violations
from servery.errors import InvalidSpecError, RejectedError, Violation

_AT = re.compile(r"^(?P<message>.*?)(?: - at `\$\.?(?P<field>.*)`)?$", re.DOTALL)
_LARGEST = 200_000  # bytes of JSON: the state of an execution ends at 256 KiB, results included
_CHOICES = {"dtype": Dtype, "role": Role, "task": SPOKEN, "mode": Mode, "on_fault": OnFault}
_PLAIN = (str, int, float, bool, type(None))


def read_spec(value: Any) -> ModelSpec:  # noqa: ANN401 - anything that JSON or YAML can say
    """Turn plain values (from JSON or YAML) into a spec that holds together.

    Raises:
        InvalidSpecError: with every rule that is broken, by field.
    """
    try:
        spec = msgspec.convert(value, ModelSpec, strict=True)
    except RecursionError as error:
        raise InvalidSpecError("the spec is nested too deeply") from error
    except msgspec.ValidationError as error:
        match = _AT.match(str(error))
        field = (match and match["field"]) or "spec"
        message = _plainer(field, match["message"] if match else str(error))
        raise InvalidSpecError(
            f"the spec is not valid: {field}: {message}", (Violation(field, message),)
        ) from error
    _check_keepable(value)
    violations = [
        *_accountable(spec),
        *_columns(spec),
        *_target(spec),
        *_task(spec),
        *_servers(spec),
        *search_violations(spec, _steps),
        *monitor_violations(spec.monitor, spec.task),
        *stage_violations(spec.release),
    ]
    if violations:
        first = violations[0]
        raise InvalidSpecError(
            f"the spec is not valid: {first.field}: {first.message}", tuple(violations)
        )
    return spec


def _plainer(field: str, message: str) -> str:
    """What msgspec says about a field, with what it leaves to guess."""
    choices = _CHOICES.get(field.rpartition(".")[2])
    if choices is not None and message.startswith("Invalid enum value"):
        said = message.removeprefix("Invalid enum value").strip()
        return f"{said} is none of {', '.join(sorted(choices))}"
    if message.endswith("got `bool`"):
        return f"{message}; YAML reads yes, no, on and off as text only in quotes"
    if field == "name" and "regex" in message:
        return "is at most 48 lower-case letters, digits and hyphens, the first of them a letter"
    return message


def _check_keepable(value: object) -> None:
    """Refuse what could be read and not be written again: the spec is kept with every training."""
    try:
        size = len(msgspec.json.encode(value))
    except TypeError:
        return  # no plain value, which the rule for parameters tells by its field
    except (UnicodeEncodeError, RecursionError) as error:
        message = "has half a character, or is nested too deeply"
        raise InvalidSpecError(
            f"the spec is not valid: it {message}", (Violation("spec", message),)
        ) from error
    if size > _LARGEST:
        message = f"has {size} bytes as JSON; {_LARGEST} are the most that a training can carry"
        raise InvalidSpecError(
            f"the spec is not valid: it {message}", (Violation("spec", message),)
        )


def _accountable(spec: ModelSpec) -> list[Violation]:
    """Somebody answers for the model, and what it answers can be looked up."""
    found: list[Violation] = []
    if not spec.owner.strip():
        found.append(Violation("owner", "is empty; name who answers for the model"))
    if spec.log.sample == 0:
        found.append(Violation("log.sample", NO_LOG))
    return found


def _columns(spec: ModelSpec) -> list[Violation]:
    found: list[Violation] = []
    seen: set[str] = set()
    for index, column in enumerate(spec.data.columns):
        field = f"data.columns[{index}]"
        if column.name in seen:
            found.append(Violation(field + ".name", f"{column.name} is there twice"))
        seen.add(column.name)
        known = column.role not in (Role.FEATURE, Role.TARGET) or (column.unit or "").strip()
        if not known:
            found.append(
                Violation(field + ".unit", f"{column.name} needs a unit; say '1' where it has none")
            )
        found.extend(_allowed_values(column, field))
    if not spec.features:
        found.append(Violation("data.columns", "there is no column with the role feature"))
    return found


def _allowed_values(column: Column, field: str) -> list[Violation]:
    found: list[Violation] = []
    if column.range is not None:
        low, high = column.range
        if column.dtype not in (Dtype.FLOAT, Dtype.INT):
            found.append(Violation(field + ".range", "only numbers have a range"))
        elif not (math.isfinite(low) and math.isfinite(high) and low <= high):
            found.append(Violation(field + ".range", "is [lowest, highest], both finite"))
    if column.categories is not None:
        kind: type = int if column.dtype is Dtype.INT else str
        if column.dtype not in (Dtype.INT, Dtype.STRING):
            found.append(Violation(field + ".categories", "only text and whole numbers have them"))
        elif not column.categories or len(set(column.categories)) != len(column.categories):
            found.append(Violation(field + ".categories", "is empty or has a value twice"))
        elif not all(type(value) is kind for value in column.categories):
            found.append(Violation(field + ".categories", f"are not all of dtype {column.dtype}"))
        if column.range is not None:
            found.append(Violation(field, "has a range and categories; say one of them"))
    return found


def _target(spec: ModelSpec) -> list[Violation]:
    targets = [c for c in spec.data.columns if c.role is Role.TARGET]
    if [c.name for c in targets] != [spec.data.target]:
        return [
            Violation("data.target", "exactly the column named here has the role target"),
        ]
    target = targets[0]
    if target.nullable:
        return [Violation("data.target", "a target cannot be nullable")]
    if spec.task is Task.REGRESSION and target.dtype not in (Dtype.FLOAT, Dtype.INT):
        return [Violation("data.target", "regression predicts a number")]
    if spec.task is Task.CLASSIFICATION and target.dtype is Dtype.FLOAT:
        return [Violation("data.target", "classification predicts text, whole numbers or bool")]
    return []


def _task(spec: ModelSpec) -> list[Violation]:
    if spec.task not in SPOKEN:
        message = f"{spec.task} is none of {', '.join(SPOKEN)}; `pair` makes a preprocessor"
        return [Violation("task", message)]
    return [*_metric(spec), *_steps(spec)]


def _servers(spec: ModelSpec) -> list[Violation]:
    """What more than one model server, or a server that takes features, cannot do."""
    found: list[Violation] = []
    if spec.serving.second_stage == spec.name:
        found.append(Violation("serving.second_stage", "is this model itself; name a heavier one"))
    if spec.pair is None:
        return found
    if spec.pair.preprocessor == spec.name:
        message = "is the name of the model itself; the preprocessor needs one of its own"
        found.append(Violation("pair.preprocessor", message))
    if spec.serving.second_stage is not None:
        message = "the predictor of a pair takes features, which a second stage does not"
        found.append(Violation("serving.second_stage", message))
    if spec.batch.schedule is not None:
        message = "the halves of a pair predict no files; ask a graph, /v2/graphs/{graph}/jobs"
        found.append(Violation("batch.schedule", message))
    return found


def _metric(spec: ModelSpec) -> list[Violation]:
    known = HIGHER_IS_BETTER[spec.task]
    if spec.metric not in known:
        return [Violation("metric", f"{spec.task} has {', '.join(known)}")]
    bounds = {"minimum": spec.gates.minimum, "maximum": spec.gates.maximum}
    endless = [name for name, v in bounds.items() if v is not None and not math.isfinite(v)]
    if endless:  # nothing is below nan: such a gate would let everything pass
        return [Violation(f"gates.{name}", "is no finite number") for name in endless]
    if higher_is_better(spec.task, spec.metric):
        if spec.gates.maximum is not None:
            return [Violation("gates.maximum", f"more {spec.metric} is better; say a minimum")]
    elif spec.gates.minimum is not None:
        return [Violation("gates.minimum", f"less {spec.metric} is better; say a maximum")]
    return []


def _steps(spec: ModelSpec) -> list[Violation]:
    if imported(spec.estimator.class_path) is not None:
        return check_imported(spec)
    found: list[Violation] = []
    try:
        check_estimator(spec.task, spec.estimator.class_path)
    except RejectedError as error:
        found.extend(error.violations)
    found.extend(_params("estimator.params", spec.estimator.params))
    if spec.preprocessing == "auto":
        return found
    features = {c.name for c in spec.features}
    used: set[str] = set()
    for index, group in enumerate(spec.preprocessing):
        field = f"preprocessing[{index}]"
        for name in group.columns:
            if name not in features:
                found.append(Violation(field + ".columns", f"{name} is no feature"))
            elif name in used:
                found.append(Violation(field + ".columns", f"{name} is in two groups"))
            used.add(name)
        for number, step in enumerate(group.steps):
            try:
                check_transformer(step.class_path, f"{field}.steps[{number}].class")
            except RejectedError as error:
                found.extend(error.violations)
            found.extend(_params(f"{field}.steps[{number}].params", step.params))
            found.extend(_unknown(f"{field}.steps[{number}].params", step))
    found.extend(
        Violation("preprocessing", f"{name} is in no group; a group without steps passes it on")
        for name in sorted(features - used)
    )
    return found


def _unknown(field: str, step: Step) -> list[Violation]:
    """Encoders that fail on what they were not trained on: a caller's new word would be our 5xx."""
    tolerant = TOLERANT.get(step.class_path)
    if tolerant is None or step.params.get("handle_unknown", "error") != "error":
        return []
    message = f"say {tolerant}: a value that training has not seen must not fail"
    return [Violation(f"{field}.handle_unknown", message)]


def _params(field: str, params: dict[str, Any]) -> list[Violation]:
    found = [
        Violation(f"{field}.{name}", "is not a plain value or a list of them")
        for name, value in params.items()
        if not _is_plain(value)
    ]
    return found + [
        Violation(f"{field}.{name}", f"is at most {MOST[name]}")
        for name in MOST.keys() & params.keys()
        if _largest(params[name]) > MOST[name]
    ]


def _largest(value: object) -> float:
    """The largest number in a value or a list of them; nothing where there is none."""
    items = value if isinstance(value, list) else [value]
    return max((v for v in items if isinstance(v, int | float)), default=0)


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_plain(v) for k, v in value.items())
    return isinstance(value, _PLAIN)
