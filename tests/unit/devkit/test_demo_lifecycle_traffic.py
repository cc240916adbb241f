import json
from contextlib import contextmanager
from threading import Event, Lock

import httpx
import pytest
from devkit.api import Api
from devkit.demo_lifecycle_traffic import NOISE, Rows, Traffic

WINES = [({"alcohol": 13.0, "proline": 1000.0}, "cultivar_1")]
ENOUGH = 12


class Server:
    """Answers as a model does, and keeps the labels that it is told.

    Args:
        fails: Number of a request to what is answered instead.
        busy: How many times labels are not taken first.
    """

    def __init__(self, fails=None, busy=0):
        self.fails, self.busy = fails or {}, busy
        self.asked, self.labels = [], []
        self.enough, self.told, self._lock = Event(), Event(), Lock()

    def __call__(self, request):
        body = json.loads(request.content)
        with self._lock:
            return self._labels(body) if request.url.path == "/labels" else self._infer(body)

    def _infer(self, body):
        number = len(self.asked)
        self.asked.append(body["records"][0])
        if number + 1 >= ENOUGH:
            self.enough.set()
        failure = self.fails.get(number)
        if isinstance(failure, Exception):
            raise failure
        said = {"class": "cultivar_1" if number % 2 else "cultivar_2"}
        answer = {"request_id": f"r-{number}", "model_version": "1.1.0", "predictions": [said]}
        return failure or httpx.Response(200, json=answer)

    def _labels(self, body):
        if self.busy:
            self.busy -= 1
            return httpx.Response(400, json={"detail": "not now"})
        assert body["model"] == "wine"
        self.labels += body["labels"]
        self.told.set()
        return httpx.Response(202, json={})


@contextmanager
def asking(server, rows=None, **more):
    with httpx.Client(transport=httpx.MockTransport(server), base_url="http://s") as http:
        traffic = Traffic(
            http, Api(http), "wine", rows or Rows(WINES), per_second=400, callers=2, **more
        )
        with traffic:
            assert server.enough.wait(20)
            yield traffic


def test_every_answer_is_counted_and_told_when_traffic_is_over():
    server = Server()

    with asking(server) as traffic:
        pass

    asked = traffic.asked
    assert len(asked) == len(server.asked) >= ENOUGH
    assert not any(each.failed for each in asked)
    assert {each.version for each in asked} == {"1.1.0"}
    assert sum(each.right for each in asked) == len(asked) // 2
    ids = {label["request_id"] for label in server.labels}
    assert ids == {f"r-{number}" for number in range(len(asked))}
    assert {label["label"] for label in server.labels} == {"cultivar_1"}
    assert traffic.told == len(asked)


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (httpx.Response(503, text="busy"), 503),
        (httpx.Response(422, text="refused"), 422),
        (httpx.Response(202, json={}), 202),
        (httpx.Response(200, json={"predictions": []}), 0),
        (httpx.Response(200, text="no JSON"), 0),
        (httpx.ConnectError("nobody there"), 0),
    ],
)
def test_request_is_not_sent_again_when_it_has_failed(failure, status):
    server = Server(fails={3: failure})

    with asking(server) as traffic:
        pass

    failed = [each for each in traffic.asked if each.failed]
    assert [each.status for each in failed] == [status]
    assert failed[0].said
    assert len(server.labels) == len(server.asked) - 1


def test_labels_are_told_later_when_the_api_does_not_take_them():
    server = Server(busy=1)

    with asking(server) as traffic:
        assert server.told.wait(20)

    assert {label["request_id"] for label in server.labels} == {
        f"r-{number}" for number in range(traffic.told)
    }
    assert traffic.told == len(server.asked)


def test_rows_are_measured_anew_when_they_are_drawn():
    drawn = [Rows(WINES, seed=seed).draw()[0]["proline"] for seed in range(200)]

    assert len(set(drawn)) > 190
    assert sum(drawn) / len(drawn) == pytest.approx(1000, rel=NOISE)


def test_truth_stays_when_the_values_shift():
    rows, shifted = Rows(WINES, seed=1), Rows(WINES, seed=1, shift={"proline": 0.5})

    (before, truth), (after, same) = rows.draw(), shifted.draw()

    assert after == {"alcohol": before["alcohol"], "proline": before["proline"] / 2}
    assert truth == same == "cultivar_1"
