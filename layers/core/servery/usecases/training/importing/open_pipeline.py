"""An import of a scikit-learn pipeline: a skops file, or a pickle that somebody trusts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from servery.domain.digest import digest_bytes
from servery.domain.features import features, pack, signature
from servery.domain.imports import LARGEST_MODEL, Format, check_trusted, told
from servery.domain.manifest import Parity, Runtime
from servery.domain.signature import Field, Output, Signature, Task
from servery.errors import InvalidInputError, ServeryError
from servery.usecases.training.case import load
from servery.usecases.training.export import export
from servery.usecases.training.importing.files import model_key, uploaded
from servery.usecases.training.importing.results import (
    Opened,
    keep_export,
    keep_results,
    keep_training,
)
from servery.usecases.training.importing.rows import Held, inputs_of, read_rows, with_target
from servery.usecases.training.importing.specs import Nature, check_known, make_spec
from servery.usecases.training.messages import ExportEvent, Preprocessed
from servery.usecases.training.proof import Answers

if TYPE_CHECKING:
    from servery.domain.columns import Columns, DataSets
    from servery.domain.spec import Column
    from servery.ports import ObjectStore
    from servery.usecases.training.importing.messages import Imported, OpenEvent
    from servery.usecases.training.importing.tools import ForeignPipeline, PipelineReader
    from servery.usecases.training.tools import Tools

_TRUSTED = "a pickle that its owner trusts; it is never compiled, and never leaves scikit-learn"
_LONGEST = 500


def open_skops(
    event: OpenEvent, *, store: ObjectStore, datasets: DataSets, read: PipelineReader, tools: Tools
) -> Imported:
    """Make a skops file a model like one that was trained here.

    What the allow-list let pass is pickled here, compiled to ONNX and proven on the sample like
    any pipeline; where that cannot be, our own pickle of it serves. The file itself never does.

    Raises:
        RejectedError: the file is not to be imported, or does not answer the sample.
    """
    opened, pipeline, _ = _open(
        event, Format.SKOPS, store=store, datasets=datasets, read=read, tools=tools
    )
    trained = keep_training(opened, pipeline.content, store)
    exported = export(
        ExportEvent(
            training_id=event.training_id,
            spec=opened.plain,
            collect=event.inspected.collect,
            preprocess=Preprocessed(
                split=event.inspected.split,
                train_rows=0,
                test_rows=event.inspected.rows,
                baseline="",
            ),
            train=trained,
        ),
        store=store,
        datasets=Held(opened.columns),
        tools=tools,
    )
    content = store.get(opened.key(exported.runtime.filename))
    loaded = load(tools, exported.runtime, content, exported.digest, opened.signature)
    return keep_results(opened, loaded.model, exported, trained, store)


def open_trusted(
    event: OpenEvent, *, store: ObjectStore, datasets: DataSets, read: PipelineReader, tools: Tools
) -> Imported:
    """Make a pickle a model, because its owner has said that it may run as code.

    Its digest is what the registry records: the very bytes are what serves, in scikit-learn.

    Raises:
        UnsupportedMediaError: nobody has said so; the file was not opened.
        RejectedError: the pipeline in it does not answer the sample.
    """
    check_trusted(Format.JOBLIB, trusted=event.upload.trusted)
    opened, _, content = _open(
        event, Format.JOBLIB, store=store, datasets=datasets, read=read, tools=tools
    )
    trained = keep_training(opened, content, store)
    loaded = load(tools, Runtime.JOBLIB, content, trained.digest, opened.signature)
    parity = Parity(exported=False, reason=_TRUSTED)
    exported = keep_export(opened, loaded, store, tools, parity=parity, why=_TRUSTED)
    return keep_results(opened, loaded.model, exported, trained, store)


def _open(
    event: OpenEvent,
    kind: Format,
    *,
    store: ObjectStore,
    datasets: DataSets,
    read: PipelineReader,
    tools: Tools,
) -> tuple[Opened, ForeignPipeline, bytes]:
    content = uploaded(
        store,
        model_key(event.upload.model),
        event.upload.model,
        most=LARGEST_MODEL,
        what="the model file",
    )
    if told(content) is not kind:
        raise InvalidInputError(f"the model file is no {kind} file")
    columns = read_rows(event, datasets)
    inputs = inputs_of(event.inspected.columns, in_order=True)
    pipeline = read(content)
    nature = _nature(pipeline)
    answers = _asked(pipeline, nature, inputs, columns, tools)
    spec, plain = make_spec(event, nature)
    columns = with_target(columns, spec.data.target, answers)
    if nature.classes is not None:
        check_known(nature.classes, features(spec, columns).target.tolist())
    opened = Opened(
        event=event,
        spec=spec,
        plain=plain,
        signature=signature(spec, columns, nature.classes, probabilities=nature.probabilities),
        columns=columns,
        libraries=pipeline.libraries,
    )
    return opened, pipeline, content


def _nature(pipeline: ForeignPipeline) -> Nature:
    if not pipeline.classifies:
        return Nature(Task.REGRESSION)
    if not pipeline.classes:
        raise InvalidInputError("the classifier has no classes; was it fitted?")
    return Nature(Task.CLASSIFICATION, pipeline.classes, probabilities=pipeline.probabilities)


def _asked(
    pipeline: ForeignPipeline,
    nature: Nature,
    inputs: list[Column],
    columns: Columns,
    tools: Tools,
) -> Answers:
    """What the pipeline answers to the sample.

    Raises:
        InvalidInputError: it does not; scikit-learn's own sentence.
    """
    rough = Signature(
        task=nature.task,
        inputs=[Field(name=column.name, dtype=column.dtype) for column in inputs],
        output=Output(name="", dtype=nature.dtype, probabilities=nature.probabilities),
    )
    try:
        model = tools.load(
            Runtime.JOBLIB,
            pipeline.content,
            digest=digest_bytes(pipeline.content),
            signature=rough,
        )
        first, scores = model.predict(*pack(inputs, columns))
    except (ServeryError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        told_by = str(error.__cause__ or error)[:_LONGEST]
        raise InvalidInputError(f"the model does not answer the sample: {told_by}") from error
    answers = Answers(np.asarray(first), None if scores is None else np.asarray(scores))
    if len(answers.first) != len(next(iter(columns.values())).values):
        raise InvalidInputError("the model does not give one answer for each row")
    return answers
