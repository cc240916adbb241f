"""Documents changed or made in front of a model read as a model server's own."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from fakes.signatures import FLOWER, FLOWERS, GUEST, GUESTS
from servery.domain.answers import decide, default_answer, stamp, without
from servery.domain.asked import Asked
from servery.domain.inference import AnswerContext, Prediction
from servery.domain.policies import Threshold
from servery.domain.projection import project
from servery.domain.serving import Limits
from servery.edge.inference import Codec
from servery.edge.wire import RecordsAnswer, TensorAnswer
from servery.errors import ModelServerError

CONTEXT = AnswerContext(
    model="iris", model_version="1.0.0-a.b", request_id="r", served_by="champion"
)
CODEC = Codec(FLOWERS, Limits())
RECORDS = json.dumps({"id": "mine", "records": [FLOWER] * 3})
TENSORS = json.dumps(
    {
        "id": "mine",
        "inputs": [
            {"name": name, "shape": [3], "datatype": "FP32", "data": [value] * 3}
            for name, value in FLOWER.items()
        ],
    }
)
SCORES = np.array([[0.98, 0.01, 0.01], [0.6, 0.39, 0.01], [1e-7, 0.3, 0.7]], np.float32)
LIKELIEST = np.array(["setosa", "setosa", "virginica"], object)
CAREFUL = Threshold(positive="versicolor", at=0.3, otherwise="setosa")


def answered(body: str) -> str:
    question = CODEC.decode(body.encode())
    return CODEC.encode(question, Prediction(LIKELIEST, SCORES), CONTEXT).decode()


def classes() -> list[str]:
    return FLOWERS.output.classes


class TestThreshold:
    def test_class_is_answered_from_its_probability_on(self):
        document = json.loads(decide(answered(RECORDS), CAREFUL, classes))
        told = [row["class"] for row in document["predictions"]]
        assert told == ["setosa", "versicolor", "versicolor"]

    def test_nothing_but_classes_changes_when_it_is_written_anew(self):
        before = answered(RECORDS)
        after = decide(before, Threshold(positive="setosa", at=0.5, otherwise="virginica"), classes)
        assert after == before  # this threshold decides as the likeliest does, so no byte differs

    def test_tensors_are_decided_alike(self):
        before = answered(TENSORS)
        after = json.loads(decide(before, CAREFUL, classes))
        (by_class, scores) = after["outputs"]
        assert by_class["data"] == ["setosa", "versicolor", "versicolor"]
        assert scores == json.loads(before)["outputs"][1]
        same = Threshold(positive="setosa", at=0.5, otherwise="virginica")
        assert decide(before, same, classes) == before

    def test_fault_when_there_are_no_probabilities(self):
        plain = '{"predictions":[{"class":"setosa","model_version":"1"}]}'
        with pytest.raises(ModelServerError):
            decide(plain, CAREFUL, classes)
        with pytest.raises(ModelServerError):
            decide(without(answered(TENSORS), "probabilities"), CAREFUL, classes)

    def test_classes_that_are_no_text_are_found_by_their_json_name(self):
        document = '{"predictions":[{"class":false,"probabilities":{"true":0.4,"false":0.6}}]}'
        threshold = Threshold(positive=True, at=0.4, otherwise=False)
        assert json.loads(decide(document, threshold, classes))["predictions"][0]["class"] is True


class TestStamp:
    def test_records_say_it_before_their_predictions(self):
        document = json.loads(stamp(answered(RECORDS), served_by="fallback:light", degraded=True))
        assert (document["served_by"], document["degraded"]) == ("fallback:light", True)
        assert list(document)[-1] == "predictions"
        assert document["predictions"] == json.loads(answered(RECORDS))["predictions"]

    def test_tensors_say_it_in_their_parameters(self):
        document = json.loads(stamp(answered(TENSORS), cache="off", degraded=True))
        assert document["parameters"]["degraded"] is True
        assert document["parameters"]["request_id"] == "r"
        assert document["outputs"] == json.loads(answered(TENSORS))["outputs"]


SAID = {
    "model": "iris",
    "model_version": "",
    "request_id": "r",
    "served_by": "fallback:default",
    "cache": "off",
    "degraded": True,
}


ROW = {"class": "virginica", "probabilities": {"setosa": 0, "versicolor": 0, "virginica": 1}}


class TestDefault:
    def test_every_row_is_answered_alike_when_records_were_asked(self):
        text = default_answer(ROW, Asked(RECORDS, base64=False), FLOWERS, SAID)
        answer = msgspec.json.decode(text, type=RecordsAnswer)
        assert answer.predictions == [{**ROW, "model_version": ""}] * 3
        assert (answer.id, answer.degraded, answer.served_by) == ("mine", True, "fallback:default")

    def test_tensors_have_the_names_and_shapes_of_the_models_own(self):
        text = default_answer(ROW, Asked(TENSORS, base64=False), FLOWERS, SAID)
        answer = msgspec.json.decode(text, type=TensorAnswer)
        own = msgspec.json.decode(answered(TENSORS), type=TensorAnswer)
        described = [(o.name, o.shape, o.datatype) for o in answer.outputs]
        assert described == [(o.name, o.shape, o.datatype) for o in own.outputs]
        assert answer.outputs[0].data == ["virginica"] * 3
        assert answer.outputs[1].data == [0, 0, 1] * 3
        assert answer.parameters.degraded

    def test_output_is_left_out_when_nobody_wants_it(self):
        body = json.dumps({**json.loads(TENSORS), "outputs": [{"name": "class"}]})
        text = default_answer(ROW, Asked(body, base64=False), FLOWERS, SAID)
        assert [o["name"] for o in json.loads(text)["outputs"]] == ["class"]

    @pytest.mark.parametrize(
        "outputs", [5, "class", {"name": "class"}, [{}], [{"name": ["class"]}]]
    )
    def test_outputs_that_make_no_sense_are_no_choice(self, outputs):
        body = json.dumps({**json.loads(TENSORS), "outputs": outputs})
        text = default_answer(ROW, Asked(body, base64=False), FLOWERS, SAID)
        assert "class" in [output["name"] for output in json.loads(text)["outputs"]]

    def test_unit_is_that_of_the_model_when_a_value_is_answered(self):
        asked = Asked(json.dumps({"records": [GUEST]}), base64=False)
        text = default_answer({"value": 12.5}, asked, GUESTS, SAID)
        assert json.loads(text)["predictions"] == [
            {"value": 12.5, "unit": "EUR", "model_version": ""}
        ]


class TestProjection:
    LIGHT = msgspec.structs.replace(FLOWERS, inputs=[FLOWERS.inputs[2], FLOWERS.inputs[0]])

    @pytest.mark.parametrize("body", [RECORDS, TENSORS])
    def test_lighter_model_can_read_it(self, body):
        projected = project(Asked(body, base64=False), FLOWERS, self.LIGHT)
        question = Codec(self.LIGHT, Limits()).decode(projected.encode())
        assert question.numeric.tolist() == np.array([[1.4, 5.1]] * 3, np.float32).tolist()
        assert question.id == "mine"

    def test_packed_tensor_is_cut_to_its_inputs(self):
        data = [[5.1, 3.5, 1.4, 0.2], [6.0, 3.0, 4.5, 1.5]]
        tensor = {"name": "input", "shape": [2, 4], "datatype": "FP32", "data": data}
        body = json.dumps({"inputs": [tensor]})
        projected = project(Asked(body, base64=False), FLOWERS, self.LIGHT)
        question = Codec(self.LIGHT, Limits()).decode(projected.encode())
        assert question.numeric.tolist() == np.array([[1.4, 5.1], [4.5, 6.0]], np.float32).tolist()

    @pytest.mark.parametrize("body", ["", "[]", "{}", '{"records":[],"inputs":[]}'])
    def test_nothing_when_it_is_no_request(self, body):
        assert project(Asked(body, base64=False), FLOWERS, self.LIGHT) is None
