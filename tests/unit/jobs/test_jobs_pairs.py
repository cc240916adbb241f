"""Halves of a pair take no jobs: neither when they are asked for one, nor when they became one."""

from __future__ import annotations

import pytest
from fakes.jobs_office import deployment_of
from fakes.records import a_ref, a_server
from servery.domain.deployment import Served
from servery.domain.manifest import Part


@pytest.mark.parametrize("part", list(Part))
def test_unprocessable_with_what_to_ask_instead_when_the_model_is_half_of_a_pair(office, part):
    ref = a_ref(model="iris", part=part, pair="a" * 32)
    champion = Served(ref=ref, server=a_server(), partner="other")
    office.registry.put_deployment(deployment_of("iris", revision=2, champion=champion))
    office.clock.advance(10)
    reply = office.submit(idempotency_key="k", x_callback_url="https://example.com/done")
    assert reply.status == 422
    assert "POST /v2/graphs/{graph}/jobs" in reply.body["detail"]
    assert "iris" in reply.body["detail"]
    assert office.queue.ids == []
    assert office.send("GET", "/jobs").body["jobs"] == []
