"""Lines of the prediction log: sampling, size, and what is known to be JSON."""

from __future__ import annotations

import base64
import json

import pytest
from fakes.clock import SetClock
from fakes.prediction_log import MemoryPredictionLog
from hypothesis import given
from hypothesis import strategies as st
from servery.adapters.log_key import LogKey
from servery.domain.personal import Personal, Treatment, key_hash
from servery.errors import UnavailableError
from servery.usecases.monitoring import MOST_LINE_BYTES, Outcome, Recorder, in_sample


def record(key=None, **changes) -> list[dict]:
    values = {"request_id": "r", "model": "iris", "sample": 1.0, "status": 200, "latency_ms": 1.0}
    log = MemoryPredictionLog()
    Recorder(log, SetClock(), key).record(Outcome(**(values | changes)))
    assert all(len(line) + 1 <= MOST_LINE_BYTES for line in log.lines)
    assert not any(b"\n" in line for line in log.lines)
    return log.entries


class TestSample:
    def test_none_and_all_when_the_share_is_0_and_1(self):
        ids = [f"r{number}" for number in range(1000)]
        assert not any(in_sample(i, 0.0) for i in ids)
        assert all(in_sample(i, 1.0) for i in ids)

    def test_about_the_share_when_there_are_many(self):
        taken = sum(in_sample(f"r{number}", 0.25) for number in range(10_000))
        assert 2300 < taken < 2700

    @given(st.text(alphabet="abc123-_.", min_size=1), st.floats(0, 1), st.floats(0, 1))
    def test_larger_sample_has_all_of_the_smaller_one(self, request_id, one, other):
        if in_sample(request_id, min(one, other)):
            assert in_sample(request_id, max(one, other))

    @pytest.mark.parametrize("status", [400, 404, 422, 429, 500, 504])
    def test_failures_are_logged_when_the_sample_is_empty(self, status):
        assert record(sample=0.0, status=status)
        assert not record(sample=0.0)


class TestInput:
    def test_it_is_json_when_it_was_answered(self):
        assert record(body='{"a":\n[1,\r\n 2]}')[0]["input"] == {"a": [1, 2]}

    def test_it_is_decoded_when_it_came_in_base64(self):
        body = base64.b64encode(b'{"a": 1}').decode()
        assert record(body=body, base64=True)[0]["input"] == {"a": 1}

    @given(st.recursive(st.integers() | st.text() | st.booleans() | st.none(), st.lists))
    def test_it_says_the_same_on_one_line_when_it_had_many(self, value):
        assert record(body=json.dumps({"a": value}, indent=2))[0]["input"] == {"a": value}

    def test_only_what_is_not_personal_stays_when_it_was_answered(self):
        values = {"body": '{"a": 1}', "answer": '{"b": 2}'}
        parts = ("input", "output")
        for left_out, kept in (("input", [None, {"b": 2}]), ("output", [{"a": 1}, None])):
            entry = record(**values, unlogged=[left_out])[0]
            assert [entry[part] for part in parts] == kept

    def test_the_reason_of_a_refusal_stays_when_the_target_is_personal(self):
        assert record(status=422, answer='{"c": 3}', unlogged=["output"])[0]["output"] == {"c": 3}

    @pytest.mark.parametrize("status", [400, 422, 500])
    def test_it_is_left_out_when_it_was_not_answered(self, status):
        entry = record(status=status, body="no json {")[0]
        assert entry["input"] is None
        assert entry["malformed"] is (status == 400)


class TestPersonal:
    ABOUT = Personal(fields={"sex": Treatment.OMIT, "zip": Treatment.HASH}, inputs=["sex", "zip"])
    BODY = '{"records": [{"sex": 1, "zip": "8001", "age": 30}]}'

    def record(self, key, **changes):
        values = {"body": self.BODY, "unlogged": ["input"], "personal": self.ABOUT, **changes}
        return record(key=key, **values)[0]

    @pytest.mark.parametrize("base64_too", [False, True])
    def test_the_rest_is_kept_when_fields_are_personal(self, base64_too):
        body = base64.b64encode(self.BODY.encode()).decode() if base64_too else self.BODY
        entry = self.record(lambda: b"k", body=body, base64=base64_too)
        assert entry["input"] == {
            "records": [{"age": 30, "zip": key_hash(b"k")("zip", "8001")}],
        }
        assert (entry["hashed"], entry["omitted"]) == (["input.zip"], ["input.sex"])

    def test_fields_are_left_out_when_there_is_no_key(self):
        def fail():
            raise UnavailableError("no key")

        for key in (None, fail):
            entry = self.record(key)
            assert entry["input"] == {"records": [{"age": 30}]}
            assert (entry["hashed"], entry["omitted"]) == ([], ["input.sex", "input.zip"])

    def test_all_of_it_is_left_out_when_nobody_says_which_fields(self):
        entry = self.record(None, personal=None)
        assert (entry["input"], entry["omitted"]) == (None, ["input"])

    def test_what_was_predicted_is_hashed_when_the_target_is_personal(self):
        answer = '{"predictions":[{"class":"a","probabilities":{"a":1}}]}'
        entry = self.record(
            lambda: b"k",
            unlogged=["output"],
            personal=Personal(target=Treatment.HASH),
            answer=answer,
        )
        assert entry["output"] == {"predictions": [{"class": key_hash(b"k")("class", "a")}]}
        assert (entry["input"]["records"][0]["sex"], entry["hashed"]) == (1, ["output"])

    def test_the_key_is_not_asked_for_when_nothing_is_hashed(self):
        about = Personal(fields={"sex": Treatment.OMIT}, inputs=["sex"])
        entry = self.record(lambda: pytest.fail("not needed"), personal=about)
        assert entry["omitted"] == ["input.sex"]


def test_key_is_not_asked_for_again_at_once_when_it_is_not_to_be_had():
    asked, now = [], [0.0]

    def secret():
        asked.append(now[0])
        if len(asked) == 1:
            raise UnavailableError("no secret")
        return "s"

    key = LogKey(secret, seconds=lambda: now[0])
    for second in (0.0, 1.0, 29.0):
        now[0] = second
        with pytest.raises(UnavailableError):
            key.read()
    now[0] = 31.0
    assert len(key.read()) == 32
    assert asked == [0.0, 31.0]


class TestSize:
    def test_input_is_left_out_when_the_line_would_be_too_long(self):
        entry = record(body=json.dumps("x" * MOST_LINE_BYTES), answer='{"a":1}')[0]
        assert (entry["input"], entry["output"], entry["truncated"]) == (None, {"a": 1}, True)

    def test_output_is_left_out_when_no_line_has_room_for_it(self):
        long = json.dumps("x" * MOST_LINE_BYTES)
        entry = record(body="{}", answer=long)[0]
        assert (entry["input"], entry["output"], entry["truncated"]) == ({}, None, True)

    def test_output_is_left_out_too_when_that_of_the_input_is_not_enough(self):
        nearly = json.dumps("x" * (MOST_LINE_BYTES - 10))
        entry = record(body=nearly, answer=nearly)[0]
        assert (entry["input"], entry["output"], entry["truncated"]) == (None, None, True)

    def test_all_is_kept_when_it_fits(self):
        entry = record(body=json.dumps("x" * (MOST_LINE_BYTES - 1000)))[0]
        assert entry["truncated"] is False


def test_model_is_unknown_when_there_is_none():
    assert record(model="", status=404)[0]["model"] == "unknown"
