"""Searches over HTTP."""

from __future__ import annotations

import msgspec
import pytest
from fakes.api_calls import call as call_api
from fakes.records import a_model
from fakes.searches import SearchPlant, search_spec
from msgspec.structs import replace
from servery.domain.search_records import SearchState
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.search import SearchApi
from servery.edge.telemetry import Telemetry
from servery.errors import UnavailableError
from servery.ports import Halt

SEARCHES = "/models/flower/searches"


class Line:
    """A queue that can be down."""

    def __init__(self, plant):
        self.plant, self.down, self.names, self.over = plant, False, [], {}

    def start(self, name, event):
        if self.down:
            raise UnavailableError("Step Functions does not answer")
        self.names.append(name)
        self.plant.event = event

    def halt(self, name):
        if self.down:
            raise UnavailableError("Step Functions does not answer")
        return self.over.get(name) if name in self.names else Halt("missing")


@pytest.fixture
def plant():
    return SearchPlant(search_spec(algorithm="random"))


@pytest.fixture
def line(plant):
    return Line(plant)


@pytest.fixture
def call(plant, line):
    searches = SearchApi(
        plant.store,
        objects=plant.objects,
        registry=plant.registry,
        queue=line,
        clock=plant.clock,
    )
    api = Api("search", searches.calls(), cors=Cors(""), telemetry=Telemetry("search"))
    return lambda *asked: call_api(api, *asked)


def test_search_is_told_whole_when_it_has_run(plant, call):
    started = call("POST", SEARCHES, {"spec": plant.spec})
    search = started.body["id"]
    before = call("GET", f"{SEARCHES}/{search}")
    plant.go_on()
    told = call("GET", f"{SEARCHES}/{search}").body

    assert (started.status, started.headers["location"]) == (202, f"searches/{search}")
    assert (before.body["state"], before.headers["retry-after"]) == ("queued", "1")
    assert told["state"] == "succeeded"
    assert told["counts"] == {"proposed": 12, "done": 12, "failed": 0, "skipped": 0, "running": 0}
    assert [trial["number"] for trial in told["trials"]] == list(range(12))
    assert told["spec"] == plant.spec
    assert told["winner_spec"]["estimator"]["params"] == told["winner"]["params"]
    assert told["cost_usd"] == pytest.approx(sum(trial["cost_usd"] for trial in told["trials"]))
    assert told["seconds"] == pytest.approx(24.0)


def test_trials_come_in_pages_when_they_are_many(plant, call):
    record = plant.run()
    first = call("GET", f"{SEARCHES}/{record.id}?limit=8").body
    rest = call("GET", f"{SEARCHES}/{record.id}?limit=8&after={first['next']}").body

    assert [t["number"] for t in first["trials"]] == list(range(8))
    assert [t["number"] for t in rest["trials"]] == [8, 9, 10, 11]
    assert rest["next"] == ""


def test_pages_are_shorter_when_trials_are_large(plant, call):
    record = plant.run()
    for number in range(12, 40):
        large = replace(plant.trials[0], number=number, preprocessing=["x" * 150_000])
        plant.store.add_trial(record.id, large)

    numbers, path = [], f"{SEARCHES}/{record.id}"
    following = "-1"
    while following:
        told = call("GET", path if following == "-1" else f"{path}?after={following}").body
        assert len(msgspec.json.encode(told["trials"])) < 3_200_000
        numbers += [trial["number"] for trial in told["trials"]]
        following = told["next"]

    assert numbers == list(range(40))


def test_searches_are_listed_newest_first_when_there_are_some(plant, call):
    ids = []
    for _ in range(3):
        plant.clock.advance(1)
        ids.append(call("POST", SEARCHES, {"spec": plant.spec}).body["id"])
    page = call("GET", f"{SEARCHES}?limit=2").body
    rest = call("GET", f"{SEARCHES}?limit=2&before={page['next']}").body

    assert [s["id"] for s in page["searches"] + rest["searches"]] == ids[::-1]
    assert rest["next"] == ""


def test_last_spec_is_searched_when_none_is_sent(plant, call):
    assert call("POST", SEARCHES).status == 404
    plant.registry.put_model(replace(a_model("flower"), spec=plant.spec))

    assert call("POST", SEARCHES).status == 202


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "other"}, "spec.name"),
        ({"search": None}, "spec.search"),
        ({"search": {"candidates": []}}, "search.candidates"),
    ],
)
def test_search_is_refused_by_field_when_its_spec_says_none(plant, call, change, field):
    refused = call("POST", SEARCHES, {"spec": {**plant.spec, **change}})

    assert refused.status == 422
    assert refused.body["errors"][0]["field"] == field


def test_search_has_failed_and_can_be_resumed_when_nobody_could_start_it(plant, line, call):
    line.down = True
    assert call("POST", SEARCHES, {"spec": plant.spec}).status == 503
    (failed,) = call("GET", SEARCHES).body["searches"]
    line.down = False
    resumed = call("POST", f"{SEARCHES}/{failed['id']}/resume")
    plant.go_on()

    assert (failed["state"], "does not answer" in failed["reason"]) == ("failed", True)
    assert (resumed.status, resumed.headers["location"]) == (202, f"../{failed['id']}")
    assert line.names == [f"{failed['id']}-r2"]
    assert call("GET", f"{SEARCHES}/{failed['id']}").body["state"] == "succeeded"
    assert call("POST", f"{SEARCHES}/{failed['id']}/resume").status == 409


def test_no_trial_is_run_again_when_a_search_that_failed_is_resumed(plant, call):
    search = call("POST", SEARCHES, {"spec": plant.spec}).body["id"]
    resources = plant._resources()

    def broken(_event):
        raise ValueError("no room on the disk")

    plant._resources = lambda: {**resources, "${SearchChooseFunctionArn}": broken}
    plant.go_on()
    failed = plant.store.search("flower", search)
    fits = len(plant.fits)
    plant._resources = lambda: resources
    call("POST", f"{SEARCHES}/{search}/resume")
    plant.go_on()

    assert (failed.state, "no room" in failed.reason) == (SearchState.FAILED, True)
    assert len(plant.fits) == fits == 60
    assert plant.store.search("flower", search).state is SearchState.SUCCEEDED


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ("aborted", "aborted from outside"),
        ("timed_out", "out of time"),
        ("failed", "without a word"),
    ],
)
def test_search_has_failed_when_its_execution_is_no_more(plant, line, call, ended, said):
    search = call("POST", SEARCHES, {"spec": plant.spec}).body["id"]
    running = call("GET", f"{SEARCHES}/{search}").body
    line.over[search] = Halt(ended, plant.clock.now())
    told = call("GET", f"{SEARCHES}/{search}").body

    assert running["state"] == "queued"
    assert (told["state"], said in told["reason"]) == ("failed", True)
    assert told["finished"]
    assert call("POST", f"{SEARCHES}/{search}/stop").status == 409
    assert call("POST", f"{SEARCHES}/{search}/resume").status == 202
    plant.go_on()
    assert call("GET", f"{SEARCHES}/{search}").body["state"] == "succeeded"


def test_search_goes_on_when_it_is_resumed_after_its_execution_was_aborted(plant, line, call):
    rules = {**plant.spec["search"], "stop": {"seconds": 60}}
    search = call("POST", SEARCHES, {"spec": {**plant.spec, "search": rules}}).body["id"]
    states = []

    def dies(event):
        states.append(call("GET", f"{SEARCHES}/{search}").body["state"])
        if event["trial"]["number"] == 5 and len(states) < 12:
            raise KeyboardInterrupt

    plant.before_trial = dies
    with pytest.raises(KeyboardInterrupt):
        plant.go_on()
    begun = len(plant.trials)
    refused = call("POST", f"{SEARCHES}/{search}/resume")
    line.over[search] = Halt("aborted", plant.clock.now())
    plant.clock.advance(86_400)
    resumed = call("POST", f"{SEARCHES}/{search}/resume")
    states += [None] * 12
    plant.go_on()

    assert (refused.status, resumed.status) == (409, 202)
    assert line.names == [search, f"{search}-r2"]
    assert set(states) - {None} == {"running"}
    assert call("GET", f"{SEARCHES}/{search}").body["seconds"] == pytest.approx(24.0)
    assert 0 < begun < 12
    assert len(plant.fits) == 5 * 12
    assert plant.store.search("flower", search).state is SearchState.SUCCEEDED


def test_search_has_failed_when_its_execution_never_came_to_be_and_not_at_once(plant, line, call):
    search = call("POST", SEARCHES, {"spec": plant.spec}).body["id"]
    line.names.clear()
    at_once = call("GET", f"{SEARCHES}/{search}").body["state"]
    plant.clock.advance(61)

    assert at_once == "queued"
    assert call("GET", f"{SEARCHES}/{search}").body["state"] == "failed"


def test_search_is_told_when_nobody_knows_whether_it_runs(plant, line, call):
    search = call("POST", SEARCHES, {"spec": plant.spec}).body["id"]
    line.down = True

    assert call("GET", f"{SEARCHES}/{search}").body["state"] == "queued"
    assert call("POST", f"{SEARCHES}/{search}/stop").status == 503


def test_test_rows_are_not_looked_at_for_another_when_a_stopped_search_is_resumed(plant, call):
    spec = {**plant.spec, "search": {**plant.spec["search"], "algorithm": "tpe"}}
    search = call("POST", SEARCHES, {"spec": spec}).body["id"]
    resources = plant._resources()

    def stops(event):
        if event["trial"]["number"] == 4:
            call("POST", f"{SEARCHES}/{search}/stop")

    def broken(_event):
        raise ValueError("no room on the disk")

    plant.before_trial = stops
    plant._resources = lambda: {**resources, "${TrainingEvaluateFunctionArn}": broken}
    plant.go_on()
    failed = plant.store.search("flower", search)
    plant._resources = lambda: resources
    call("POST", f"{SEARCHES}/{search}/resume")
    plant.go_on()
    record = plant.store.search("flower", search)

    assert (failed.state, record.state) == (SearchState.FAILED, SearchState.SUCCEEDED)
    assert record.winner.number == failed.winner.number
    assert record.counts == failed.counts


def test_stop_is_refused_when_the_trials_are_over(plant, call):
    started = call("POST", SEARCHES, {"spec": plant.spec}).body
    asked = call("POST", f"{SEARCHES}/{started['id']}/stop")
    plant.go_on()

    assert (asked.status, asked.body["stop_asked"]) == (200, True)
    assert call("POST", f"{SEARCHES}/{started['id']}/stop").status == 409
    assert call("POST", f"{SEARCHES}/nobody/stop").status == 404


@pytest.mark.parametrize("query", ["after=x", "limit=-1", "page=2"])
def test_question_is_refused_when_it_cannot_be_read(plant, call, query):
    record = plant.run()

    assert call("GET", f"{SEARCHES}/{record.id}?{query}").status == 422
