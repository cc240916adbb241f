from types import SimpleNamespace

import pytest
from devkit import releases
from devkit.api import ApiError
from devkit.errors import DevkitError


class FakeApi:
    """The API of one release: what each look at it shows."""

    def __init__(self, *looks, location="https://host/prod/models/iris/releases/r1"):
        self.sent = []
        self.paths = []
        self._looks = list(looks)
        self._headers = {"location": location} if location else {}

    def send(self, method, path, body):
        self.sent.append((method, path, body))
        return SimpleNamespace(headers=self._headers), {"id": "r1"}

    def get(self, path):
        self.paths.append(path)
        return self._looks.pop(0)


def test_only_what_was_said_is_asked_for_when_a_release_starts():
    api = FakeApi({"state": "succeeded"})
    releases.release(api, "iris", mode="load")
    assert api.sent == [("POST", "/models/iris/releases", {"kind": "release", "mode": "load"})]


@pytest.mark.parametrize("location", ["https://host/prod/models/iris/releases/r1", None])
def test_release_is_looked_at_when_its_location_has_another_base(location):
    api = FakeApi({"state": "succeeded"}, location=location)
    releases.release(api, "iris")
    assert api.paths == ["/models/iris/releases/r1"]


def test_each_step_is_told_once_when_it_is_seen_often():
    published, ready = {"name": "publish"}, {"name": "ready"}
    api = FakeApi(
        {"state": "running", "steps": [published]},
        {"state": "running", "steps": [published]},
        {"state": "succeeded", "steps": [published, ready]},
    )
    told = []
    releases.release(api, "iris", step=told.append)
    assert told == [published, ready]


def test_reason_when_a_release_fails():
    api = FakeApi({"state": "failed", "reason": "the recorded sample came out otherwise"})
    with pytest.raises(DevkitError, match="the recorded sample came out otherwise"):
        releases.release(api, "iris")


def test_tried_again_when_another_release_is_under_way():
    waited = []
    answers = [ApiError(409, {"detail": "another release"}), {"state": "succeeded"}]

    def attempt():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    done = releases.when_free(attempt, waiting=lambda: waited.append(1), pause=0)
    assert done == {"state": "succeeded"}
    assert waited == [1]


def test_given_up_when_the_refusal_is_another():
    def attempt():
        raise ApiError(404, {"detail": "no such version"})

    with pytest.raises(ApiError, match="no such version"):
        releases.when_free(attempt, pause=0)
