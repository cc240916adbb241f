"""What a look is told of the model that it looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from servery.domain.baseline import Baseline
from servery.domain.serving import Limits
from servery.domain.signature import Signature
from servery.domain.watch_rules import Monitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One model, as it is when the look begins.

    Attributes:
        model: Name of the model.
        version: The champion's.
        since: When it became that; nothing before is looked at.
        until: The end of all windows: a little before now, since lines take their time to the
            lake.
        rules: The section `monitor` of its spec.
        baseline: What the training was like.
        signature: What it takes and gives.
        limits: Rows and bytes of one request.
        sample: Share of the requests that are logged; failures always are.
        deadline_ms: How long a caller waits at the most.
        metrics: Metric to value on the test rows.
        counted: Requests for the model by its metrics, in the last `no_data_hours` before
            `until`; None where nobody knows.
    """

    model: str
    version: str
    since: datetime
    until: datetime
    baseline: Baseline
    signature: Signature
    limits: Limits = field(default_factory=Limits)
    rules: Monitor = field(default_factory=Monitor)
    sample: float = 1.0
    deadline_ms: int = 10_000
    metrics: Mapping[str, float] = field(default_factory=dict)
    counted: int | None = None

    @property
    def slowest_ms(self) -> float:
        """What 95 of 100 answers may take."""
        return self.rules.latency_p95_ms or self.deadline_ms / 2
