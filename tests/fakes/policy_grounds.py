"""What policies are checked against, for tests: a model with every kind of input, and others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from fakes.artifacts import a_manifest
from fakes.records import a_deployment, a_ref, a_server
from servery.domain.deployment import Deployment, Served
from servery.domain.manifest import Latency, Manifest, ModelRef, RuntimeFigures
from servery.domain.policies import Policies
from servery.domain.policy_rules import Grounds
from servery.domain.signature import Dtype, Field, Output, Signature, Task

CHAMPION, LAST_GOOD, CANDIDATE = "3.1.0-d1.s1", "2.1.0-d1.s1", "4.1.0-d1.s1"

CLASSIFIER = Signature(
    task=Task.CLASSIFICATION,
    inputs=[
        Field(name="amount", dtype=Dtype.FLOAT),
        Field(name="visits", dtype=Dtype.INT),
        Field(name="member", dtype=Dtype.BOOL),
        Field(name="country", dtype=Dtype.STRING, categories=["de", "fr", "it"]),
        Field(name="customer", dtype=Dtype.STRING),
    ],
    output=Output(name="risk", dtype=Dtype.STRING, classes=["high", "low"], probabilities=True),
)
REGRESSOR = msgspec.structs.replace(
    CLASSIFIER,
    task=Task.REGRESSION,
    output=Output(name="price", dtype=Dtype.FLOAT, unit="EUR"),
)


def figures(p99_ms: float = 20.0, size_bytes: int = 5_000_000) -> RuntimeFigures:
    latency = Latency(p50_ms=1.0, p99_ms=p99_ms)
    return RuntimeFigures(
        one_row=latency, thousand_rows=latency, load_ms=1.0, size_bytes=size_bytes
    )


def served(version: str, **ref: Any) -> Served:
    return Served(ref=a_ref(version, **ref), server=a_server())


@dataclass
class Models:
    """Signatures by version of this model, and other models with theirs."""

    signature: Signature = CLASSIFIER
    versions: dict[str, Signature] = field(default_factory=dict)
    others: dict[str, Deployment] = field(default_factory=dict)
    their: dict[str, Signature] = field(default_factory=dict)
    measured: RuntimeFigures | None = field(default_factory=figures)
    deployment: Deployment = field(
        default_factory=lambda: a_deployment(
            champion=served(CHAMPION),
            last_good=served(LAST_GOOD),
            candidates=[served(CANDIDATE)],
        )
    )

    def manifest(self, ref: ModelRef) -> Manifest:
        signature = self.versions.get(ref.version, self.signature)
        if ref.model != "iris":
            signature = self.their[ref.model]
        known = {} if self.measured is None else {"onnx": self.measured}
        return a_manifest(ref.version, "tr0", {}, signature=signature, figures=known)

    def deploy(
        self, name: str, signature: Signature = CLASSIFIER, policies: Policies | None = None
    ) -> None:
        """Another model that somebody answers for."""
        self.their[name] = signature
        self.others[name] = a_deployment(
            model=name,
            champion=served(CHAMPION, model=name),
            policies=policies or Policies(),
        )

    def grounds(self, **changes: Any) -> Grounds:
        return Grounds(self.deployment, self.manifest, self.others.get, **changes)
