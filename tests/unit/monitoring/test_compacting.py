"""Small objects of the lake become large ones, whatever happens on the way."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from fakes.clock import SetClock
from fakes.lake_files import MemoryLakeFiles
from servery.domain.lake import has_lines, is_compacted, open_plans
from servery.edge.compaction import serve_compaction
from servery.errors import FaultError, UnavailableError
from servery.usecases.monitoring.compacting import compact

DAY = "predictions/model=iris/day=2026-02-28/"
LINES = [b'{"n":%d}' % n for n in range(8)]


class KilledError(Exception):
    """The process is gone."""


def a_lake(prefix: str = DAY) -> MemoryLakeFiles:
    """Four objects of two lines."""
    objects = {
        f"{prefix}{n}": b"".join(x + b"\n" for x in LINES[2 * n : 2 * n + 2]) for n in range(4)
    }
    return MemoryLakeFiles(objects)


def run(files, *, days=7, today=False, seconds=900.0, most_bytes=40):
    return compact(
        files,
        SetClock(),
        days=days,
        today=today,
        seconds=lambda: seconds,
        most_bytes=most_bytes,
    )


def at(number, do):
    """Does something before one of the operations, and counts them."""
    count = iter(range(10_000))

    def before():
        if next(count) == number:
            do()

    return before


def operations() -> int:
    files, calls = a_lake(), []
    files.before = lambda: calls.append(1)
    run(files)
    return len(calls)


EACH = range(operations())


def test_few_objects_have_all_lines_when_the_day_is_over():
    files = a_lake()
    done = run(files)
    assert (done.days, done.joined, done.made, done.unfinished) == ([DAY], 4, 2, False)
    assert files.lines() == LINES
    assert all(key.endswith(".json.gz") for key in files.objects if has_lines(key))
    assert run(files).days == []


@pytest.mark.parametrize("number", EACH)
def test_nothing_is_lost_or_doubled_when_it_is_killed_anywhere(number):
    files = a_lake()

    def die():
        raise KilledError

    files.before = at(number, die)
    with pytest.raises(KilledError):
        run(files)
    files.before = lambda: None
    assert files.seen() == LINES
    run(files)
    assert files.lines() == LINES
    assert open_plans(files.objects) == []


@pytest.mark.parametrize("number", EACH)
@pytest.mark.parametrize("late", [b"", b"late\n"])
def test_nothing_is_lost_or_doubled_when_another_runs_meanwhile(number, late):
    files = a_lake()

    def other():
        if late:
            files.objects[f"{DAY}9"] = late
        files.before = lambda: None
        run(files)

    files.before = at(number, other)
    run(files)
    all_lines = sorted([*LINES, *late.splitlines()])
    assert files.seen() == all_lines
    run(files)
    assert files.lines() == all_lines


@pytest.mark.parametrize("number", EACH)
def test_readers_see_each_line_once_when_they_look_anywhere(number):
    files, seen = a_lake(), []
    files.before = at(number, lambda: seen.append(files.seen()))
    run(files)
    assert seen == [LINES]


def test_late_lines_are_there_once_when_a_later_run_finds_them():
    files = a_lake()
    run(files)
    files.objects |= {f"{DAY}8": b"late\n", f"{DAY}9": b"later\n"}
    before = set(files.objects)
    assert run(files).joined == 2
    assert files.lines() == sorted([*LINES, b"late", b"later"])
    made = {key for key in before if key.endswith(".gz")}
    assert made <= set(files.objects)


def test_the_rest_is_made_when_a_source_was_removed_by_its_owner():
    files = a_lake()

    def die():
        raise KilledError

    files.before = at(9, die)
    with pytest.raises(KilledError):
        run(files)
    files.before = lambda: None
    assert open_plans(files.objects)
    del files.objects[f"{DAY}3"]
    run(files)
    assert files.lines() == LINES[:6]


def test_it_goes_on_the_next_time_when_time_is_up():
    files = a_lake()
    assert run(files, seconds=60.0).unfinished
    assert files.seen() == LINES
    assert not run(files).unfinished
    assert files.lines() == LINES


@pytest.mark.parametrize(
    ("prefix", "hour", "options", "touched"),
    [
        ("predictions/model=iris/day=2026-03-01/", 12, {}, False),
        ("predictions/model=iris/day=2026-03-01/", 12, {"today": True}, True),
        (DAY, 0, {}, False),
        (DAY, 1, {}, True),
        ("labels/model=unknown/day=2026-02-27/", 12, {}, True),
        ("events/model=iris/day=2026-02-22/", 12, {}, True),
        ("predictions/model=iris/day=2026-02-21/", 12, {}, False),
        ("predictions/model=iris/day=2026-02-21/", 12, {"days": 30}, True),
        ("predictions/model=!{partition/day=!{partition/", 12, {}, False),
        ("comparisons/model=iris/day=2026-02-28/", 12, {}, False),
    ],
)
def test_only_days_that_are_over_are_touched(prefix, hour, options, touched):
    files = a_lake(prefix)
    clock = SetClock(datetime(2026, 3, 1, hour, 10, tzinfo=UTC))
    values = {"days": 7, "today": False, "seconds": lambda: 900.0, **options}
    assert bool(compact(files, clock, **values).days) is touched


def test_one_object_stays_as_it_is_when_a_day_has_no_more():
    files = MemoryLakeFiles({f"{DAY}0": b"1\n"})
    assert run(files).days == []


@pytest.mark.parametrize("error", [UnavailableError("later"), FaultError("never")])
def test_other_days_are_tidied_and_it_is_told_when_one_cannot_be(monkeypatch, capsys, error):
    other = DAY.replace("iris", "wine")
    files = a_lake()
    files.objects |= a_lake(other).objects
    delete = files.delete

    def refused(keys):
        keys = list(keys)
        if keys[0].startswith(DAY):
            raise error
        delete(keys)

    monkeypatch.setattr(files, "delete", refused)
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)

    with pytest.raises(UnavailableError, match=f"tidied: {DAY} .{error}"):
        serve_compaction({}, context, files, SetClock())

    assert all(is_compacted(key) for key in files.objects if has_lines(key) and other in key)
    assert '"CompactionUnfinished":1' in capsys.readouterr().out.replace(" ", "")
    assert files.seen() == sorted(LINES * 2)

    monkeypatch.undo()
    assert serve_compaction({}, context, files, SetClock())["failed"] == []
    assert files.lines() == sorted(LINES * 2)
