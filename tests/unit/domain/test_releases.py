from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from fakes.clock import EPOCH
from fakes.records import a_ref, a_release
from hypothesis import given
from hypothesis import strategies as st
from servery.domain.readiness import ready_answer, ready_question
from servery.domain.release_records import ReleaseState
from servery.domain.releases import LEASE_SECONDS, did, ended, release_id, seen_at
from servery.errors import ModelServerError


@given(st.lists(st.integers(0, 10**15), min_size=2, max_size=5, unique=True))
def test_ids_sort_by_time_when_releases_follow_each_other(microseconds):
    times = [EPOCH + timedelta(microseconds=m) for m in sorted(microseconds)]
    ids = [release_id(time, f"{9 - i}") for i, time in enumerate(times)]
    assert ids == sorted(ids)


def test_a_step_is_a_sign_of_life_when_it_is_written():
    record = a_release(started=EPOCH.isoformat())
    later = EPOCH + timedelta(seconds=LEASE_SECONDS - 1)
    record = did(record, "publish", now=later, detail="predictor:1")
    assert seen_at(record, EPOCH + timedelta(seconds=LEASE_SECONDS + 1)) == record
    given_up = seen_at(record, later + timedelta(seconds=LEASE_SECONDS))
    assert given_up.state is ReleaseState.FAILED
    assert "after publish" in given_up.reason


def test_an_end_stays_as_it_is_when_it_is_read_late():
    record = ended(a_release(), now=EPOCH)
    assert record.state is ReleaseState.SUCCEEDED
    assert seen_at(record, EPOCH + timedelta(days=400)) == record
    failed = ended(a_release(), now=EPOCH, reason="slow")
    assert (failed.state, failed.reason) == (ReleaseState.FAILED, "slow")


def test_the_question_names_the_model_whole_when_it_is_asked():
    asked = msgspec.json.decode(ready_question(a_ref()))
    assert asked["verb"] == "ready"
    assert msgspec.convert(asked["ref"], type(a_ref())) == a_ref()


def answer(**changes):
    ref = a_ref()
    told = {"status": 200, "ready": True, "model_version": ref.version, "digest": ref.digest}
    return ready_answer(ref, msgspec.json.encode(told | changes))


def test_it_is_ready_when_it_has_the_model():
    assert answer(load_ms=3.5, runtime="onnx", new_field=[1]).ready


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"digest": "0" * 64}, "another digest"),
        ({"model_version": "9.0.0-d.s"}, "another version"),
        ({"ready": False, "reason": "sample differs"}, "sample differs"),
        ({"ready": False}, "gave no reason"),
    ],
)
def test_it_is_not_ready_and_says_why_when_something_differs(changes, reason):
    told = answer(**changes)
    assert not told.ready
    assert reason in told.reason


@pytest.mark.parametrize("content", [b"", b"null", b"{}", b"[]", b'{"status": "x"}', b"\xff"])
def test_a_server_error_when_the_answer_is_none(content):
    with pytest.raises(ModelServerError):
        ready_answer(a_ref(), content)
