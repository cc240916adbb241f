"""Which jobs go together."""

from __future__ import annotations

import msgspec
from fakes.jobs import a_job
from hypothesis import given
from hypothesis import strategies as st
from servery.usecases.jobs.grouping import Loaded, grouped


def loaded(body: str) -> Loaded:
    return Loaded(a_job(), body)


def test_group_ends_when_the_next_body_finds_no_room():
    bodies = [loaded("x" * n) for n in (4, 4, 4, 20, 1)]
    groups = [[len(one.body) for one in group] for group in grouped(bodies, most_bytes=10)]
    assert groups == [[4, 4], [4], [20], [1]]


def test_no_job_is_taken_before_the_group_before_it_is_served():
    taken = []

    def jobs():
        for number in range(6):
            taken.append(number)
            yield loaded("x")

    groups = grouped(jobs(), most_jobs=2)
    next(groups)
    assert taken == [0, 1]


@given(st.lists(st.text(max_size=30)), st.integers(1, 40), st.integers(1, 5))
def test_order_and_bounds_are_kept(texts, most_bytes, most_jobs):
    groups = list(grouped(map(loaded, texts), most_bytes=most_bytes, most_jobs=most_jobs))
    assert [one.body for group in groups for one in group] == texts
    for group in groups:
        assert 1 <= len(group) <= most_jobs
        assert len(group) == 1 or sum(one.weight for one in group) <= most_bytes


@given(st.text(alphabet=st.characters(min_codepoint=32, exclude_categories=["Cs"])))
def test_weight_is_what_the_body_takes_inside_an_event(text):
    assert loaded(text).weight == len(msgspec.json.encode(text)) - 2
    assert loaded(text).size == len(text.encode())
