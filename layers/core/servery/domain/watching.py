"""What the watch over a model finds at a look, and what it remembers until the next one."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What can be wrong with a model in service.

    input_drift: a feature is not spread as in the training. prediction_drift: nor are the
    answers, as on the held-out rows. class_absent: a class is not answered any more.
    class_frequent: a rare one is answered often. too_few, too_many: requests. repeated: the same
    input over and over. latency, errors: as callers see them. accuracy: by labels. no_data: what
    the others are judged by does not come.
    """

    INPUT_DRIFT = "input_drift"
    PREDICTION_DRIFT = "prediction_drift"
    CLASS_ABSENT = "class_absent"
    CLASS_FREQUENT = "class_frequent"
    TOO_FEW = "too_few"
    TOO_MANY = "too_many"
    REPEATED = "repeated"
    LATENCY = "latency"
    ERRORS = "errors"
    ACCURACY = "accuracy"
    NO_DATA = "no_data"


class Severity(StrEnum):
    """How much it matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlarmState(StrEnum):
    """What has become of an alarm at a look.

    opened: it is new. reminded: it is still so, and the cool-down is over. closed: it is clear.
    """

    OPENED = "opened"
    REMINDED = "reminded"
    CLOSED = "closed"


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Finding(_Record, frozen=True, kw_only=True):
    """One thing that is wrong.

    Attributes:
        kind: What.
        subject: Which feature, class, target, sort of failure or data; empty for the model whole.
        severity: How much it matters.
        said: One sentence with the figures.
        value: The figure.
        bound: What the figure may be.
        p: Probability that chance alone brings the figure as far; None where chance has no part.
        samples: Requests that the figure is of.
    """

    kind: Kind
    subject: str
    severity: Severity
    said: str
    value: float
    bound: float
    p: float | None = None
    samples: int = 0


class Bar(_Record, frozen=True, kw_only=True):
    """One bar of a pair of histograms.

    Attributes:
        label: The category, or the part of the numbers: `(4.9, 5.1]`.
        baseline: Share of the training rows in it.
        window: Share of the requests in it.
    """

    label: str
    baseline: float
    window: float


class Measure(_Record, frozen=True, kw_only=True):
    """One figure of a look, wrong or not, for tables and charts.

    Attributes:
        kind: What it is measured for.
        subject: As in findings.
        name: psi, ks, chi_square, nulls, share, per_hour, repeat_share, p95_ms, error_share,
            accuracy, rmse, lines or labels.
        value: The figure; None where there is too little for one.
        bound: What it may be; None where nothing is said about it.
        p: As in findings.
        samples: Requests that it is of.
        hours: Length of the window that it is of.
        found: Whether it is a finding.
        bars: Baseline beside window, where there are both (psi and chi_square).
    """

    kind: Kind
    subject: str
    name: str
    value: float | None
    bound: float | None = None
    p: float | None = None
    samples: int = 0
    hours: float = 0.0
    found: bool = False
    bars: list[Bar] = []


class Alarm(_Record, frozen=True, kw_only=True):
    """An alarm of which somebody is to be told now.

    Attributes:
        state: What has become of it.
        finding: As it is; as it was last, where it is closed.
        since: When it was opened, ISO 8601, UTC.
    """

    state: AlarmState
    finding: Finding
    since: str


class Look(_Record, frozen=True, kw_only=True):
    """One look at one model.

    Attributes:
        model: Name of the model.
        version: The champion's, which was judged.
        at: When the look was, ISO 8601, UTC.
        since: Begin of the longest window that was looked at.
        until: End of all of them.
        requests: Sampled requests of the version in it.
        labelled: Of those that it answered, how many have a label.
        chance: Probability of a false alarm that this look was allowed.
        findings: All that is wrong, the worst first.
        measures: All figures.
        alarms: Those of which somebody is to be told now.
        notes: What could not be looked at, and why; a sentence each.
    """

    model: str
    version: str
    at: str
    since: str
    until: str
    requests: int
    labelled: int = 0
    chance: float = 0.0
    findings: list[Finding] = []
    measures: list[Measure] = []
    alarms: list[Alarm] = []
    notes: list[str] = []


class OpenAlarm(_Record, frozen=True, kw_only=True):
    """An alarm that is not clear yet.

    Attributes:
        finding: As it was last.
        version: Of the model.
        since: When it was opened, ISO 8601, UTC.
        told: When somebody was told of it last.
    """

    finding: Finding
    version: str
    since: str
    told: str


class HourCounts(_Record, frozen=True, kw_only=True):
    """Requests in each of the last hours, from which the usual rate is learned.

    Attributes:
        first: The first of the hours, `2026-03-01T12`.
        counts: One for each hour without a gap, by the whole of the traffic, not the sample.
    """

    first: str = ""
    counts: list[int] = []


class WatchState(_Record, frozen=True, kw_only=True):
    """What is remembered of a model from look to look.

    Attributes:
        model: Name of the model.
        version: The one that was judged last.
        looked: When the last look was; empty before the first.
        tested: Until when the allowed chance is spent: the last look that tested something.
        looks: How many there were.
        open: Alarms that are not clear, by `kind:subject`.
        told: By the same, when somebody was told last; kept through the cool-down.
        cleared: By the same, from when on requests count, an earlier alarm being clear.
        hours: Requests by the hour.
        labelled: When the last label was told that is known.
    """

    model: str
    version: str = ""
    looked: str = ""
    tested: str = ""
    looks: int = 0
    open: dict[str, OpenAlarm] = {}
    told: dict[str, str] = {}
    cleared: dict[str, str] = {}
    hours: HourCounts = HourCounts()
    labelled: str = ""


def identity(finding: Finding) -> str:
    """What tells alarms apart: `kind:subject`."""
    return f"{finding.kind.value}:{finding.subject}"
