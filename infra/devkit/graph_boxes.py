"""The boxes of a graph's picture, in words; where they lie is said by `graph_layout`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from servery.domain.graph_records import entry_of
from servery.domain.graphs import REQUEST, Aggregator, OnFailure, Slow, kind_of, references

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from servery.domain.entities import Lookup
    from servery.domain.graph_records import GraphRecord
    from servery.domain.graphs import Group, Member, Predicate, Step

ANSWER = "answer"
_NAMED = 2


@dataclass(frozen=True)
class Box:
    """A step, a member of a group, the request or the answer.

    Attributes:
        name: As references name it; what stands at the top.
        kind: request, answer, or what a step is.
        does: What it is: the model, what is looked up, how a group becomes one.
        takes: What flows into it, a line for each source.
        rules: When it runs and what its failure does.
        members: The boxes inside, side by side.
    """

    name: str
    kind: str
    does: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    members: tuple[Box, ...] = ()

    @property
    def lines(self) -> list[str]:
        """Everything under the title, the boxes inside apart."""
        return [*self.does, *self.takes, *self.rules]


def request_box(record: GraphRecord) -> Box:
    """The request with its columns, those of one unit together."""
    columns = sorted(record.request, key=lambda column: column.unit)
    lines = [
        ", ".join(column.name for column in alike) + ("" if unit == "1" else f" ({unit})")
        for unit, alike in groupby(columns, lambda column: column.unit)
    ]
    return Box(REQUEST, "request", tuple(lines or _named(record)))


def _named(record: GraphRecord) -> list[str]:
    """Of a graph that is not registered: the columns that it names."""
    refs = [ref.partition(".") for step in record.spec.steps for ref in references(step)]
    found = dict.fromkeys(path for source, _, path in refs if source == REQUEST)
    return [", ".join(found)] if found else []


def answer_box(record: GraphRecord) -> Box:
    """The answer, and which step gives it."""
    return Box(ANSWER, "answer", (", else ".join(record.spec.outputs),))


def step_box(record: GraphRecord, step: Step) -> Box:
    """One step."""
    inputs = inputs_of(record, step)
    return Box(
        step.name,
        kind_of(step) or "model",
        does=_does(step),
        takes=(*_takes(inputs), *_features(step)),
        rules=tuple(_rules(step)),
        members=tuple(_member(member) for member in step.group.members) if step.group else (),
    )


def inputs_of(record: GraphRecord, step: Step) -> dict[str, str]:
    """Input to reference of a step, or of all members of a group.

    What the registration found out comes first, since the declaration leaves out the columns of
    the request; of a graph that is not registered there is the declaration alone.
    """
    if kind_of(step) == "lookup" and step.lookup is not None:
        return {"key": step.lookup.key}
    parts: list[Step | Member] = list(step.group.members) if step.group else [step]
    found = {"key": step.lookup.key} if step.lookup is not None else {}
    for part in parts:
        checked = record.checked.get(entry_of(part))
        said = checked.inputs if checked and checked.inputs else part.inputs
        # Under the reference itself where two members give one input different names.
        found |= {(name if found.get(name, ref) == ref else ref): ref for name, ref in said.items()}
    return found


def when(predicate: Predicate) -> str:
    """A predicate as a sentence: `if cultivar.class is cultivar_1`."""
    said = []
    if predicate.equals is not None:
        said.append(f"is {_value(predicate.equals)}")
    if predicate.among is not None:
        said.append(f"is one of {', '.join(map(_value, predicate.among))}")
    if predicate.above is not None:
        said.append(f"> {predicate.above:g}")
    if predicate.below is not None:
        said.append(f"< {predicate.below:g}")
    return f"if {predicate.of} {' and '.join(said)}"


def _does(step: Step) -> tuple[str, ...]:
    model = _model(step.model or "", step.version)
    match kind_of(step):
        case "lookup" if step.lookup is not None:
            return (f"look up {step.lookup.entity}", _columns(step.lookup))
        case "group" if step.group is not None:
            return tuple(_aggregate(step.group))
        case "preprocessor":
            return (f"prepare by {step.preprocessor}",)
        case "pair":
            return (f"prepare by {step.preprocessor}", f"→ {model}")
        case "looking_up" if step.lookup is not None:
            return (model, f"looks up {step.lookup.entity} itself", _columns(step.lookup))
    return (model,)


def _columns(lookup: Lookup) -> str:
    names = [column.name for column in lookup.columns]
    return ", ".join(names) if len(names) <= _NAMED + 1 else f"{len(names)} columns"


def _features(step: Step) -> list[str]:
    return [f"← {step.features}: features"] if step.features is not None else []


def _member(member: Member) -> Box:
    rules = [f"as {member.label}"] if member.label not in ("", member.name) else []
    rules += [f"weight {member.weight:g}"] if member.weight != 1 else []
    rules += [f"within {_time(member.deadline_ms)}"] if member.deadline_ms else []
    if member.then is not None:
        rules.append(f"then {member.then.graph}, in jobs")
        rules += [when(member.then.when)] if member.then.when is not None else []
    model = _model(member.model, member.version)
    return Box(member.name, "model", (model,), rules=tuple(rules))


def _model(name: str, version: str) -> str:
    return f"{name} {version}" if version else name


def _aggregate(group: Group) -> list[str]:
    scores = list(dict.fromkeys(m.score for m in group.members if m.score))
    of = f" of {scores[0] if len(scores) == 1 else 'scores'}" if group.aggregate.scored else ""
    agreed, many = group.aggregate is Aggregator.QUORUM, len(group.members)
    lines = [f"{group.named or group.aggregate}{of}"]
    if group.quorum is not None:
        lines.append(f"{group.quorum} of {many} {'agree' if agreed else 'are enough'}")
    if group.slow is Slow.GO_ON and group.wait_ms is not None:
        lines.append(f"goes on after {_time(group.wait_ms)}")
    return lines


def _takes(inputs: Mapping[str, str]) -> Iterable[str]:
    """A line for each source; of many values their number."""
    sources: dict[str, list[str]] = {}
    for name, ref in inputs.items():
        source, _, path = ref.partition(".")
        renamed = source != REQUEST and name not in (path, ref, "key")
        sources.setdefault(source, []).append(f"{path} as {name}" if renamed else path)
    for source, paths in sources.items():
        each = list(dict.fromkeys(paths))
        few = len(each) <= _NAMED
        said = (
            ", ".join(each)
            if few
            else f"{len(each)} " + ("columns" if source == REQUEST else "values")
        )
        yield f"← {source}: {said}"


def _rules(step: Step) -> Iterable[str]:
    if step.when is not None:
        yield when(step.when)
    if step.deadline_ms is not None:
        yield f"within {_time(step.deadline_ms)}"
    if step.on_failure is OnFailure.STOP:
        yield "if it fails: stop"
    elif step.on_failure is OnFailure.DEFAULT:
        default = ", ".join(f"{n} {_value(v)}" for n, v in (step.default or {}).items())
        yield f"if it fails: {default or 'default'}"


def _time(milliseconds: int) -> str:
    return f"{milliseconds / 1000:g} s" if milliseconds >= 1000 else f"{milliseconds} ms"  # noqa: PLR2004


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
