"""Jobs whose model has become half of a pair since they were accepted."""

from __future__ import annotations

import json

import pytest
from fakes.jobs import a_job
from fakes.records import a_deployment, a_ref, a_server
from servery.domain.deployment import Served
from servery.domain.jobs import JobState
from servery.domain.manifest import Part
from servery.errors import UnavailableError


def pair_up(plant, part, revision=2):
    ref = a_ref("2.0.0-1.1", part=part, pair="a" * 32)
    champion = Served(ref=ref, server=a_server(7), partner="other")
    plant.registry.put_deployment(a_deployment(revision, champion=champion))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("part", list(Part))
def test_jobs_fail_with_what_to_ask_instead_when_their_model_is_half_of_a_pair(plant, part, count):
    jobs = [a_job(f"{n:026x}") for n in range(count)]
    plant.accept(*jobs)
    pair_up(plant, part)
    plant.clock.advance(3)
    plant.work()
    assert plant.servers.calls == []
    for job in (plant.store.get(job.id) for job in jobs):
        assert (job.state, job.status) == (JobState.FAILED, 422)
        assert "/v2/graphs/{graph}/jobs" in job.reason
        assert json.loads(job.result)["type"] == "urn:servery:problem:invalid-input"
    assert not plant.dead.ids


def test_jobs_fail_when_the_record_moves_on_to_half_of_a_pair_while_they_are_asked(plant):
    def gone(body):
        pair_up(plant, Part.PREPROCESSOR)
        return UnavailableError("the model server is not there")

    plant.servers.answer = gone
    job = a_job("0" * 26)
    plant.accept(job)
    plant.work()
    assert plant.store.get(job.id).status == 422
