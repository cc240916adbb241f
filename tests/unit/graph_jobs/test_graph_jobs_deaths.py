"""A process dies before or after any of its calls: nothing is lost, and there is one end."""

from __future__ import annotations

from contextlib import suppress

import pytest
from fakes.fan_out_plant import FanOut
from fakes.graph_plant import classes
from fakes.jobs import DiedError, Life
from servery.domain.graph_jobs import GraphJobState
from servery.errors import UnavailableError


def carried_out(life: Life) -> tuple[FanOut, str]:
    """A plant in which one job was taken and went its way, whoever died; and the job's id."""
    plant = FanOut(life)
    for name in ("a", "b"):
        plant.models.model(name, classes("yes"))
    plant.group("a", "b", aggregate="vote")
    with suppress(DiedError):
        plant.submit(key="k")
    for _ in range(12):
        with suppress(DiedError):
            plant.go_on(30)
    return plant, plant.memory.all()[0].id if plant.memory.all() else ""


MOMENTS = carried_out(Life())[0].life.moments


@pytest.mark.parametrize("moment", range(1, len(MOMENTS) + 1))
def test_it_ends_once_and_nothing_is_lost_when_a_process_dies(moment):
    plant, job_id = carried_out(Life(ends_at=moment))
    if MOMENTS[moment - 1] == "before add":
        assert not job_id  # and its caller was not told otherwise
        return
    job = plant.job(job_id)
    assert (job.state, job.missing, job.told, job.due) == (GraphJobState.DONE, [], True, None)
    assert {result.part for _, result in plant.events.members} == {"a", "b"}
    assert not any(plant.store.results(job_id)[n].told is False for n in range(2))
    ends = plant.events.ends
    assert len({(end.id, end.result, end.finished) for end in ends}) == 1
    # Between the event and its note there is nothing that could know: it comes again, the same.
    told_twice = MOMENTS[:moment].count("after finished") == 1 and not _noted(moment)
    assert len(ends) == (2 if told_twice else 1)


@pytest.mark.parametrize("moment", range(1, len(MOMENTS) + 1))
def test_it_ends_once_and_nothing_is_lost_when_a_call_fails(moment):
    life = Life(fails_at=moment, failure=UnavailableError("not now"))
    plant = FanOut(life)
    for name in ("a", "b"):
        plant.models.model(name, classes("yes"))
    plant.group("a", "b", aggregate="vote")
    try:
        job_id = plant.submit(key="k").job.id
    except UnavailableError:
        assert MOMENTS[moment - 1].endswith(" add")
        job_id = plant.submit(key="k").job.id  # as a caller does that was refused
    plant.go_on(300)
    job = plant.job(job_id)
    assert (job.state, job.missing, job.told) == (GraphJobState.DONE, [], True)
    assert {result.part for _, result in plant.events.members} == {"a", "b"}
    assert len({(end.id, end.result, end.finished) for end in plant.events.ends}) == 1


def _noted(moment: int) -> bool:
    """Whether the write behind the event of the end had happened by a moment."""
    behind = MOMENTS.index("after finished")
    return "after put" in MOMENTS[behind:moment]
