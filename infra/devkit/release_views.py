"""A release as people see it: what is behind it, where it stands, what is still to come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from devkit.screen import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DONE, NOW, AHEAD, FAILED, WAITING = "done", "now", "ahead", "failed", "waiting"
OPEN = ("running", "waiting")

_STAGES = ("shadow", "canary")
_HIDDEN = ("judge", "expire")  # what they say stands with a stage, and with the question
_ASKED = "ask"
_ENDINGS = ("roll_back", "abort")
_MARKS = {
    DONE: ("✓", "green"),
    NOW: ("●", "cyan"),
    AHEAD: ("·", "dim"),
    FAILED: ("✗", "bold red"),
    WAITING: ("?", "yellow"),
}
_WORDS = {
    "running": "is under way",
    "waiting": "waits for a person",
    "succeeded": "is over: {released_as} is champion",
    "refused": "was refused",
    "rolled_back": "was rolled back",
    "aborted": "was stopped",
    "failed": "has failed",
}


@dataclass(frozen=True)
class Line:
    """One step or stage.

    Attributes:
        title: What it is, `canary 25 %`.
        state: done, now, ahead, failed or waiting.
        detail: What came of it.
        seconds: How long it took, or has been going on; None where it has not begun.
        planned: Seconds that it is to take; None where nobody said.
    """

    title: str
    state: str
    detail: str = ""
    seconds: float | None = None
    planned: float | None = None

    @property
    def took(self) -> str:
        """The time, as people read it."""
        if self.seconds is None:
            return "" if self.planned is None else f"{self.planned:g} s"
        whole = f"{self.seconds:.1f}" if self.seconds < 10 else f"{self.seconds:.0f}"  # noqa: PLR2004
        if self.state == NOW and self.planned is not None:
            return f"{whole} of {self.planned:g} s"
        return f"{whole} s"


def planned(rules: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The stages that the section `release` of a spec asks for, in their order."""
    shadow = rules.get("shadow")
    first = [] if shadow is None else [{"share": 1.0, "seconds": 300, **shadow, "stage": "shadow"}]
    steps = [{"seconds": 300, **step, "stage": "canary"} for step in rules.get("canary") or ()]
    return [*first, *steps]


def lines(
    record: Mapping[str, Any], plan: Sequence[Mapping[str, Any]], now: datetime
) -> list[Line]:
    """Everything of a release, a line each.

    Args:
        record: Of the release.
        plan: Its stages, as `planned` gives them; those that there were are known without.
        now: The time.
    """
    found, stage, before = [], 0, record["started"]
    for step in record.get("steps", []):
        if step["name"] in _STAGES:
            found.append(_stage(record, plan, stage, step, now))
            stage += 1
        elif step["name"] not in _HIDDEN:
            found.append(_step(record, step, before, now))
        before = step["at"]
    if record["state"] not in OPEN:
        return found
    return [*found, *_ahead(record, plan[stage:])]


def headline(record: Mapping[str, Any]) -> str:
    """What is released, and how far that is, in one line."""
    version = record.get("released_as") or record.get("version") or "the newest version"
    said = _WORDS.get(record["state"], record["state"]).format_map(
        {"released_as": record.get("released_as") or "it"}
    )
    kind = "" if record["kind"] == "release" else f" ({record['kind']})"
    return f"Release {record['id']}{kind} of {record['model']} {version} {said}"


def reasons(record: Mapping[str, Any]) -> list[str]:
    """Why it was started, and why it did not become champion; what there is of it."""
    because = record.get("because")
    origin = record.get("origin", "command")
    started = f"Started by {'an' if origin == 'alarm' else 'a'} {origin}: {because}"
    return [*([started] if because else []), *filter(None, [record.get("reason", "")])]


def table_of(rows: Sequence[Line]) -> Table:
    """The lines as a table, for a terminal."""
    made = Table.grid(padding=(0, 2, 0, 0))
    for justify in ("left", "left", "left", "right"):
        made.add_column(justify=justify, overflow="fold")
    for row in rows:
        mark, style = _MARKS[row.state]
        dim = "dim" if row.state == AHEAD else ""
        made.add_row(
            Text(mark, style=style),
            Text(row.title, style=dim),
            Text(row.detail, style="red" if row.state == FAILED else "dim"),
            Text(row.took, style="cyan"),
        )
    return made


def plain(row: Line) -> str:
    """A line without colours, for logs."""
    took = f" ({row.took})" if row.took else ""
    detail = f"  {row.detail}" if row.detail else ""
    return f"{_MARKS[row.state][0]} {row.title:<14} {row.state}{took}{detail}"


def releases_table(records: Iterable[Mapping[str, Any]]) -> Table:
    """One line for each release."""
    rows = [
        [
            record["id"],
            record["kind"],
            record["state"],
            record.get("origin", "command"),
            record.get("released_as") or record.get("version", ""),
            record.get("reason", ""),
        ]
        for record in records
    ]
    return table(["release", "kind", "state", "by", "version", "why not"], rows)


def _step(record: Mapping[str, Any], step: Mapping[str, Any], before: str, now: datetime) -> Line:
    """A step that is no stage: it stands in the record when it is done."""
    if step["name"] == _ASKED and record.get("approval"):
        return _asked(record["approval"], now)
    refused = step["name"] == "gate" and _refused(record)
    detail = step.get("detail", "")
    return Line(
        title=str(step["name"]).replace("_", " "),
        state=FAILED if refused or step["name"] in _ENDINGS else DONE,
        detail="" if detail == record.get("reason") else detail,  # that is the last word anyway
        seconds=_between(before, step["at"], now),
    )


def _asked(approval: Mapping[str, Any], now: datetime) -> Line:
    """That a person was asked, and what that person said."""
    decision, comment = approval.get("decision"), approval.get("comment")
    states = {None: WAITING, "approved": DONE}
    said = "; ".join(approval["why"]) if decision is None else decision
    return Line(
        title="approval",
        state=states.get(decision, FAILED),
        detail=f"{said}: {comment}" if comment else said,
        seconds=_between(approval["asked"], approval.get("answered", ""), now),
    )


def _stage(
    record: Mapping[str, Any],
    plan: Sequence[Mapping[str, Any]],
    number: int,
    step: Mapping[str, Any],
    now: datetime,
) -> Line:
    """A stage that has begun."""
    judgements = record.get("judgements", [])
    planned_for = plan[number]["seconds"] if number < len(plan) else None
    if number >= len(judgements):
        share = plan[number]["share"] if number < len(plan) else None
        over = record["state"] not in OPEN
        end = record.get("finished", "") if over else ""
        return Line(
            title=_title(step["name"], share),
            state=FAILED if over else NOW,
            detail="not judged" if over else _seen(record),
            seconds=_between(step["at"], end, now),
            planned=planned_for,
        )
    kept = judgements[number]
    judgement = kept["judgement"]
    return Line(
        title=_title(kept["stage"], kept["share"]),
        state=DONE if judgement["verdict"] == "pass" else FAILED,
        detail=judgement["said"],
        seconds=_between(step["at"], kept["at"], now),
        planned=planned_for,
    )


def _seen(record: Mapping[str, Any]) -> str:
    """What the last look at the stage saw; nothing before the first."""
    seen = record.get("seen")
    return f"so far: {seen['judgement']['said']}" if seen else ""


def _ahead(record: Mapping[str, Any], plan: Sequence[Mapping[str, Any]]) -> list[Line]:
    if record["kind"] != "release":
        return []
    stages = [
        Line(title=_title(each["stage"], each["share"]), state=AHEAD, planned=each["seconds"])
        for each in plan
    ]
    return [*stages, Line(title="champion", state=AHEAD)]


def _refused(record: Mapping[str, Any]) -> bool:
    return any(finding["verdict"] == "refused" for finding in record.get("findings", []))


def _title(stage: str, share: float | None) -> str:
    return stage if share is None else f"{stage} {100 * share:g} %"


def _between(start: str, end: str, now: datetime) -> float:
    begun = datetime.fromisoformat(start)
    over = datetime.fromisoformat(end) if end else now.astimezone(UTC)
    return max(0.0, (over - begun).total_seconds())
