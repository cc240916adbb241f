"""Export: compile the pipeline to ONNX, prove it, measure both runtimes, choose the faster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from servery.domain.digest import digest_bytes
from servery.domain.features import features, record
from servery.domain.manifest import Parity, Runtime, RuntimeFigures, Sample
from servery.domain.spec_rules import read_spec
from servery.errors import RejectedError, ServeryError
from servery.usecases.training import keys
from servery.usecases.training.case import Case, Loaded, load, measure
from servery.usecases.training.messages import Exported, ExportEvent
from servery.usecases.training.pairing import make_pair, refusal
from servery.usecases.training.proof import ask, check_finite, choose_sample, compare, make_sample
from servery.usecases.training.reports import ExportReport, TrainReport

if TYPE_CHECKING:
    from servery.domain.columns import DataSets
    from servery.ports import ObjectStore
    from servery.usecases.training.tools import Tools


def export(event: ExportEvent, *, store: ObjectStore, datasets: DataSets, tools: Tools) -> Exported:
    """Prove the exported graph on every held-out row and choose the runtime.

    The graph must give the same labels, and probabilities or values within the tolerance. The
    runtime with the lower median for one row serves; a pipeline without a proven graph is served
    by joblib, and the report says why. The proven graph of a pair is cut in two, which only
    onnxruntime serves.

    Raises:
        ArtifactError: the joblib file is not the one that the training recorded.
        InvalidInputError: the model's answers are not finite.
        RejectedError: it is to be a pair and cannot be one.
    """
    spec = read_spec(event.spec)
    trained = msgspec.json.decode(
        store.get(keys.training(event.trained_by, "train.json")), type=TrainReport
    )
    dataset, split = event.collect.dataset, event.preprocess.split
    columns = datasets.read(keys.split(dataset, split, "test.npz"))
    case = Case(spec, trained.signature, columns, features(spec, columns), tools)
    content = store.get(keys.training(event.trained_by, Runtime.JOBLIB.filename))
    pipeline = load(tools, Runtime.JOBLIB, content, event.train.digest, case.signature)
    check_finite(spec.task, ask(pipeline.model, case.rows))
    graph, parity = _prove(case, pipeline)
    if graph is not None:
        store.put(keys.training(event.training_id, Runtime.ONNX.filename), graph.content)
    libraries = {**trained.libraries, **tools.libraries}
    if spec.pair is None:
        report, exported = _whole(case, pipeline, graph, parity, libraries)
    else:
        seen = features(spec, datasets.read(keys.split(dataset, split, "train.npz")))
        if graph is None:
            raise refusal(case, parity.reason)
        pair = make_pair(case, graph, names=trained.features or [], seen=seen)
        for part, half in pair.files.items():
            store.put(keys.half(event.training_id, part), half)
        report, exported = pair.report(parity, libraries), pair.exported()
    store.put(keys.training(event.training_id, "export.json"), msgspec.json.encode(report))
    return exported


def _whole(
    case: Case, pipeline: Loaded, graph: Loaded | None, parity: Parity, libraries: dict[str, str]
) -> tuple[ExportReport, Exported]:
    loaded = [pipeline] if graph is None else [graph, pipeline]
    figures = {one.kind.value: measure(case.tools, one, case.rows) for one in loaded}
    chosen, reason = _choose(loaded, figures, parity)
    report = ExportReport(
        runtime=chosen.kind,
        runtime_reason=reason,
        libraries=libraries,
        figures=figures,
        parity=parity,
        sample=_sample(case, chosen),
    )
    return report, Exported(
        runtime=chosen.kind,
        runtime_reason=reason,
        digest=chosen.digest,
        size_bytes=len(chosen.content),
    )


def _prove(case: Case, pipeline: Loaded) -> tuple[Loaded | None, Parity]:
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


def _prove_graph(case: Case, pipeline: Loaded, content: bytes) -> tuple[Loaded | None, Parity]:
    try:
        graph = load(case.tools, Runtime.ONNX, content, digest_bytes(content), case.signature)
        found = ask(graph.model, case.rows)
    except ServeryError as error:
        return None, Parity(exported=False, reason=f"the graph does not load ({error})")
    except Exception as error:  # onnxruntime's own, which have no common root
        return None, Parity(exported=False, reason=f"the graph does not run ({error})"[:500])
    expected = ask(pipeline.model, case.rows)
    parity = compare(case.spec.task, expected, found, scale=case.scale)
    return (graph if parity.exported else None), parity


def _choose(
    loaded: list[Loaded], figures: dict[str, RuntimeFigures], parity: Parity
) -> tuple[Loaded, str]:
    if not parity.exported:
        return loaded[0], f"served by joblib: {parity.reason}"
    chosen = min(loaded, key=lambda one: figures[one.kind.value].one_row.p50_ms)
    told = ", ".join(f"{kind} {f.one_row.p50_ms:g} ms" for kind, f in figures.items())
    return chosen, f"the lowest median for one row of the runtimes that are proven: {told}"


def _sample(case: Case, chosen: Loaded) -> Sample:
    picked = choose_sample(ask(chosen.model, case.rows))
    answers = ask(chosen.model, case.rows.take(np.array(picked, dtype=np.intp)))
    records = [record(case.spec, case.columns, row) for row in picked]
    return make_sample(case.spec, records, answers, scale=case.scale)
