"""Export: compile the pipeline to ONNX, prove it, measure both runtimes, choose the faster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np

from servery.domain.digest import digest_bytes
from servery.domain.manifest import Latency, Parity, Runtime, RuntimeFigures, Sample
from servery.domain.signature import Task
from servery.domain.spec_rules import read_spec
from servery.errors import RejectedError, ServeryError
from servery.usecases.training import keys
from servery.usecases.training.features import Features, features, record
from servery.usecases.training.messages import Exported, ExportEvent
from servery.usecases.training.proof import (
    ask,
    check_finite,
    choose_sample,
    compare,
    make_sample,
    scale_of,
)
from servery.usecases.training.reports import ExportReport, TrainReport

if TYPE_CHECKING:
    from servery.domain.columns import Columns, DataSets
    from servery.domain.signature import Signature
    from servery.domain.spec import ModelSpec
    from servery.ports import ModelRuntime, ObjectStore

_MANY_ROWS = 1000


class Exporter(Protocol):
    """Compiles pipelines."""

    def __call__(self, content: bytes, *, digest: str, signature: Signature) -> tuple[bytes, ...]:
        """The ONNX graphs of a joblib file, one or more, in the order to be tried.

        Raises:
            RejectedError: there is no such form.
        """
        ...


class RuntimeLoader(Protocol):
    """Makes runtimes, the very ones that serve."""

    def __call__(
        self, runtime: Runtime, content: bytes, *, digest: str, signature: Signature
    ) -> ModelRuntime:
        """Load a model file whose digest is checked first."""
        ...


class Stopwatch(Protocol):
    """Measures calls."""

    def __call__(self, call: Callable[[], object]) -> Latency:
        """Call again and again, and say how long a call takes."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What the export works with.

    Attributes:
        export: Compiles.
        load: Makes runtimes.
        measure: Measures calls.
        now: Seconds of a clock that only goes forward.
        libraries: Versions of what the export depends on.
    """

    export: Exporter
    load: RuntimeLoader
    measure: Stopwatch
    now: Callable[[], float]
    libraries: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Case:
    spec: ModelSpec
    signature: Signature
    columns: Columns
    rows: Features
    tools: Tools

    @property
    def scale(self) -> float:
        return scale_of(self.rows.target) if self.spec.task is Task.REGRESSION else 1.0


@dataclass(frozen=True, slots=True)
class _Loaded:
    kind: Runtime
    model: ModelRuntime
    content: bytes
    digest: str
    load_ms: float


def export(event: ExportEvent, *, store: ObjectStore, datasets: DataSets, tools: Tools) -> Exported:
    """Prove the exported graph on every held-out row and choose the runtime.

    The graph must give the same labels, and probabilities or values within the tolerance. The
    runtime with the lower median for one row serves; a pipeline without a proven graph is served
    by joblib, and the report says why.

    Raises:
        ArtifactError: the joblib file is not the one that the training recorded.
        InvalidInputError: the model's answers are not finite.
    """
    spec = read_spec(event.spec)
    trained = msgspec.json.decode(
        store.get(keys.training(event.training_id, "train.json")), type=TrainReport
    )
    split = keys.split(event.collect.dataset, event.preprocess.split, "test.npz")
    columns = datasets.read(split)
    case = _Case(spec, trained.signature, columns, features(spec, columns), tools)
    content = store.get(keys.training(event.training_id, Runtime.JOBLIB.filename))
    pipeline = _load(case, Runtime.JOBLIB, content, event.train.digest)
    check_finite(spec.task, ask(pipeline.model, case.rows))
    graph, parity = _prove(case, pipeline)
    loaded = [pipeline] if graph is None else [graph, pipeline]
    figures = {one.kind.value: _measure(case, one) for one in loaded}
    chosen, reason = _choose(loaded, figures, parity)
    if graph is not None:
        store.put(keys.training(event.training_id, Runtime.ONNX.filename), graph.content)
    report = ExportReport(
        runtime=chosen.kind,
        runtime_reason=reason,
        libraries={**trained.libraries, **tools.libraries},
        figures=figures,
        parity=parity,
        sample=_sample(case, chosen),
    )
    store.put(keys.training(event.training_id, "export.json"), msgspec.json.encode(report))
    return Exported(
        runtime=chosen.kind,
        runtime_reason=reason,
        digest=chosen.digest,
        size_bytes=len(chosen.content),
    )


def _load(case: _Case, kind: Runtime, content: bytes, digest: str) -> _Loaded:
    start = case.tools.now()
    model = case.tools.load(kind, content, digest=digest, signature=case.signature)
    milliseconds = round((case.tools.now() - start) * 1000, 3)
    return _Loaded(kind, model, content, digest, milliseconds)


def _prove(case: _Case, pipeline: _Loaded) -> tuple[_Loaded | None, Parity]:
    try:
        graphs = case.tools.export(
            pipeline.content, digest=pipeline.digest, signature=case.signature
        )
    except RejectedError as error:
        return None, Parity(exported=False, reason=f"it cannot be exported ({error})")
    graph, parity = _prove_graph(case, pipeline, graphs[0])
    for content in graphs[1:]:
        if graph is None:
            graph, parity = _prove_graph(case, pipeline, content)
    return graph, parity


def _prove_graph(case: _Case, pipeline: _Loaded, content: bytes) -> tuple[_Loaded | None, Parity]:
    try:
        graph = _load(case, Runtime.ONNX, content, digest_bytes(content))
        found = ask(graph.model, case.rows)
    except ServeryError as error:
        return None, Parity(exported=False, reason=f"the graph does not load ({error})")
    except Exception as error:  # onnxruntime's own, which have no common root
        return None, Parity(exported=False, reason=f"the graph does not run ({error})"[:500])
    expected = ask(pipeline.model, case.rows)
    parity = compare(case.spec.task, expected, found, scale=case.scale)
    return (graph if parity.exported else None), parity


def _measure(case: _Case, loaded: _Loaded) -> RuntimeFigures:
    one = case.rows.take(np.zeros(1, dtype=np.intp))
    many = case.rows.take(np.resize(np.arange(len(case.rows.target)), _MANY_ROWS))
    return RuntimeFigures(
        one_row=case.tools.measure(lambda: loaded.model.predict(one.numeric, one.text)),
        thousand_rows=case.tools.measure(lambda: loaded.model.predict(many.numeric, many.text)),
        load_ms=loaded.load_ms,
        size_bytes=len(loaded.content),
    )


def _choose(
    loaded: list[_Loaded], figures: dict[str, RuntimeFigures], parity: Parity
) -> tuple[_Loaded, str]:
    if not parity.exported:
        return loaded[0], f"served by joblib: {parity.reason}"
    chosen = min(loaded, key=lambda one: figures[one.kind.value].one_row.p50_ms)
    told = ", ".join(f"{kind} {f.one_row.p50_ms:g} ms" for kind, f in figures.items())
    return chosen, f"the lowest median for one row of the runtimes that are proven: {told}"


def _sample(case: _Case, chosen: _Loaded) -> Sample:
    picked = choose_sample(ask(chosen.model, case.rows))
    answers = ask(chosen.model, case.rows.take(np.array(picked, dtype=np.intp)))
    records = [record(case.spec, case.columns, row) for row in picked]
    return make_sample(case.spec, records, answers, scale=case.scale)
