"""Halves of pairs: what is checked when they are loaded, what each takes and answers."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from fakes.pair_models import NAMES, ROWS, add_half, add_pair, halves, pair_of
from fakes.pair_servers import PairServers
from fakes.tiny_models import MemoryArtifacts, add_model
from msgspec.structs import replace
from servery.adapters.image_artifact_source import ImageArtifactSource, image_ref
from servery.adapters.model_loader import ModelLoader
from servery.adapters.runtimes import load_runtime
from servery.domain.manifest import ModelRef, Part, Runtime, pair_id
from servery.domain.signature import Dtype, Output, Task
from servery.edge.inference import Codec
from servery.edge.predictor import ModelServer
from servery.errors import ArtifactError, IncompatibleRuntimeError, RejectedError

BOTH = halves()
CHUNK = {"name": "00000", "bucket": "b", "key": "k"}
PAIR = pair_id(*BOTH.digests)


@pytest.fixture(scope="module")
def pair() -> PairServers:
    return PairServers()


def load(artifacts: MemoryArtifacts, ref: ModelRef) -> Any:
    return ModelLoader(artifacts, load_runtime, Codec).load(ref)


# Loading


@pytest.mark.parametrize("part", list(Part))
def test_half_is_loaded_when_it_is_the_one_that_the_reference_names(part: Part) -> None:
    artifacts = MemoryArtifacts()
    ref = add_half(artifacts, part, BOTH)

    assert load(artifacts, ref).ref == ref


@pytest.mark.parametrize("part", list(Part))
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"id": "0" * 32}, "not that of the two files"),
        ({"preprocessor": "1" * 64, "predictor": "2" * 64}, "not that of the two files"),
    ],
)
def test_nothing_is_loaded_when_the_id_is_not_that_of_the_files(
    part: Part, changes: dict[str, str], says: str
) -> None:
    artifacts = MemoryArtifacts()
    ref = add_half(artifacts, part, BOTH, pair=replace(pair_of(BOTH, part), **changes))

    with pytest.raises(ArtifactError, match=says):
        load(artifacts, ref)


@pytest.mark.parametrize("part", list(Part))
def test_nothing_is_loaded_when_its_own_file_is_another_in_the_pair(part: Part) -> None:
    artifacts = MemoryArtifacts()
    other = pair_of(halves(0.5), part)
    ref = replace(add_half(artifacts, part, BOTH, pair=other), pair=other.id)

    with pytest.raises(ArtifactError, match=f"names another {part.value}"):
        load(artifacts, ref)


@pytest.mark.parametrize("part", list(Part))
def test_nothing_is_loaded_when_the_reference_is_of_another_pair_or_half_or_whole(
    part: Part,
) -> None:
    artifacts = MemoryArtifacts()
    ref = add_half(artifacts, part, BOTH)
    (other,) = set(Part) - {part}

    for wrong in (
        replace(ref, pair="0" * 32),
        replace(ref, part=other),
        replace(ref, part=None, pair=""),
        replace(ref, part=None),
    ):
        with pytest.raises(ArtifactError, match=PAIR):
            load(artifacts, wrong)


def test_nothing_is_loaded_when_a_whole_model_is_asked_for_as_a_half() -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts)

    for wrong in (replace(ref, part=Part.PREDICTOR, pair=PAIR), replace(ref, pair=PAIR)):
        with pytest.raises(ArtifactError, match="whole model"):
            load(artifacts, wrong)


@pytest.mark.parametrize("part", list(Part))
def test_nothing_is_loaded_when_the_task_is_not_that_of_the_half(part: Part) -> None:
    artifacts = MemoryArtifacts()
    like = load(artifacts, add_half(artifacts, part, BOTH)).manifest.signature
    task = Task.REGRESSION if part is Part.PREPROCESSOR else Task.PREPROCESSING
    ref = add_half(artifacts, part, BOTH, signature=replace(like, task=task))

    with pytest.raises(ArtifactError, match="cannot be"):
        load(artifacts, ref)


@pytest.mark.parametrize("names", [NAMES[1:], [*NAMES, "more"], []])
def test_nothing_is_loaded_when_the_graph_gives_other_features(names: list[str]) -> None:
    artifacts = MemoryArtifacts()
    part = Part.PREPROCESSOR
    like = load(artifacts, add_half(artifacts, part, BOTH)).manifest.signature
    output = Output(name="features", dtype=Dtype.FLOAT, features=names)
    ref = add_half(artifacts, part, BOTH, signature=replace(like, output=output))

    with pytest.raises(IncompatibleRuntimeError, match="features"):
        load(artifacts, ref)


def test_nothing_is_loaded_when_the_features_of_the_sample_are_not_reproduced() -> None:
    artifacts = MemoryArtifacts()
    part = Part.PREPROCESSOR
    sample = load(artifacts, add_half(artifacts, part, BOTH)).manifest.sample
    scores = [[*row[:-1], row[-1] + 0.1] for row in sample.scores]
    ref = add_half(artifacts, part, BOTH, sample=replace(sample, scores=scores))

    with pytest.raises(IncompatibleRuntimeError, match="sample"):
        load(artifacts, ref)


@pytest.mark.parametrize("part", list(Part))
def test_reference_of_an_image_names_the_pair_when_its_model_is_half_of_one(
    part: Part, tmp_path: Any
) -> None:
    artifacts = MemoryArtifacts()
    ref = add_half(artifacts, part, BOTH)
    for name in ("model.onnx", "manifest.json"):
        (tmp_path / name).write_bytes(artifacts.files[f"{ref.prefix}/{name}"])

    made = image_ref(
        ImageArtifactSource(lambda: tmp_path),
        model=ref.model,
        version=ref.version,
        training=ref.training,
        digest=ref.digest,
        runtime=Runtime.ONNX,
    )

    assert made == replace(ref, prefix=made.prefix)


# Asking


def features(answer: dict[str, Any]) -> list[dict[str, float]]:
    return [row["features"] for row in json.loads(answer["body"])["predictions"]]


def test_features_are_answered_by_name_when_a_preprocessor_is_asked(pair: PairServers) -> None:
    answer = pair.ask("infer", pair.before, {"records": ROWS[:2], "id": "x"})

    assert (answer["status"], answer["rows"], answer["pair"]) == (200, 2, PAIR)
    document = json.loads(answer["body"])
    predictions = document.pop("predictions")
    assert document == {
        "id": "x",
        "model": "shapes-features",
        "model_version": "1.0.0-1.1",
        "request_id": "r1",
        "served_by": "champion",
        "cache": "off",
        "pair": PAIR,
    }
    assert [row["model_version"] for row in predictions] == ["1.0.0-1.1"] * 2
    assert [list(row["features"]) for row in predictions] == [NAMES, NAMES]


def test_answers_are_those_of_the_graphs_bit_for_bit_when_features_travel_as_json(
    pair: PairServers,
) -> None:
    made = features(pair.ask("infer", pair.before, {"records": ROWS}))
    travelled = np.array([list(row.values()) for row in made]).astype(np.float32)
    assert travelled.tobytes() == BOTH.features.tobytes()

    answer = pair.ask("infer", pair.after, {"records": made}, pair=PAIR)

    predictions = json.loads(answer["body"])["predictions"]
    assert answer["pair"] == PAIR
    assert [row["class"] for row in predictions] == BOTH.labels
    scores = np.array([list(row["probabilities"].values()) for row in predictions])
    assert scores.astype(np.float32).tobytes() == BOTH.scores.tobytes()


def test_features_are_a_matrix_when_tensors_are_asked_for(pair: PairServers) -> None:
    columns = [("width", "FP32"), ("kind", "BYTES"), ("height", "FP32")]
    inputs = [
        {"name": n, "shape": [3], "datatype": kind, "data": [row[n] for row in ROWS[:3]]}
        for n, kind in columns
    ]

    answer = pair.ask("infer", pair.before, {"inputs": inputs, "outputs": [{"name": "features"}]})

    document = json.loads(answer["body"])
    assert document["parameters"]["pair"] == PAIR
    (tensor,) = document["outputs"]
    assert (tensor["name"], tensor["shape"], tensor["datatype"]) == ("features", [3, 5], "FP32")
    assert np.array(tensor["data"], np.float32).tobytes() == BOTH.features[:3].tobytes()
    packed = {"name": "input", "shape": [3, 5], "datatype": "FP32", "data": tensor["data"]}
    told = pair.ask("infer", pair.after, {"inputs": [packed]}, pair=PAIR)
    assert json.loads(told["body"])["outputs"][0]["data"] == BOTH.labels[:3]
    wrong = pair.ask("infer", pair.before, {"inputs": inputs, "outputs": [{"name": "class"}]})
    assert wrong["status"] == 422


def test_predictor_says_whose_features_it_takes_when_it_is_not_told(pair: PairServers) -> None:
    answer = pair.ask("infer", pair.after, {"records": [dict.fromkeys(NAMES, 0.0)]})

    assert answer["status"] == 422
    assert "shapes-features" in answer["reason"]
    assert "x-pair" in answer["reason"]
    assert json.loads(answer["body"])["type"] == "urn:servery:problem:invalid-input"


@pytest.mark.parametrize("half", ["before", "after"])
def test_mismatch_is_no_reason_to_look_again_when_the_pair_is_another(
    pair: PairServers, half: str
) -> None:
    body = {"records": ROWS[:1] if half == "before" else [dict.fromkeys(NAMES, 0.0)]}

    answer = pair.ask("infer", getattr(pair, half), body, pair="0" * 32)

    assert answer["status"] == 409
    assert "mismatch" not in answer
    assert PAIR in answer["reason"]
    assert json.loads(answer["body"])["type"] == "urn:servery:problem:pair-mismatch"


def test_whole_model_refuses_when_it_is_sent_the_features_of_a_pair() -> None:
    artifacts = MemoryArtifacts()
    ref = add_model(artifacts)
    whole = PairServers()
    whole.artifacts.files |= artifacts.files

    told = whole.ask("infer", ref, {"records": ROWS[:1]}, pair=PAIR)

    assert told["status"] == 409
    alone = whole.ask("infer", ref, {"records": ROWS[:1]})
    assert alone["status"] == 200
    assert "pair" not in alone


def test_predictor_may_come_again_when_only_one_of_another_pair_could_stand_in() -> None:
    pair = PairServers()
    row = {"records": [dict.fromkeys(NAMES, 0.0)]}
    pair.ask("infer", pair.after, row, pair=PAIR)
    lost = replace(pair.after, pair="0" * 32, prefix="models/shapes/lost")

    answer = pair.ask("infer", lost, row, pair="0" * 32)

    assert (answer["status"], answer["degraded"]) == (503, True)
    same = replace(pair.after, version="2.0.0-1.1", prefix="models/shapes/lost")
    assert pair.ask("infer", same, row, pair=PAIR)["status"] == 200


@pytest.mark.parametrize("half", ["before", "after"])
def test_halves_point_to_graphs_when_they_are_asked_in_jobs_and_batches(
    pair: PairServers, half: str
) -> None:
    ref = getattr(pair, half)
    items = [{"request_id": "r", "body": json.dumps({"records": ROWS[:1]})}]

    answer = pair.ask("infer_many", ref, items=items)

    assert (answer["status"], answer["items"]) == (422, [])
    assert "/v2/graphs/{graph}/jobs" in answer["reason"]
    server = ModelServer(
        lambda: pytest.fail("it is not loaded"), chunks=lambda: pytest.fail("nor asked")
    )
    event = {"verb": "chunk", "ref": msgspec.to_builtins(ref), "layout": "l", "chunk": CHUNK}
    with pytest.raises(RejectedError, match="/v2/graphs/"):
        server.handle(event)


def test_ready_when_the_features_of_the_sample_are_reproduced(pair: PairServers) -> None:
    for ref in (pair.before, pair.after):
        assert pair.ask("ready", ref)["ready"] is True


def test_metadata_name_features_and_partner_when_a_half_is_described(pair: PairServers) -> None:
    before = json.loads(pair.ask("metadata", pair.before)["body"])
    after = json.loads(pair.ask("metadata", pair.after)["body"])

    (output,) = before["outputs"]
    assert (output["name"], output["shape"], output["datatype"]) == ("features", [-1, 5], "FP32")
    assert output["parameters"]["features"] == NAMES
    assert before["parameters"]["task"] == "preprocessing"
    told = {"id": PAIR, "part": "preprocessor", "partner": "shapes"}
    assert before["parameters"]["pair"] == told
    assert after["parameters"]["pair"]["partner"] == "shapes-features"


def test_two_trainings_are_two_pairs_when_their_models_have_the_same_names() -> None:
    artifacts = MemoryArtifacts()
    one, other = add_pair(artifacts), add_pair(artifacts, "2.0.0-1.1", bound=0.5)

    assert one[0].pair == one[1].pair != other[0].pair
