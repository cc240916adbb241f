"""Policies of a deployment: what stands between a request and the model, changed without a deploy.

They are part of the deployment record, so a change of them is a new revision of it, is checked
as a whole before it is stored, and is in force wherever the record is read, within seconds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from servery.domain.names import ModelName

Share = Annotated[float, Meta(ge=0, le=1)]
Label = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}$(?!\n)")]
HeaderName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,63}$(?!\n)")]
Clock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)|^24:00$(?!\n)")]
VersionName = Annotated[str, Meta(min_length=1, max_length=100)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Day(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class CachePolicy(_Part, frozen=True, kw_only=True):
    """What a repeat is answered from. Of a preprocessor it is the features that are kept.

    The key of a row is its canonical inputs, and the digests of model and manifest, so a
    release never meets what another version has answered.

    Attributes:
        seconds: How long an answer is kept.
        max_entries: How many rows of the model are kept at the most: a row has one place out
            of so many, and takes it from whoever was there.
        most_rows: Rows of a request above which it goes past the cache.
        hot_kb: Bytes of the tier in each process, in kB; 0 for none.
        hot_seconds: How long that tier keeps a row.
        single_flight_ms: How long a request waits for an equal one that is being answered; 0
            for not at all.
        generation: Raised by one to forget everything; where it is left out, as it is.
    """

    seconds: Annotated[int, Meta(ge=1, le=30 * 86_400)] = 3600
    max_entries: Annotated[int, Meta(ge=1, le=100_000_000)] = 100_000
    most_rows: Annotated[int, Meta(ge=1, le=1000)] = 200
    hot_kb: Annotated[int, Meta(ge=0, le=65_536)] = 4096
    hot_seconds: Annotated[float, Meta(ge=0, le=3600)] = 5.0
    single_flight_ms: Annotated[int, Meta(ge=0, le=10_000)] = 500
    generation: Annotated[int, Meta(ge=0)] = 0


class FallbackKind(StrEnum):
    """What a request that may not reach the model is given.

    refuse: 503 with Retry-After. default: a fixed answer for each row. last_known: the last
    answer that the key of the row's entity was given, by whichever version. cached: what the
    cache has, refused where it lacks a row. light: the answer of another, lighter model.
    queue: 202 and a job.
    """

    REFUSE = "refuse"
    DEFAULT = "default"
    LAST_KNOWN = "last_known"
    CACHED = "cached"
    LIGHT = "light"
    QUEUE = "queue"


class Fallback(_Part, frozen=True, kw_only=True):
    """Instead of the model's answer; always marked as degraded.

    Attributes:
        kind: Which.
        retry_after_s: When trying again makes sense (refuse).
        default: What a row is answered, as the model would (default).
        model: The lighter model (light).
    """

    kind: FallbackKind = FallbackKind.REFUSE
    retry_after_s: Annotated[int, Meta(ge=1, le=3600)] = 1
    default: dict[str, Any] | None = None
    model: ModelName | None = None


class RateLimit(_Part, frozen=True, kw_only=True):
    """A token bucket that all processes share.

    Attributes:
        per_second: Requests.
        burst: Requests that may come at once after a pause.
    """

    per_second: Annotated[float, Meta(gt=0, le=100_000)]
    burst: Annotated[int, Meta(ge=1, le=100_000)] = 1


class ConcurrencyLimit(_Part, frozen=True, kw_only=True):
    """How many requests are with the model server at the same time, over all processes.

    Attributes:
        at_once: How many.
        wait_ms: How long a request waits for a place before it is refused.
    """

    at_once: Annotated[int, Meta(ge=1, le=1000)]
    wait_ms: Annotated[int, Meta(ge=0, le=5000)] = 50


class BreakerPolicy(_Part, frozen=True, kw_only=True):
    """Stops asking a model server that keeps failing; tries it again after a while.

    Attributes:
        failures: Failures in a row that open it.
        open_s: Seconds until one request is let through.
        successes: Successes in a row that close it again.
    """

    failures: Annotated[int, Meta(ge=1, le=1000)] = 5
    open_s: Annotated[int, Meta(ge=1, le=3600)] = 30
    successes: Annotated[int, Meta(ge=1, le=100)] = 2


class CircuitPolicy(_Part, frozen=True, kw_only=True):
    """Refuses what the model server cannot take, before it gets there.

    Attributes:
        rate: Requests per second.
        concurrency: Requests at a time.
        breaker: What repeated failures do.
        fallback: What a refused request is given.
    """

    rate: RateLimit | None = None
    concurrency: ConcurrencyLimit | None = None
    breaker: BreakerPolicy | None = None
    fallback: Fallback = msgspec.field(default_factory=Fallback)


class Hours(_Part, frozen=True, kw_only=True):
    """A part of the week, in the zone of the routing.

    Attributes:
        days: Which days; all where left out.
        start: The first minute, `08:00`.
        end: The minute after the last one, `18:00`; before `start` it is on the next day.
    """

    days: list[Day] = []
    start: Clock = "00:00"
    end: Clock = "24:00"


class Match(_Part, frozen=True, kw_only=True):
    """A value that says who or where: of a header, or of a column that all rows agree on.

    Attributes:
        header: Name of the header, in lower case.
        column: Name of the column.
        among: Its values.
        above: A number above this one.
        at_most: A number that is not above this one.
    """

    header: HeaderName | None = None
    column: str | None = None
    among: list[str | int | float | bool] | None = None
    above: float | None = None
    at_most: float | None = None


class Branch(_Part, frozen=True, kw_only=True):
    """A version for the requests of which all conditions hold.

    Attributes:
        name: What answers and logs name it by.
        version: Who answers; it has to be served.
        hours: When.
        match: For whom, or where.
    """

    name: Label
    version: VersionName
    hours: Hours | None = None
    match: list[Match] = []


class Threshold(_Part, frozen=True, kw_only=True):
    """The probability from which a class is answered, in place of the most probable one.

    Attributes:
        positive: The class.
        at: Its lowest probability.
        otherwise: The class below it.
    """

    positive: str | int | bool
    at: Share
    otherwise: str | int | bool


class Shadow(_Part, frozen=True, kw_only=True):
    """A version that is asked too, later, and never answers.

    Attributes:
        version: Which; it has to be served.
        share: Of the requests.
    """

    version: VersionName
    share: Share = 1.0


class Variant(_Part, frozen=True, kw_only=True):
    """One arm of an experiment.

    Attributes:
        name: What answers and logs name it by.
        version: Who answers; it has to be served.
        weight: Share of the keys; those of all variants together make the whole.
    """

    name: Label
    version: VersionName
    weight: Annotated[float, Meta(ge=0)]


class Segment(_Part, frozen=True, kw_only=True):
    """A part of the circle [0, 1) on which keys lie, and whose it is.

    Attributes:
        start: Where it begins; it ends where the next one begins.
        variant: Name of the variant.
    """

    start: Annotated[float, Meta(ge=0, lt=1)]
    variant: Label


class Experiment(_Part, frozen=True, kw_only=True):
    """An online test of versions: a key always gets the same one.

    Attributes:
        name: What logs and reports name it by; other names shuffle the keys anew.
        header: Header that has the key, or
        column: the column that has it (all rows of a request agree). A request without a key
            is answered by the champion and takes no part.
        variants: Two or more.
        segments: Whose each part of the circle is; worked out when weights change, so that no
            more than what has to move does. Nobody sets it by hand.
    """

    name: Label
    header: HeaderName | None = None
    column: str | None = None
    variants: Annotated[list[Variant], Meta(min_length=2, max_length=10)]
    segments: list[Segment] = []


class RoutingPolicy(_Part, frozen=True, kw_only=True):
    """Who answers, by what the request says and when it comes.

    Attributes:
        active: The kill switch: where it is off nobody is asked, and `off` answers.
        off: What requests are given meanwhile.
        version: Who answers in place of the champion; empty for the champion.
        threshold: When which class is answered.
        zone: Time zone of the hours, `Europe/Paris`.
        branches: The first that fits; two that could fit the same request are refused.
        experiment: The online test; for what no branch takes.
        shadow: Who is compared.
    """

    active: bool = True
    off: Fallback = msgspec.field(default_factory=Fallback)
    version: str = ""
    threshold: Threshold | None = None
    zone: str = "UTC"
    branches: Annotated[list[Branch], Meta(max_length=20)] = []
    experiment: Experiment | None = None
    shadow: Shadow | None = None


class OnlineBudget(_Part, frozen=True, kw_only=True):
    """What a version may cost to take synchronous traffic; others are for jobs and batches.

    Attributes:
        p99_ms: Measured p99 of one row in the chosen runtime, milliseconds.
        size_mb: Size of the model file, in MB (10**6 bytes).
    """

    p99_ms: Annotated[float, Meta(gt=0)] = 1000.0
    size_mb: Annotated[float, Meta(gt=0)] = 500.0


class Policies(_Part, frozen=True, kw_only=True):
    """All policies of a deployment.

    Attributes:
        deadline_ms: How long a caller waits at the most; that of the spec where left out.
        log_sample: Share of requests in the prediction log; that of the spec where left out.
        routing: Who answers.
        cache: What repeats are answered from.
        circuit: What is refused.
        online: What synchronous traffic may cost.
    """

    deadline_ms: Annotated[int, Meta(ge=50, le=28_000)] | None = None
    log_sample: Share | None = None
    routing: RoutingPolicy = msgspec.field(default_factory=RoutingPolicy)
    cache: CachePolicy | None = None
    circuit: CircuitPolicy | None = None
    online: OnlineBudget = msgspec.field(default_factory=OnlineBudget)


Setting = Literal["deadline_ms", "log_sample", "routing", "cache", "circuit", "online"]


def policies_json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the policies, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Servery policies of a deployment",
        **msgspec.json.schema(Policies),
    }
