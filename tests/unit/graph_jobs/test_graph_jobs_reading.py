"""Looking at jobs of graphs: one, and lists in pages."""

from __future__ import annotations

import pytest
from servery.domain.graph_jobs import GraphJobState
from servery.errors import InvalidInputError, NotFoundError
from servery.usecases.graph.fan_out.reading import GraphReadPorts, list_jobs


def listed(plant, graph="g", state=None, limit=20, before=""):
    ports = GraphReadPorts(
        store=plant.store, documents=plant.documents, graphs=plant, clock=plant.clock
    )
    return list_jobs(graph, ports, state=state, limit=limit, before=before)


def test_all_are_listed_newest_first_when_there_are_pages(plant):
    plant.group("a", "b", aggregate="vote")
    jobs = []
    for _ in range(5):
        plant.clock.advance(1)
        jobs.insert(0, plant.accepted())
    seen, before = [], ""
    while True:
        page = listed(plant, limit=2, before=before)
        seen += [job.id for job in page.jobs]
        if not page.next:
            break
        before = page.next
    assert seen == jobs
    assert page.jobs[0].parts == []


def test_only_those_in_a_state_are_listed_when_it_is_asked_for(plant):
    plant.group("a", "b", aggregate="vote")
    done = plant.accepted()
    plant.work()
    open_ = plant.accepted()
    assert [j.id for j in listed(plant, state=GraphJobState.OPEN).jobs] == [open_]
    assert [j.id for j in listed(plant, state=GraphJobState.DONE).jobs] == [done]


def test_list_is_empty_when_the_graph_has_no_jobs_and_not_found_when_there_is_none(plant):
    plant.group("a", "b")
    assert listed(plant).jobs == []
    with pytest.raises(NotFoundError):
        listed(plant, "nobody")


def test_jobs_are_still_listed_when_their_graph_is_gone(plant):
    plant.group("a", "b")
    job_id = plant.accepted()
    del plant.graphs["g"]
    assert [job.id for job in listed(plant).jobs] == [job_id]
    plant.work()
    assert plant.view(job_id).state is GraphJobState.DONE


@pytest.mark.parametrize("before", ["x", "2026-03-01", "2026-03-01T12:00:00.000000_zz"])
def test_page_is_refused_when_it_is_no_next_of_any(plant, before):
    plant.group("a", "b")
    with pytest.raises(InvalidInputError, match="query"):
        listed(plant, before=before)


def test_not_found_when_the_job_is_of_another_graph_or_over_or_none(plant):
    plant.group("a", "b")
    plant.group("a", "b", name="other")
    job_id = plant.accepted()
    for graph, one in (("other", job_id), ("g", "nothing"), ("g", "f" * 26)):
        with pytest.raises(NotFoundError):
            plant.view(one, graph=graph)
    plant.clock.advance(7 * 86_400)
    with pytest.raises(NotFoundError):
        plant.view(job_id)


def test_it_goes_by_the_graph_that_it_was_accepted_by_when_that_has_changed(plant):
    plant.group("a", "b", aggregate="vote")
    job_id = plant.accepted()
    plant.group("u", "v", aggregate="mean")
    plant.work()
    assert [part.name for part in plant.view(job_id).parts] == ["a", "b"]
    assert plant.predictions(job_id)[0]["class"] == "yes"
