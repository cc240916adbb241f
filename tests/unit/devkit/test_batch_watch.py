import io

import httpx
import pytest
from devkit import batch_watch
from devkit.api import Api
from devkit.batch_watch import Pace, progress_line
from devkit.errors import LeftAloneError
from devkit.screen import Screen
from rich.console import Console

BATCH = {
    "id": "b1",
    "state": "running",
    "rows_in": 0,
    "rows_out": 0,
    "rows_rejected": 0,
    "chunks": 0,
    "chunks_done": 0,
    "chunks_failed": 0,
    "started": "",
    "finished": "",
    "reason": "",
    "same_as": "",
}
OVER = {
    **BATCH,
    "state": "succeeded",
    "rows_in": 1000,
    "rows_out": 990,
    "rows_rejected": 10,
    "chunks": 4,
    "chunks_done": 4,
    "started": "2026-11-22T04:40:00Z",
    "finished": "2026-11-22T04:40:02Z",
}


def run(first, *later, terminal=False, sleep=lambda _: None, step=0.5):
    given, seen = list(later), []

    def respond(request):
        seen.append(request.url.path)
        return httpx.Response(200, json=given.pop(0))

    http = httpx.Client(transport=httpx.MockTransport(respond), base_url="http://api")
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal)
    ticks = iter(range(10_000))
    batch = batch_watch.watch(
        Api(http), first, Screen(console=console), sleep=sleep, clock=lambda: next(ticks) * step
    )
    return batch, console.file.getvalue(), seen


def at(done, rows, **more):
    return {**BATCH, "chunks": 4, "chunks_done": done, "rows_in": rows, **more}


def test_rate_and_time_left_are_those_of_what_was_seen():
    pace = Pace()
    pace.see(10.0, 0, 0)
    pace.see(14.0, 800, 2)
    assert pace.rows_a_second == pytest.approx(200.0)
    assert pace.seconds_left(6) == pytest.approx(12.0)


def test_nothing_is_said_when_nothing_was_seen_to_move():
    pace = Pace()
    assert (pace.rows_a_second, pace.seconds_left(3)) == (0.0, None)
    pace.see(1.0, 50, 1)
    pace.see(2.0, 50, 1)
    assert (pace.rows_a_second, pace.seconds_left(3)) == (0.0, None)


def test_rate_follows_when_a_batch_slows_down():
    pace = Pace()
    for second in range(200):
        pace.see(float(second), 100 * min(second, 100), second)
    assert pace.rows_a_second == pytest.approx(0.0, abs=1.0)


def test_rate_begins_anew_when_a_batch_runs_again():
    pace = Pace()
    pace.see(0.0, 500, 4)
    pace.see(1.0, 0, 0)
    pace.see(2.0, 30, 1)
    assert pace.rows_a_second == pytest.approx(30.0)


def test_line_says_chunks_rows_rate_and_time_when_all_are_known():
    pace = Pace()
    pace.see(0.0, 0, 0)
    pace.see(60.0, 120_000, 2)
    line = progress_line(at(2, 120_000, chunks_failed=0), pace)
    assert line == "2/4 chunks, 120,000 rows, 2,000 rows/s, 1:00 left"


@pytest.mark.parametrize(("state", "line"), [("queued", "queued"), ("running", "planning")])
def test_line_says_the_state_when_there_are_no_chunks_yet(state, line):
    assert progress_line({**BATCH, "state": state}, Pace()) == line


def test_waiting_does_not_count_when_the_rate_is_said():
    waiting = [{**BATCH, "state": "queued"}] * 50
    _, text, _ = run(*waiting, at(0, 0), at(1, 500), OVER, terminal=True, step=1.0)
    assert "1/4 chunks, 500 rows, 500 rows/s, 0:03 left" in text


def test_failed_chunks_are_said_when_there_are_some():
    assert "1 failed" in progress_line(at(2, 10, chunks_failed=1), Pace())


def test_watching_ends_with_rows_and_rate_when_the_batch_is_over():
    batch, text, seen = run({**BATCH, "state": "queued"}, BATCH, at(1, 250), OVER)
    assert batch["state"] == "succeeded"
    assert len(seen) == 3
    assert "990 rows, 500 rows/s, 10 rejected" in text
    assert "2.0 s" in text


def test_lines_are_few_when_there_is_no_terminal():
    _, text, _ = run(BATCH, *[at(1, rows) for rows in range(100)], OVER, step=0.1)
    assert len(text.splitlines()) < 8
    assert "\x1b" not in text


def test_bar_is_drawn_when_there_is_a_terminal():
    _, text, _ = run(at(1, 250), OVER, terminal=True)
    assert "1/4 chunks, 250 rows" in text


def test_mark_is_another_when_the_batch_failed():
    _, text, _ = run({**OVER, "state": "failed", "reason": "the file is empty"})
    assert "✗ Batch failed" in text
    assert "990 rows" not in text


def test_other_batch_is_watched_when_this_one_was_skipped_for_it():
    skipped = {**BATCH, "state": "skipped", "same_as": "b0", "reason": "predicted already"}
    batch, text, seen = run(skipped, {**OVER, "id": "b0"})
    assert seen == ["/batches/b0"]
    assert batch["id"] == "b0"
    assert "Skipped: predicted already" in text


def test_batch_is_left_alone_when_somebody_stops_watching():
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(LeftAloneError) as caught:
        run(BATCH, sleep=stop)
    assert caught.value.hint.endswith("servery batch watch b1")
