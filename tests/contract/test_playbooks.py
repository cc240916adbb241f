"""The playbooks: one for each kind of alarm, and nothing in them that there is not."""

from __future__ import annotations

import re

import pytest
import typer
from devkit.cli import app
from fakes.template import ROOT, template
from servery.domain.watch_records import playbook_of
from servery.domain.watching import Kind

FOLDER = ROOT / "infra" / "playbooks"
OTHERS = {"watch-silent.md", "release-failed.md"}
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
COMMAND = re.compile(r"(?:^|`)servery ([a-z][^\n`#;]*)", flags=re.MULTILINE)
HEADINGS = ["What it means", "Look first", "What to do", "When to raise it"]


def options_of(line: str) -> tuple[list[str], list[str]]:
    """The words of a command as it is written, and the options that it is given."""
    words = line.split()
    return [w for w in words if not w.startswith("-")], [w for w in words if w.startswith("--")]


def command_of(words: list[str]) -> object:
    """The command of the tool that these words begin with; None where there is none."""
    found = typer.main.get_command(app)
    for word in words:
        commands = getattr(found, "commands", None)
        if commands is None:
            return found
        if word not in commands:
            return None
        found = commands[word]
    return None if hasattr(found, "commands") else found


def test_every_kind_of_alarm_has_its_playbook_and_there_are_no_others():
    assert {path.name for path in PAGES} - OTHERS == {playbook_of(k, "")[1:] for k in Kind}
    assert {path.name for path in PAGES} >= OTHERS


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
class TestPage:
    def test_it_says_what_why_and_when_in_the_same_order(self, page):
        assert re.findall(r"^## (.*)$", page.read_text(), flags=re.MULTILINE) == HEADINGS

    def test_every_command_exists_when_it_is_named(self, page):
        found = COMMAND.findall(page.read_text())
        assert found
        for line in found:
            words, options = options_of(line)
            command = command_of(words)
            assert command is not None, line
            known = {name for parameter in command.params for name in parameter.opts}
            assert set(options) <= known, line

    def test_every_function_exists_when_its_logs_are_named(self, page):
        for name in re.findall(r"servery logs (\w+)", page.read_text()):
            assert name in template()["Resources"], name

    def test_every_link_leads_somewhere_when_there_is_one(self, page):
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
            assert (FOLDER / target).exists(), target

    def test_it_is_in_the_list(self, page):
        assert f"({page.name})" in (FOLDER / "README.md").read_text()


def test_a_command_is_missed_when_it_does_not_exist():
    assert command_of(["drift", "MODEL"]) is not None
    assert command_of(["deployment", "edit", "MODEL"]) is not None
    assert command_of(["deployment"]) is None
    assert command_of(["mend", "MODEL"]) is None


def test_file_exists_when_a_command_reads_one():
    for page in PAGES:
        for path in re.findall(r"infra/examples/[\w/.-]+", page.read_text()):
            assert (ROOT / path).exists(), path


def test_alarms_of_the_template_name_pages_that_exist():
    alarms = [r["Properties"] for r in template()["Resources"].values() if "Alarm" in r["Type"]]
    told = [str(alarm.get("AlarmDescription")) for alarm in alarms]
    named = {name for text in told for name in re.findall(r"\$\{PlaybookBase\}/([\w.-]+)", text)}
    assert named
    assert all((FOLDER / name).exists() for name in named)
