"""What is kept of the watch over a model: its memory, its looks, and what is still to be told."""

from __future__ import annotations

import msgspec

from servery.domain.watching import (
    Alarm,
    AlarmState,
    Finding,
    Kind,
    Look,
    Severity,
    WatchState,
)

MOST_OPEN = 150
"""Alarms of a model that are remembered as open; of more than that nobody reads any."""
MOST_REMEMBERED = 300
"""Entries of the other parts of the memory, the newest ones."""
MOST_TOLD = 100
"""Alarms that are told of one look; the mildest are left out, and counted."""
MOST_WAITING = 200
"""Alarms that wait to be told, over all looks; the oldest are given up."""
MOST_FINDINGS = 50
"""Findings in the record of a look; all of them are in its report."""

_RANK = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Notice(_Record, frozen=True, kw_only=True):
    """That an alarm was opened, is still open, or is closed.

    Attributes:
        id: The same however often it is told.
        state: What has become of it.
        model: Name of the model.
        version: The version that was judged.
        kind: What is wrong.
        subject: Of which feature, class or sort of failure; empty for the model whole.
        severity: How much it matters.
        said: One sentence with the figures.
        at: When the look was, ISO 8601, UTC.
        since: When the alarm was opened.
        value: The figure.
        bound: What it may be.
        playbook: What to do about it: an address, or a path in the repository.
    """

    id: str
    state: AlarmState
    model: str
    version: str
    kind: Kind
    subject: str
    severity: Severity
    said: str
    at: str
    since: str
    value: float
    bound: float
    playbook: str


class Telling(_Record, frozen=True, kw_only=True):
    """What one look has to tell, until everybody was told.

    Attributes:
        look: Id of the look.
        model: Name of the model.
        notices: The alarms, the worst first; never empty.
        more: Alarms beyond `MOST_TOLD`.
        told: Who was told.
    """

    look: str
    model: str
    notices: list[Notice]
    more: int = 0
    told: list[str] = []

    @property
    def severity(self) -> Severity:
        """The worst of what has not got better; `info` where everything has."""
        worse = [n.severity for n in self.notices if n.state is not AlarmState.CLOSED]
        return min(worse, key=lambda each: _RANK[each], default=Severity.INFO)


class LookRecord(_Record, frozen=True, kw_only=True):
    """A look without its figures, which are in its report.

    Attributes:
        id: Sorts by time.
        model: Name of the model.
        version: The version that was judged.
        at: When it was, ISO 8601, UTC.
        since: Begin of the longest window.
        until: End of it.
        requests: Sampled requests in it.
        labelled: Of them, those with a label.
        severity: The worst of its findings; empty for none.
        findings: The worst of them.
        found: How many there are.
        opened: Alarms that it opened.
        closed: Alarms that it closed.
        notes: What could not be looked at, and why.
        report: Key of its page in the lake, without the ending: `.html`, and `.json` for all of
            its figures; empty where it could not be written.
        seconds: What it took.
    """

    id: str
    model: str
    version: str
    at: str
    since: str
    until: str
    requests: int
    labelled: int = 0
    severity: str = ""
    findings: list[Finding] = []
    found: int = 0
    opened: int = 0
    closed: int = 0
    notes: list[str] = []
    report: str = ""
    seconds: float = 0.0


class LookFailure(_Record, frozen=True, kw_only=True):
    """Why a look came to nothing.

    Attributes:
        look: Its id.
        at: When, ISO 8601, UTC.
        said: One sentence.
        times: How often in a row.
    """

    look: str
    at: str
    said: str
    times: int = 1


class WatchRecord(_Record, frozen=True, kw_only=True):
    """What is kept of the watch over a model.

    Attributes:
        model: Name of the model.
        revision: Raised by every write; a writer that has read an older one loses.
        state: What the next look has to know.
        tried: When a look was begun last, ISO 8601, UTC; empty before the first.
        last: The last look that came to an end.
        failure: Why the last one did not; None where it did.
        outbox: What is still to be told.
        given_up: Alarms that were never told, because too many waited.
    """

    model: str
    revision: int = 0
    state: WatchState
    tried: str = ""
    last: LookRecord | None = None
    failure: LookFailure | None = None
    outbox: list[Telling] = []
    given_up: int = 0


def new_watch(model: str) -> WatchRecord:
    """The record of a model that nobody has looked at."""
    return WatchRecord(model=model, state=WatchState(model=model))


def look_record(look: Look, *, identity: str, report: str, seconds: float) -> LookRecord:
    """The record of a look."""
    states = [alarm.state for alarm in look.alarms]
    return LookRecord(
        id=identity,
        model=look.model,
        version=look.version,
        at=look.at,
        since=look.since,
        until=look.until,
        requests=look.requests,
        labelled=look.labelled,
        severity=worst(look.findings),
        findings=look.findings[:MOST_FINDINGS],
        found=len(look.findings),
        opened=states.count(AlarmState.OPENED),
        closed=states.count(AlarmState.CLOSED),
        notes=look.notes[:MOST_FINDINGS],
        report=report,
        seconds=round(seconds, 3),
    )


def telling(look: Look, *, identity: str, playbooks: str) -> Telling | None:
    """What a look has to tell; None for nothing.

    Args:
        look: The look.
        identity: Its id, which those of its notices begin with.
        playbooks: Where the playbooks are: an address or a folder, without a slash at the end.
    """
    alarms = sorted(look.alarms, key=_order)
    if not alarms:
        return None
    notices = [
        _notice(look, alarm, f"{identity}-{number}", playbooks)
        for number, alarm in enumerate(alarms[:MOST_TOLD])
    ]
    more = len(alarms) - len(notices)
    return Telling(look=identity, model=look.model, notices=notices, more=more)


def playbook_of(kind: Kind, playbooks: str) -> str:
    """Where it is said what to do about a kind of alarm."""
    return f"{playbooks}/{kind.value.replace('_', '-')}.md"


def worst(findings: list[Finding]) -> str:
    """The worst severity of some findings; empty for none."""
    ranked = sorted((finding.severity for finding in findings), key=lambda each: _RANK[each])
    return ranked[0].value if ranked else ""


def rank(severity: Severity) -> int:
    """Sorts the worst first."""
    return _RANK[severity]


def bounded(record: WatchRecord) -> WatchRecord:
    """The record with no more in it than one item of the table holds.

    Of the open alarms the worst stay, and of those the oldest; what is forgotten is found again
    by the next look, and told again once its cool-down is over.
    """
    state = record.state
    kept = sorted(state.open.items(), key=lambda o: (_RANK[o[1].finding.severity], o[1].since))
    outbox = list(record.outbox)
    given_up = record.given_up
    while sum(len(waiting.notices) for waiting in outbox) > MOST_WAITING:
        given_up += len(outbox.pop(0).notices)
    return msgspec.structs.replace(
        record,
        outbox=outbox,
        given_up=given_up,
        state=msgspec.structs.replace(
            state,
            open=dict(kept[:MOST_OPEN]),
            told=_newest(state.told),
            cleared=_newest(state.cleared),
        ),
    )


def _newest(times: dict[str, str]) -> dict[str, str]:
    return dict(sorted(times.items(), key=lambda each: each[1])[-MOST_REMEMBERED:])


def _order(alarm: Alarm) -> tuple[bool, int, str, str]:
    closed = alarm.state is AlarmState.CLOSED
    finding = alarm.finding
    return (closed, _RANK[finding.severity], finding.kind.value, finding.subject)


def _notice(look: Look, alarm: Alarm, identity: str, playbooks: str) -> Notice:
    finding = alarm.finding
    return Notice(
        id=identity,
        state=alarm.state,
        model=look.model,
        version=look.version,
        kind=finding.kind,
        subject=finding.subject,
        severity=finding.severity,
        said=finding.said,
        at=look.at,
        since=alarm.since,
        value=finding.value,
        bound=finding.bound,
        playbook=playbook_of(finding.kind, playbooks),
    )
