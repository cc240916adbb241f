"""What the port of jobs of graphs promises, held by the fake and by the adapter alike."""

from __future__ import annotations

import pytest
from fakes.clock import EPOCH
from fakes.dynamodb_server import TABLES
from fakes.graph_jobs import MemoryGraphJobs, a_graph_job, a_group, a_result
from msgspec.structs import replace
from servery.adapters.dynamodb_graph_jobs import DynamoDbGraphJobs
from servery.domain.graph_jobs import (
    GraphJobState,
    PartState,
    ended,
    listed,
    mark_sent,
    mark_told,
    order_of,
)
from servery.errors import ConflictError, NotFoundError, Violation
from servery.ports import GraphJobStore

NOW = EPOCH.timestamp()
LATER = NOW + 7 * 86_400


@pytest.fixture(params=["memory", *TABLES])
def store(request, monkeypatch):
    if request.param == "memory":
        yield MemoryGraphJobs()
        return
    with TABLES[request.param](monkeypatch, "JobsTable", "jobs") as client:
        yield DynamoDbGraphJobs(client, "jobs")


def an_id(number: int) -> str:
    return f"{number:026x}"


def created(number: int) -> str:
    return EPOCH.replace(microsecond=number).isoformat(timespec="microseconds")


def over(job, **more):
    more = {"result": '{"predictions": []}', **more}
    return ended(job, state=GraphJobState.DONE, finished=created(9), now=NOW, **more)


def test_it_fits_the_port(store):
    port: GraphJobStore = store
    assert port.results(an_id(1)) == []


class TestOneJob:
    def test_it_is_read_whole_when_it_was_added(self, store):
        job = a_graph_job(
            body='{"records": [{"name": "Grün \U0001f33c \\u0000"}]}',
            record=a_group("a", "b", "c", job_wait_s=17),
            origin="x/y",
            depth=3,
            due=NOW + 30.123456,
        )
        assert store.add(job) == job
        assert store.get(job.id) == job

    def test_the_first_is_given_back_when_the_id_is_taken(self, store):
        first = a_graph_job()
        store.add(first)
        assert store.add(a_graph_job(body="{}")) == first
        assert store.get(first.id) == first

    @pytest.mark.parametrize("job_id", ["f" * 26, "", "ü", "x" * 3000])
    def test_not_found_when_there_is_none(self, store, job_id):
        with pytest.raises(NotFoundError):
            store.get(job_id)

    def test_everything_changes_when_the_next_revision_is_written(self, store):
        job = a_graph_job()
        store.add(job)
        done = over(mark_sent(job), missing=["b"], arrived=["a"], partial=True)
        store.put(mark_sent(job))
        store.put(done)
        assert store.get(job.id) == done
        told = mark_told(done)
        store.put(told)
        assert store.get(job.id) == told

    @pytest.mark.parametrize("revision", [1, 2, 4])
    def test_conflict_when_the_revision_does_not_follow(self, store, revision):
        job = a_graph_job()
        store.add(job)
        sent = mark_sent(job)
        store.put(sent)
        with pytest.raises(ConflictError):
            store.put(replace(sent, revision=revision, reason="stale"))
        assert store.get(job.id) == sent

    def test_conflict_when_there_is_no_such_job(self, store):
        with pytest.raises(ConflictError):
            store.put(mark_sent(a_graph_job()))


class TestParts:
    def test_it_is_read_whole_when_it_was_added(self, store):
        result = a_result(
            state=PartState.FAILED,
            rows="",
            reason="no",
            error="InvalidInputError",
            violations=[Violation("records[0].x", "is null")],
            degraded=True,
        )
        assert store.add_result(result, expires=LATER) == result
        assert store.result(result.job, "a") == result
        assert store.results(result.job) == [result]

    def test_the_first_is_given_back_when_another_came_before(self, store):
        first = a_result(rows='["ü"]')
        store.add_result(first, expires=LATER)
        assert store.add_result(a_result(writer="other"), expires=LATER) == first
        assert store.results(first.job) == [first]

    def test_only_those_of_the_job_are_read_when_there_are_others(self, store):
        store.add(a_graph_job())
        store.add_result(a_result("a"), expires=LATER)
        store.add_result(a_result("b"), expires=LATER)
        store.add_result(a_result("a", an_id(1)), expires=LATER)
        assert [r.part for r in store.results("0" * 26)] == ["a", "b"]
        assert store.result("0" * 26, "c") is None

    def test_all_are_read_when_they_are_large(self, store):
        rows = '["' + "x" * 300_000 + '"]'
        for part in "abcdefgh":
            store.add_result(a_result(part, rows=rows), expires=LATER)
        found = store.results("0" * 26)
        assert [(r.part, r.rows == rows) for r in found] == [(p, True) for p in "abcdefgh"]

    def test_it_says_so_when_it_is_told(self, store):
        store.add_result(a_result(), expires=LATER)
        for _ in range(2):
            store.mark_told(a_result())
            assert store.result("0" * 26, "a") == a_result(told=True)

    def test_nothing_comes_of_it_when_what_is_told_is_gone(self, store):
        store.mark_told(a_result())
        assert store.result("0" * 26, "a") is None


class TestLists:
    def test_newest_come_first_when_there_are_pages(self, store):
        jobs = [a_graph_job(an_id(n), created=created(n)) for n in range(5)]
        for job in jobs:
            store.add(job)
        store.add(a_graph_job(an_id(9), graph="other", created=created(9)))
        first = store.page("g", None, limit=3, before="")
        assert first == [listed(job) for job in (jobs[4], jobs[3], jobs[2])]
        rest = store.page("g", None, limit=3, before=order_of(first[-1]))
        assert [job.id for job in rest] == [jobs[1].id, jobs[0].id]

    def test_it_moves_to_another_list_when_its_state_changes(self, store):
        job = a_graph_job()
        store.add(job)
        store.put(over(job, partial=True, missing=["b"]))
        assert store.page("g", GraphJobState.OPEN, limit=9, before="") == []
        (found,) = store.page("g", GraphJobState.DONE, limit=9, before="")
        assert (found.id, found.partial, found.missing) == (job.id, True, ["b"])


class TestDue:
    def test_longest_waiting_come_first_when_several_are_due(self, store):
        for n in range(12):
            store.add(a_graph_job(an_id(n), due=NOW + (n * 5) % 12))
        found = store.due(NOW + 6, limit=5)
        assert found == [an_id(n) for n in sorted(range(12), key=lambda n: (n * 5) % 12)[:5]]

    def test_it_is_left_alone_when_nobody_has_to_look(self, store):
        job = a_graph_job(due=NOW)
        store.add(job)
        done = over(job)
        store.put(done)
        assert store.due(NOW + 59, limit=9) == []
        assert store.due(NOW + 60, limit=9) == [job.id]
        store.put(mark_told(done))
        assert store.due(NOW + 1e9, limit=9) == []
