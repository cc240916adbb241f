"""What an export is about, and a model file that was loaded and can be measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from servery.domain.manifest import RuntimeFigures
from servery.domain.signature import Task
from servery.usecases.training.proof import scale_of

if TYPE_CHECKING:
    from servery.domain.columns import Columns
    from servery.domain.features import Features
    from servery.domain.manifest import Runtime
    from servery.domain.signature import Signature
    from servery.domain.spec import ModelSpec
    from servery.ports import ModelRuntime
    from servery.usecases.training.tools import Tools

_MANY_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Case:
    """A fitted pipeline to be exported.

    Attributes:
        spec: What was trained.
        signature: What the pipeline takes and gives.
        columns: The held-out rows, and
        rows: the same as the pipeline takes them.
        tools: What the export works with.
    """

    spec: ModelSpec
    signature: Signature
    columns: Columns
    rows: Features
    tools: Tools

    @property
    def scale(self) -> float:
        """What differences of scores are measured by."""
        return scale_of(self.rows.target) if self.spec.task is Task.REGRESSION else 1.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model file in the runtime that would serve it."""

    kind: Runtime
    model: ModelRuntime
    content: bytes
    digest: str
    load_ms: float


def load(tools: Tools, kind: Runtime, content: bytes, digest: str, signature: Signature) -> Loaded:
    """Load a model file and say how long that takes."""
    start = tools.now()
    model = tools.load(kind, content, digest=digest, signature=signature)
    return Loaded(kind, model, content, digest, round((tools.now() - start) * 1000, 3))


def measure(tools: Tools, loaded: Loaded, rows: Features) -> RuntimeFigures:
    """Measure a model on the first of some rows, and on a thousand of them."""
    one = rows.take(np.zeros(1, dtype=np.intp))
    many = rows.take(np.resize(np.arange(len(rows.target)), _MANY_ROWS))
    return RuntimeFigures(
        one_row=tools.measure(lambda: loaded.model.predict(one.numeric, one.text)),
        thousand_rows=tools.measure(lambda: loaded.model.predict(many.numeric, many.text)),
        load_ms=loaded.load_ms,
        size_bytes=len(loaded.content),
    )
