"""`servery deployment`, `servery retire` and `release --as` against an API in memory."""

from __future__ import annotations

import json
from contextlib import contextmanager

import httpx
import msgspec
import pytest
from devkit import plain_yaml, policies, policy_views
from devkit.api import Api
from devkit.cli import app
from devkit.commands import options
from devkit.errors import DevkitError, UsageError
from fakes.records import a_deployment, a_ref, a_server
from servery.domain.deployment import Served
from servery.domain.policies import Policies
from servery.domain.rollout import Rollout, RolloutStage
from typer.testing import CliRunner

PLAIN = msgspec.to_builtins(Policies())


def test_words_and_times_stay_text_when_yaml_is_read():
    text = "routing: {off: {kind: queue}, hours: [18:00, 08:30], on: no}\nn: 12\nx: 1.5\ny: null\n"
    assert plain_yaml.load(text) == {
        "routing": {"off": {"kind": "queue"}, "hours": ["18:00", "08:30"], "on": "no"},
        "n": 12,
        "x": 1.5,
        "y": None,
    }


def test_policies_are_the_same_when_they_were_written_and_read():
    assert plain_yaml.load(plain_yaml.dump(PLAIN)) == PLAIN
    odd = {"a": ["18:00", "off", "true", "1", 1, True, None, "2026-01-01", 1e-9, 3.0]}
    assert plain_yaml.load(plain_yaml.dump(odd)) == odd


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("routing.active=false", ("routing", "active"), False),
        ("routing.off.kind=queue", ("routing", "off", "kind"), "queue"),
        ("cache.seconds=60", ("cache", "seconds"), 60),
        ("circuit.rate.per_second=2.5", ("circuit", "rate", "per_second"), 2.5),
        ("deadline_ms=900", ("deadline_ms",), 900),
        ("routing.version=", ("routing", "version"), ""),
        ("cache=null", ("cache",), None),
        ("routing.zone=Europe/Paris", ("routing", "zone"), "Europe/Paris"),
        ("cache={seconds: 5}", ("cache",), {"seconds": 5}),
    ],
)
def test_one_setting_is_another_when_it_is_set(setting, path, value):
    made = policies.with_settings(PLAIN, [setting])
    for step in path:
        made = made[step]
    assert made == value
    assert msgspec.to_builtins(Policies()) == PLAIN


def test_items_of_a_list_are_set_when_they_are_numbered():
    settings = [
        "routing.branches[0]={name: night, version: '1', hours: {start: 22:00}}",
        "routing.branches[0].hours.end=06:00",
    ]
    made = policies.with_settings(PLAIN, settings)
    hours = {"start": "22:00", "end": "06:00"}
    assert made["routing"]["branches"] == [{"name": "night", "version": "1", "hours": hours}]


@pytest.mark.parametrize(
    "setting",
    [
        "",
        "routing",
        "=1",
        "routing..active=1",
        "routing.branches[3]=1",
        "routing[0]=1",
        "a b=1",
        "routing.active.x=1",
        "routing.zone={",
        "routing.branches.x=1",
    ],
)
def test_usage_when_it_is_no_setting(setting):
    with pytest.raises(UsageError):
        policies.with_settings(PLAIN, [setting])


def test_segments_are_left_out_when_policies_are_edited():
    held = {"routing": {"experiment": {"name": "x", "segments": [{"start": 0.0}]}}}
    assert policies.editable(held) == {"routing": {"experiment": {"name": "x"}}}
    assert held["routing"]["experiment"]["segments"]


@pytest.mark.parametrize("text", ["[1, 2]", "just words", "a: [", "a: *b"])
def test_refused_when_a_file_has_no_policies(tmp_path, text):
    path = tmp_path / "policies.yaml"
    path.write_text(text)
    with pytest.raises(DevkitError):
        policies.read(path)


def test_lines_that_differ_are_told_when_something_changes():
    after = policies.with_settings(PLAIN, ["routing.active=false"])
    lines = policies.difference(PLAIN, after)
    assert [line for line in lines if line[0] in "+-"][2:] == [
        "-  active: true",
        "+  active: false",
    ]
    assert policies.difference(PLAIN, PLAIN) == []
    assert policies.changes(PLAIN, after) == ["routing.active: true -> false"]
    assert policies.changes({}, {"cache": {"seconds": 5}}) == ["cache.seconds: nothing -> 5"]


class Stack:
    """An API with one deployment."""

    def __init__(self) -> None:
        self.current = a_deployment(
            revision=3,
            candidates=[Served(ref=a_ref("2.1.0-d1.s1"), server=a_server(2))],
            reason="release 7",
        )
        self.sent: list[tuple[str, str, dict]] = []
        self.answer: httpx.Response | None = None

    def respond(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            first = a_deployment(revision=2)
            history = [self.current, first]
            view = {"current": self.current, "behind": [], "history": history, "next": 0}
            return httpx.Response(200, content=msgspec.json.encode(view))
        body = json.loads(request.content or b"{}")
        self.sent.append((request.method, request.url.path, body))
        if self.answer is not None:
            return self.answer
        changed = msgspec.structs.replace(self.current, revision=4)
        return httpx.Response(200, content=msgspec.json.encode(changed))


@pytest.fixture
def stack(monkeypatch):
    made = Stack()

    @contextmanager
    def api_of(_name):
        transport = httpx.MockTransport(made.respond)
        yield Api(httpx.Client(transport=transport, base_url="http://api/prod"))

    monkeypatch.setattr(options, "api_of", api_of)
    return made


def run(*words, **env):
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "120", **env})


def test_served_and_policies_are_shown_when_a_deployment_is():
    current = msgspec.to_builtins(Stack().current)
    assert policy_views.history_table([current, current], 1).row_count == 1


def test_deployment_is_shown_when_it_is_asked_for(stack):
    shown = run("deployment", "show", "iris").output
    assert "revision 3" in shown
    assert "candidate" in shown and "2.1.0-d1.s1" in shown
    assert "active: true" in shown
    as_json = json.loads(run("deployment", "show", "iris", "--json").stdout)
    assert as_json["revision"] == 3


def test_what_changed_is_told_when_the_history_is_shown(stack):
    shown = run("deployment", "history", "iris").output
    assert "candidate 2.1.0-d1.s1" in shown
    assert "release 7" in shown


def test_share_of_a_release_is_told_when_one_is_under_way(stack):
    rollout = Rollout(
        release="r1",
        version="2.1.0-d1.s1",
        stage=RolloutStage.CANARY,
        share=0.25,
        since="2026-03-02T12:00:00+00:00",
    )
    stack.current = msgspec.structs.replace(stack.current, rollout=rollout)
    for words in (("show",), ("history",)):
        assert "canary 25 % 2.1.0-d1.s1" in run("deployment", *words, "iris").output


def test_whole_policies_are_sent_with_the_revision_when_one_is_set(stack):
    result = run(
        "deployment", "edit", "iris", "--set", "routing.active=false", "--reason", "wrong at night"
    )
    assert result.exit_code == 0, result.output
    assert "+  active: false" in result.output
    ((method, path, body),) = stack.sent
    assert (method, path) == ("POST", "/prod/models/iris/deployment")
    assert body["revision"] == 3
    assert body["policies"] == policies.with_settings(PLAIN, ["routing.active=false"])
    assert (body["reason"], body["give_up_online"]) == ("wrong at night", False)


def test_nothing_is_sent_when_nothing_changes(stack):
    result = run("deployment", "edit", "iris", "--set", "routing.active=true")
    assert "Nothing changes" in result.output
    assert stack.sent == []


def test_a_file_is_sent_when_it_is_named(stack, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("routing:\n  off: {kind: queue}\n")
    run("deployment", "edit", "iris", "--file", path, "--give-up-online")
    assert stack.sent[0][2]["policies"] == {"routing": {"off": {"kind": "queue"}}}
    assert stack.sent[0][2]["give_up_online"] is True


def test_usage_when_two_ways_are_named(stack, tmp_path):
    result = run("deployment", "edit", "iris", "--file", tmp_path, "--set", "a=1")
    assert result.exit_code == 2
    assert stack.sent == []


def editor(tmp_path, text):
    script = tmp_path / "editor.sh"
    script.write_text(f'#!/bin/sh\nprintf \'{text}\' > "$1"\necho "$1" > {tmp_path}/where\n')
    script.chmod(0o755)
    return {"EDITOR": str(script), "VISUAL": ""}


def test_what_was_typed_is_sent_when_there_is_an_editor(stack, tmp_path):
    result = run("deployment", "edit", "iris", **editor(tmp_path, "cache: {seconds: 5}\\n"))
    assert result.exit_code == 0, result.output
    assert stack.sent[0][2]["policies"] == {"cache": {"seconds": 5}}
    assert not (tmp_path / (tmp_path / "where").read_text().strip()).exists()


def test_what_was_typed_is_kept_when_it_is_refused(stack, tmp_path):
    problem = {"detail": "no", "errors": [{"field": "cache.hot", "message": "wrong"}]}
    stack.answer = httpx.Response(422, json=problem)
    result = run("deployment", "edit", "iris", **editor(tmp_path, "cache: {}\\n"))
    kept = (tmp_path / "where").read_text().strip()
    assert result.exit_code == 1
    assert "cache.hot: wrong" in result.output
    assert f"--file {kept}" in result.output.replace("\n", "")
    with open(kept) as file:  # noqa: PTH123 - a path as it was told
        assert file.read() == "cache: {}\n"


def test_usage_when_there_is_no_editor(stack):
    result = run("deployment", "edit", "iris", EDITOR="", VISUAL="")
    assert result.exit_code == 2
    assert "EDITOR" in result.output


def test_nothing_is_sent_when_the_editor_fails(stack):
    assert run("deployment", "edit", "iris", EDITOR="false", VISUAL="").exit_code == 1
    assert stack.sent == []


def test_candidate_is_deleted_when_it_is_retired(stack):
    assert run("retire", "iris", "2.1.0-d1.s1").exit_code == 0
    assert stack.sent[0][:2] == ("DELETE", "/prod/models/iris/candidates/2.1.0-d1.s1")


def test_usage_when_there_is_no_such_place_for_a_release():
    result = run("release", "iris", "--as", "king")
    assert result.exit_code == 2
    assert "champion or candidate" in result.output


@pytest.mark.parametrize(
    "name", ["deployment show", "deployment edit", "deployment history", "retire"]
)
def test_json_and_debug_are_there_when_help_of_deployments_is_asked_for(name):
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "200"}).output
    assert "--json" in shown
    assert "--debug" in shown
