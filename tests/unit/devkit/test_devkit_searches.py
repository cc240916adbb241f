import io
import json

import httpx
import pytest
import yaml
from devkit import search_watch, searches
from devkit.api import Api
from devkit.cli import app
from devkit.errors import DevkitError, LeftAloneError, UsageError
from devkit.screen import Screen
from fakes.search_views import SPEC, forest, linear, search, won
from rich.console import Console
from typer.testing import CliRunner

TRIALS = [linear(0, 0.90), forest(1, 0.93), linear(2, None), forest(3, 0.96)]


def api(*answers):
    given, seen = list(answers), []

    def respond(request):
        seen.append(request)
        answer = given.pop(0) if len(given) > 1 else given[0]
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    http = httpx.Client(transport=httpx.MockTransport(respond), base_url="http://api/prod")
    return Api(http), seen


def running(*trials, **more):
    return search(*trials, state="running", winner=None, finished="", ended=None, **more)


def test_rules_of_the_spec_are_replaced_when_the_caller_says_others():
    spec = {"name": "wine", "search": {"candidates": [1], "trials": 32, "seed": 1}}
    said = searches.with_rules(spec, trials=4, seed=0, algorithm=None, register=False)
    assert said["search"] == {"candidates": [1], "trials": 4, "seed": 0, "register": False}
    assert spec["search"]["trials"] == 32


def test_nothing_is_started_when_a_spec_has_no_search():
    with pytest.raises(UsageError, match="nothing about a search"):
        searches.with_rules({"name": "iris"}, trials=3)


def test_search_is_started_on_the_whole_spec():
    caller, seen = api(httpx.Response(202, json=running()))
    searches.start(caller, SPEC)
    assert (seen[0].method, seen[0].url.path) == ("POST", "/prod/models/wine/searches")
    assert json.loads(seen[0].content) == {"spec": SPEC}


def test_all_trials_are_there_when_they_come_in_pages():
    whole = search(*TRIALS)
    pages = [{**whole, "trials": whole["trials"][:2], "next": "1"}]
    pages += [{**whole, "trials": whole["trials"][2:]}]
    caller, seen = api(*pages)
    record = searches.get(caller, "wine", "s")
    assert [trial["number"] for trial in record["trials"]] == [0, 1, 2, 3]
    assert [dict(request.url.params) for request in seen] == [{}, {"after": "1"}]


def test_trial_is_not_missed_when_a_later_one_was_over_first():
    whole = search(*TRIALS)
    caller, seen = api({**whole, "trials": whole["trials"][1:]})
    known = [whole["trials"][0], whole["trials"][2]]
    record = searches.more(caller, "wine", "s", known)
    assert [trial["number"] for trial in record["trials"]] == [0, 1, 2, 3]
    assert dict(seen[0].url.params) == {"after": "0"}


def test_newest_is_meant_when_no_id_is_given():
    caller, seen = api({"searches": [search(*TRIALS)], "next": ""})
    assert searches.newest(caller, "wine") == "wine-search-1"
    assert seen[0].url.params["limit"] == "1"


def test_sentence_when_nothing_was_searched():
    caller, _ = api({"searches": [], "next": ""})
    with pytest.raises(DevkitError, match="Nothing has been searched"):
        searches.newest(caller, "wine")


def test_advice_is_to_look_when_a_search_is_over_that_should_stop():
    caller, _ = api(httpx.Response(409, json={"detail": "the search is succeeded"}))
    with pytest.raises(DevkitError) as caught:
        searches.stop(caller, "wine", "s")
    assert caught.value.hint == "See how it ended: servery search show wine s"


def test_chosen_spec_reads_back_when_it_is_written():
    text = searches.chosen(won(search(*TRIALS)))
    assert text.startswith("# Chosen by wine-search-1: trial 3, accuracy 0.96 over 2 folds.\n")
    assert "# On 45 test rows: accuracy 0.95" in text
    assert yaml.safe_load(text)["estimator"]["params"]["n_estimators"] == 100


def test_sentence_when_a_search_has_chosen_nothing():
    with pytest.raises(DevkitError, match="has chosen nothing"):
        searches.chosen(running())


def run(*answers, terminal=False, sleep=lambda _: None, step=0.5):
    caller, seen = api(*answers)
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal)
    ticks = iter(range(10_000))
    record = search_watch.watch(
        caller,
        running(),
        Screen(console=console),
        sleep=sleep,
        clock=lambda: next(ticks) * step,
    )
    return record, console.file.getvalue(), seen


def test_watching_ends_with_the_counts_when_a_search_is_over():
    record, text, seen = run(running(*TRIALS[:2]), search(*TRIALS))
    assert record["state"] == "succeeded"
    assert "Search succeeded" in text
    assert "3 done, 1 failed" in text
    assert "72.0 s" in text
    assert len(seen) == 2


def test_lines_are_few_when_there_is_no_terminal():
    many = [running(*TRIALS[: 1 + n // 40], most=50, cost_usd=n / 100) for n in range(100)]
    _, text, _ = run(*many, search(*TRIALS), step=0.1)
    assert len(text.splitlines()) < 8
    assert "\x1b" not in text


def test_best_trials_are_drawn_when_there_is_a_terminal():
    _, text, _ = run(running(*TRIALS[:2], most=32), search(*TRIALS), terminal=True)
    assert "RandomForestClassifier" in text
    assert "2/32 trials" in text


def test_mark_is_another_when_a_search_has_failed():
    _, text, _ = run(search(linear(0, None), state="failed", reason="no trial is done"))
    assert "✗ Search failed" in text


def test_search_is_left_alone_when_somebody_stops_watching():
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(LeftAloneError) as caught:
        run(running(), sleep=stop)
    assert "servery search stop wine wine-search-1" in caught.value.hint


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"state": "queued"}, "queued"),
        ({"state": "running"}, "preparing the data"),
        ({"state": "finishing"}, "0 done; training the winner on all training rows"),
    ],
)
def test_line_says_the_stage_when_no_trial_runs(state, said):
    from devkit.search_views import line  # noqa: PLC0415 - beside what it is tested with

    assert line({**running(), **state}) == said


@pytest.mark.parametrize(
    "words", [["search", "none.yaml"], ["search", "start", "none.yaml"], ["search", "-i", "x", "y"]]
)
def test_first_word_is_the_spec_when_it_is_no_command(words, monkeypatch):
    monkeypatch.setenv("SERVERY_INSTANCE", "there-is-none")
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1  # there is no such cloud, but there is such a command
    assert "No such command" not in done.output


def test_help_has_the_commands_when_nothing_is_searched():
    done = CliRunner().invoke(app, ["search", "--help"])
    assert done.exit_code == 0
    assert all(word in done.output for word in ("start", "show", "list", "stop", "resume"))
