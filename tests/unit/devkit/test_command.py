import io
import json

import pytest
import typer
from botocore.exceptions import NoCredentialsError
from devkit.cli import app
from devkit.command import command, explain
from devkit.errors import DevkitError, LeftAloneError, UsageError
from devkit.screen import Screen, table
from rich.console import Console
from typer.testing import CliRunner


def ended(error, *, machine=False, debug=False):
    with pytest.raises(typer.Exit) as caught, command(machine=machine, debug=debug):
        raise error
    return caught.value.exit_code


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DevkitError("refused"), 1),
        (UsageError("wrong"), 2),
        (RuntimeError("unexpected"), 1),
        (KeyboardInterrupt(), 130),
        (LeftAloneError("goes on"), 130),
    ],
)
def test_status_says_what_happened_when_a_command_ends_badly(error, status, capsys):
    assert ended(error) == status


def test_sentence_and_advice_when_a_command_is_refused(capsys):
    ended(DevkitError("The port is taken.", "Take another."))
    shown = capsys.readouterr().out
    assert "The port is taken." in shown
    assert "Take another." in shown
    assert "Traceback" not in shown


def test_json_on_standard_output_only_when_a_machine_asks(capsys):
    ended(DevkitError("Refused.", "Do this.", ("at once",)), machine=True)
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {
        "error": {"message": "Refused.", "hint": "Do this.", "details": ["at once"]}
    }
    assert "Refused." in shown.err


def test_traceback_when_it_is_asked_for():
    with pytest.raises(RuntimeError), command(machine=False, debug=True):
        raise RuntimeError


def test_advice_when_aws_credentials_are_missing():
    assert explain(NoCredentialsError()).hint == "Set up AWS credentials: aws configure"


def test_usage_when_an_instance_cannot_be_called_that():
    assert CliRunner().invoke(app, ["status", "--instance", "../x"]).exit_code == 2


def test_usage_when_there_is_no_such_command():
    assert CliRunner().invoke(app, ["fly"]).exit_code == 2


@pytest.mark.parametrize("group", ["jobs", "batch"])
def test_usage_when_there_is_no_such_state(group):
    result = CliRunner().invoke(app, [group, "list", "--state", "lost"])
    assert result.exit_code == 2
    assert "no state 'lost'" in result.output


def test_aws_stays_untouched_when_down_names_it():
    result = CliRunner().invoke(app, ["down", "--instance", "aws"])
    assert result.exit_code == 2
    assert "local clouds only" in result.output


@pytest.mark.parametrize(
    "name",
    [
        "up",
        "down",
        "status",
        "demo",
        "train",
        "models",
        "models show",
        "models import",
        "release start",
        "release watch",
        "release show",
        "release list",
        "release approve",
        "release decline",
        "release abort",
        "drift",
        "evaluations",
        "retrainings",
        "sql",
        "rollback",
        "roll",
        "predict",
        "logs",
        "deploy",
        "jobs submit",
        "jobs list",
        "jobs show",
        "jobs cancel",
        "jobs redrive",
        "jobs secret",
        "batch submit",
        "batch watch",
        "batch list",
        "batch show",
        "batch fetch",
        "batch rerun",
    ],
)
def test_json_and_debug_are_there_when_help_is_asked_for(name):
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "200"}).output
    assert "--json" in shown
    assert "--debug" in shown


def test_no_line_is_wider_than_the_terminal_when_a_phase_is_done():
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    screen = Screen(console=console)
    screen.done("Deploy", "x" * 200, 1.0)
    lines = console.file.getvalue().splitlines()
    assert max(len(line.rstrip()) for line in lines if "x" in line) <= 80


def test_whole_detail_when_there_is_no_terminal():
    console = Console(file=io.StringIO(), width=80)
    Screen(console=console).done("Deploy", "y" * 120, 1.0)
    assert console.file.getvalue().count("y") >= 120


def test_brackets_are_shown_when_a_cell_has_some():
    console = Console(file=io.StringIO(), width=80)
    console.print(table(["what"], [["data[red].csv"]]))
    assert "data[red].csv" in console.file.getvalue()
