"""The result of an experiment, as it is told."""

from __future__ import annotations

import msgspec

from servery.usecases.monitoring.figures import Estimate, Quantiles


class VariantReport(msgspec.Struct, frozen=True, kw_only=True):
    """One variant.

    Attributes:
        name: Of the variant.
        versions: Who answered.
        weight: Share of the keys that it is to have; None where the experiment is over.
        exposures: Requests that were assigned to it.
        keys: Their keys.
        errors: Of the requests those that were answered with a 5xx.
        error_rate: Their share.
        fallbacks: Requests that something else answered.
        latency_ms: Of its own answers.
        labelled: Rows with a label.
        quality: Accuracy, or root of the mean squared error; without interval where that needs
            more keys.
    """

    name: str
    versions: list[str]
    weight: float | None
    exposures: int
    keys: int
    errors: int
    error_rate: Estimate | None
    fallbacks: int
    latency_ms: Quantiles | None
    labelled: int
    quality: Estimate | None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How much larger a measure of one variant is than that of the first.

    Attributes:
        variant: Whose.
        against: Name of the first variant.
        measure: accuracy, rmse, error_rate or latency_ms.
        value: The difference.
        low: Lower end of its interval.
        high: Upper end.
        clear: Whether zero is outside.
        method: How the interval was made.
    """

    variant: str
    against: str
    measure: str
    value: float
    low: float
    high: float
    clear: bool
    method: str


class ShareCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Whether as many keys were exposed to each variant as its weight says.

    Attributes:
        keys: Keys of each variant since the weights were changed last.
        probability: How likely it is to be at least that far off by chance.
        suspicious: Whether that is too unlikely: then something is wrong with the assignment or
            with the log, and no other figure is to be trusted.
    """

    keys: dict[str, int]
    probability: float
    suspicious: bool


class ExperimentReport(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        model: Name of the model.
        experiment: Name of the experiment.
        measure: What quality is: accuracy, or rmse; empty without labels.
        confidence: Of all intervals.
        sample: Share of the requests that were logged.
        since: When the weights were changed last; empty where nobody knows.
        variants: The first one is the one that the others are compared to.
        differences: Of the others.
        shares: Whether the weights are kept; None where there are none.
        moved: Keys that were exposed to more than one variant, as some are when weights change.
        twice: Requests with labels that were left out because their id was used again.
    """

    model: str
    experiment: str
    measure: str
    confidence: float
    sample: float
    since: str
    variants: list[VariantReport]
    differences: list[Difference]
    shares: ShareCheck | None
    moved: int
    twice: int
