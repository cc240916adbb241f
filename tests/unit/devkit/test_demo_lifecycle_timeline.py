from datetime import UTC, datetime, timedelta

import pytest
from devkit.demo_lifecycle_timeline import (
    Asked,
    Kind,
    Mark,
    Part,
    Second,
    Stretch,
    clock,
    drawn_order,
    per_second,
    percentiles,
    stretches,
)
from fakes.story import NEW, OLD, a_timeline

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_revision(number, at, champion, **more):
    beside = {
        name: [served(v) for v in more.pop(name)]
        if name == "candidates"
        else served(more.pop(name))
        for name in ("last_good", "candidates")
        if name in more
    }
    changed = (BEGAN + timedelta(seconds=at)).isoformat()
    return {"revision": number, "changed": changed, "champion": served(champion), **beside, **more}


def served(version):
    return {"ref": {"version": version}}


def a_rollout(stage, share):
    return {"version": NEW, "stage": stage, "share": share}


def test_parts_follow_one_another_when_a_version_is_brought_to_its_traffic():
    revisions = [
        a_revision(1, 5, OLD),
        a_revision(2, 20, OLD, candidates=[NEW], rollout=a_rollout("shadow", 0)),
        a_revision(3, 21, OLD, candidates=[NEW], rollout=a_rollout("shadow", 1)),
        a_revision(4, 30, OLD, candidates=[NEW], rollout=a_rollout("canary", 0.25)),
        a_revision(5, 40, NEW, last_good=OLD),
    ]

    assert stretches(reversed(revisions), BEGAN, 60) == [
        Stretch(OLD, Part.CHAMPION, 5, 40),
        Stretch(NEW, Part.STAND_BY, 20, 21, 0.0),
        Stretch(NEW, Part.SHADOW, 21, 30),
        Stretch(NEW, Part.CANARY, 30, 40, 0.25),
        Stretch(OLD, Part.STAND_BY, 40, 60, 0.0),
        Stretch(NEW, Part.CHAMPION, 40, 60),
    ]


def test_two_stretches_when_a_version_comes_back():
    revisions = [
        a_revision(1, 0, OLD),
        a_revision(2, 10, NEW, last_good=OLD),
        a_revision(3, 20, OLD, last_good=NEW),
    ]

    found = stretches(revisions, BEGAN, 30)

    assert [(s.since, s.until) for s in found if s.part is Part.CHAMPION] == [
        (0, 10),
        (10, 20),
        (20, 30),
    ]


def test_version_ends_when_no_revision_names_it_any_more():
    revisions = [a_revision(1, 0, NEW, last_good=OLD), a_revision(2, 10, NEW)]

    assert Stretch(OLD, Part.STAND_BY, 0, 10, 0.0) in stretches(revisions, BEGAN, 30)


def test_stretch_begins_with_the_story_when_the_revision_is_older():
    found = stretches([a_revision(1, -50, OLD)], BEGAN, 30)

    assert found == [Stretch(OLD, Part.CHAMPION, 0, 30)]


def test_failures_are_no_answers_when_seconds_are_counted():
    asked = [
        Asked(0.2, 0.05, 200, OLD, right=True),
        Asked(0.9, 0.05, 200, NEW),
        Asked(1.5, 0.05, 503, said="busy"),
        Asked(3.0, 0.05, 0, said="ConnectError"),
    ]

    assert per_second(asked, 3.2) == [
        Second({OLD: 1, NEW: 1}, 0, 1),
        Second({}, 1, 0),
        Second({}, 0, 0),
        Second({}, 1, 0),
    ]


def test_percentiles_are_of_answers_when_some_failed():
    asked = [Asked(0, ms / 1000, 200) for ms in range(1, 101)] + [Asked(0, 9, 504)]

    assert percentiles(asked) == pytest.approx((51, 100))
    assert percentiles([]) == (0, 0)


def test_figures_of_the_whole_when_it_is_told():
    timeline = a_timeline(seconds=[Second({OLD: 900}, 1, 0), Second({NEW: 400}, 1, 0)])

    assert timeline.told == "1,302 requests in 0:40 minutes, 2 failed; median 20 ms, p99 90 ms"


def test_accuracy_is_of_the_last_seconds_when_it_changes():
    seconds = [Second({}, 0, 0), *[Second({OLD: 2}, 0, 2)] * 10, *[Second({OLD: 2}, 0, 0)] * 10]

    found = a_timeline(seconds=seconds).accuracy()

    assert found[:2] == [None, 1.0]
    assert found[10:] == pytest.approx([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])


def test_versions_in_their_order_when_some_were_never_served():
    found = [Stretch(OLD, Part.CHAMPION, 5, 40), Stretch(NEW, Part.SHADOW, 30, 40)]
    marks = [Mark(20, Kind.REFUSED, "worse", "0.1.2-d1.s1"), Mark(25, Kind.SHIFTED, "all")]

    assert list(drawn_order(found, marks)) == [OLD, "0.1.2-d1.s1", NEW]


@pytest.mark.parametrize(("seconds", "said"), [(0, "0:00"), (65.9, "1:05"), (600, "10:00")])
def test_minutes_when_seconds_are_shown(seconds, said):
    assert clock(seconds) == said
