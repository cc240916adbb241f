"""An import of an ONNX file: examined as data, written anew, and then asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from servery.domain.digest import digest_bytes
from servery.domain.features import pack, signature
from servery.domain.imports import LARGEST_MODEL, Format, check_trusted, told
from servery.domain.manifest import Parity, Runtime
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from servery.domain.spec import Role
from servery.errors import InvalidInputError, ServeryError
from servery.usecases.training.case import load
from servery.usecases.training.importing.classes import settle_classes
from servery.usecases.training.importing.files import model_key, uploaded
from servery.usecases.training.importing.results import Opened, keep_export, keep_results
from servery.usecases.training.importing.rows import inputs_of, read_rows, with_target
from servery.usecases.training.importing.specs import Nature, make_spec
from servery.usecases.training.messages import Trained
from servery.usecases.training.proof import Answers

if TYPE_CHECKING:
    from servery.domain.columns import Columns, DataSets
    from servery.domain.spec import Column
    from servery.ports import ObjectStore
    from servery.usecases.training.importing.messages import Imported, OpenEvent
    from servery.usecases.training.importing.tools import Graph, GraphReader
    from servery.usecases.training.tools import Tools

_WHY = "imported as ONNX, and served as it was proven on the sample"
_LONGEST = 500


def open_onnx(
    event: OpenEvent, *, store: ObjectStore, datasets: DataSets, read: GraphReader, tools: Tools
) -> Imported:
    """Make a foreign ONNX file a model whose signature is that of the sample.

    onnxruntime sees only the graph that was written anew, and nothing else opens it.

    Raises:
        RejectedError: the graph is not to be imported, or does not answer the sample.
    """
    content = uploaded(
        store,
        model_key(event.upload.model),
        event.upload.model,
        most=LARGEST_MODEL,
        what="the model file",
    )
    if told(content) is not Format.ONNX:
        check_trusted(told(content), trusted=False)
        raise InvalidInputError("the model file is no ONNX file")
    columns = read_rows(event, datasets)
    inputs = inputs_of(event.inspected.columns, in_order=False)
    graph = read(content, inputs)
    digest = digest_bytes(graph.content)
    answers = _asked(graph, digest, inputs, columns, tools)
    nature = _nature(graph, answers, event, columns)
    spec, plain = make_spec(event, nature)
    columns = with_target(columns, spec.data.target, answers)
    opened = Opened(
        event=event,
        spec=spec,
        plain=plain,
        signature=signature(spec, columns, nature.classes, probabilities=nature.probabilities),
        columns=columns,
        libraries=tools.libraries,
    )
    loaded = load(tools, Runtime.ONNX, graph.content, digest, opened.signature)
    parity = Parity(exported=True, rows=0)
    exported = keep_export(opened, loaded, store, tools, parity=parity, why=_WHY)
    return keep_results(opened, loaded.model, exported, Trained(digest=digest), store)


def _asked(
    graph: Graph, digest: str, inputs: list[Column], columns: Columns, tools: Tools
) -> Answers:
    """What the graph answers to the sample, before anybody knows its classes.

    Raises:
        InvalidInputError: it does not load, or does not run; onnxruntime's own sentence.
    """
    rough = Signature(
        task=Task.CLASSIFICATION if graph.classifies else Task.REGRESSION,
        inputs=[Field(name=column.name, dtype=column.dtype) for column in inputs],
        output=Output(
            name="",
            dtype=Dtype.STRING if graph.classifies else Dtype.FLOAT,
            probabilities=graph.scored,
        ),
    )
    rows = pack(inputs, columns)
    try:
        model = tools.load(Runtime.ONNX, graph.content, digest=digest, signature=rough)
        first, scores = model.predict(*rows)
    except ServeryError as error:
        told_by = str(error.__cause__ or error)[:_LONGEST]
        raise InvalidInputError(f"the model does not answer the sample: {told_by}") from error
    except Exception as error:  # onnxruntime's own, which have no common root
        raise InvalidInputError(
            f"the model does not answer the sample: {str(error)[:_LONGEST]}"
        ) from error
    answers = Answers(np.asarray(first), None if scores is None else np.asarray(scores))
    if len(answers.first) != len(next(iter(columns.values())).values):
        raise InvalidInputError("the model does not give one answer for each row")
    return answers


def _nature(graph: Graph, answers: Answers, event: OpenEvent, columns: Columns) -> Nature:
    if not graph.classifies:
        return Nature(Task.REGRESSION)
    target = next((c.name for c in event.inspected.columns if c.role is Role.TARGET), None)
    known = None if target is None else columns[target].values.tolist()
    classes = settle_classes(answers, graph.labels, known)
    return Nature(Task.CLASSIFICATION, classes, probabilities=answers.scores is not None)
