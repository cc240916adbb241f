"""What the answer of a member sets going: one job of the next graph, however often it is told."""

from __future__ import annotations

import json

import msgspec
import pytest
from fakes.graph_plant import values
from servery.domain.entities import EntityColumn
from servery.domain.graph_jobs import GraphJobState
from servery.domain.signature import Dtype
from servery.errors import InvalidInputError, NotFoundError, UnavailableError


@pytest.fixture
def chain(plant):
    """A graph whose member u sets another graph going for rows above 1.5."""
    plant.group("a", "b", name="closer", aggregate="vote")
    then = {"u": {"graph": "closer", "when": {"of": "value", "above": 1.5}}}
    plant.group("u", "v", aggregate="mean", then=then)
    return plant


def records(plant, job_id):
    return msgspec.json.decode(plant.job(job_id).body)["records"]


def test_the_next_graph_is_asked_about_the_rows_concerned_when_a_member_answers(chain):
    job_id = chain.accepted(1.0, 2.0, 3.0)
    chain.work()
    made = chain.follow(job_id, "u").submitted
    assert made.new
    assert (made.job.graph, made.job.origin, made.job.depth) == ("closer", f"{job_id}/u", 1)
    assert records(chain, made.job.id) == [{"x": 2.0}, {"x": 3.0}]
    chain.work()
    assert chain.job(made.job.id).state is GraphJobState.DONE
    assert chain.view(made.job.id, graph="closer").origin == f"{job_id}/u"


def test_it_is_the_one_job_when_the_event_comes_again(chain):
    job_id = chain.accepted(2.0)
    chain.work()
    first = chain.follow(job_id, "u").submitted
    chain.work()
    for _ in range(3):
        again = chain.follow(job_id, "u").submitted
        assert (again.new, again.job.id) == (False, first.job.id)
    assert chain.waiting == 0
    other = chain.accepted(2.0)
    chain.work()
    assert chain.follow(other, "u").submitted.job.id != first.job.id


def test_it_does_not_wait_for_the_others_and_may_be_late(chain):
    job_id = chain.accepted(2.0)
    (message,) = chain.topic.slots[0].receive()
    chain.deliver(message, chain.topic.slots[0])
    assert chain.job(job_id).state is GraphJobState.OPEN
    assert chain.follow(job_id, "u").submitted.new


@pytest.mark.parametrize(
    ("x", "member", "reason"),
    [
        (1.0, "u", "it concerns no row"),
        (2.0, "v", "nothing follows it"),
        (2.0, "graph", "nothing follows it"),
    ],
)
def test_nothing_is_asked_when_nothing_follows(chain, x, member, reason):
    job_id = chain.accepted(x)
    chain.work()
    followed = chain.follow(job_id, member)
    assert (followed.submitted, followed.reason) == (None, reason)


def test_nothing_is_asked_when_the_member_has_failed_or_is_not_in(chain):
    job_id = chain.accepted(2.0)
    assert chain.follow(job_id, "u").reason == "the member has not answered"
    chain.models.models["u"].answer = lambda rows: UnavailableError("away")
    chain.go_on(200)
    assert chain.follow(job_id, "u").reason == "the member has not answered"


def test_columns_are_named_when_the_next_graph_takes_others(chain):
    chain.models.graph(
        {"name": "closer", "steps": [{"name": "one", "model": "a"}]}, {}, "x:float age:int"
    )
    job_id = chain.accepted(1.0, 2.0)
    chain.work()
    with pytest.raises(InvalidInputError) as caught:
        chain.follow(job_id, "u")
    assert [v.field for v in caught.value.violations] == ["records[1].age"]


def test_column_is_named_when_the_next_graph_takes_another_unit_by_now(chain):
    columns = [EntityColumn(name="x", dtype=Dtype.FLOAT, unit="mm")]
    record = msgspec.structs.replace(chain.graphs["closer"], request=columns)
    chain.models.records["closer"] = record
    job_id = chain.accepted(1.0, 2.0)
    chain.work()
    with pytest.raises(InvalidInputError) as caught:
        chain.follow(job_id, "u")
    (wrong,) = caught.value.violations
    assert wrong.field == "records[1].x"
    assert wrong.message == "is in 1; the next graph takes it in mm"


def test_column_is_null_when_the_next_graph_can_do_without(chain):
    chain.models.graph(
        {"name": "closer", "steps": [{"name": "one", "model": "a"}]}, {}, "x:float age:int?"
    )
    job_id = chain.accepted(2.0)
    chain.work()
    followed = chain.follow(job_id, "u").submitted
    assert json.loads(followed.job.body) == {"records": [{"x": 2.0, "age": None}]}


def test_nothing_follows_when_the_job_is_of_another_stack(chain):
    assert chain.follow("f" * 26, "u").reason == "there is no such job"


def test_not_found_when_there_is_no_such_graph(chain):
    job_id = chain.accepted(2.0)
    chain.work()
    del chain.graphs["closer"]
    with pytest.raises(NotFoundError):
        chain.follow(job_id, "u")


def test_a_circle_ends_when_eight_have_followed(plant):
    plant.models.model("u", values(lambda row: row["x"]))
    plant.group("u", "v", aggregate="mean", then={"u": {"graph": "g"}})
    job_id, jobs = plant.accepted(2.0), []
    plant.work()
    while (followed := plant.follow(job_id, "u")).submitted is not None:
        job_id = followed.submitted.job.id
        jobs.append(job_id)
        plant.work()
    assert len(set(jobs)) == 8
    assert "8 jobs" in followed.reason
