"""What is kept of versions, for people: what they are worth, what goes and why, what alarms did."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from devkit.errors import DevkitError
from devkit.screen import table

if TYPE_CHECKING:
    from rich.table import Table

    from devkit.deployments import Deployed


def evaluate_now(deployed: Deployed, model: str) -> list[dict[str, Any]]:
    """Have the versions of a model evaluated, and give what they are worth.

    Raises:
        DevkitError: the function failed; the sentence is its own.
    """
    answer = deployed.target.client("lambda").invoke(
        FunctionName=deployed.outputs["MonitoringEvaluateFunctionName"],
        Payload=json.dumps({"model": model}),
    )
    content = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise DevkitError(str(content.get("errorMessage", "The evaluation failed.")))
    evaluations: list[dict[str, Any]] = content["evaluations"]
    return evaluations


def evaluations_table(found: Sequence[Mapping[str, Any]]) -> Table:
    """One line a version: its score with its interval, and how it does beside the champion."""
    rows = [
        [
            str(e["version"]),
            _score(e),
            f"{e['rows']:,}",
            f"{e['requests']:,}",
            _against(e["against"]),
            str(e["asked"])[:16].replace("T", " ") or "never",
        ]
        for e in found
    ]
    columns = ["version", "score", "labelled", "requests", "beside the champion", "last asked"]
    return table(columns, rows)


def plan_table(plan: Mapping[str, Any]) -> Table:
    """One line a version: whether it goes, and why it does or does not."""
    rows = [
        [str(v["version"]), str(v["served"]), _fate(v), "; ".join([v["because"], *v["holds"]])]
        for v in plan["versions"]
    ]
    return table(["version", "served as", "", "because"], rows)


def retrainings_table(found: Sequence[Mapping[str, Any]]) -> Table:
    """One line an alarm: what it said, and what was done."""
    rows = [
        [r["at"][:16].replace("T", " "), r["said"], r["decision"], r["training_id"] or r["because"]]
        for r in found
    ]
    return table(["when", "alarm", "decision", "training, or why none"], rows)


def _score(evaluation: Mapping[str, Any]) -> str:
    if evaluation["score"] is None:
        return f"{evaluation['metric']}: no labels"
    told = f"{evaluation['metric']} {evaluation['score']:.4g}"
    if evaluation["low"] is None:
        return told
    return f"{told} ({evaluation['low']:.4g} to {evaluation['high']:.4g})"


def _against(against: Mapping[str, Any] | None) -> str:
    if against is None:
        return ""
    verdict = "worse" if against["worse"] else "better" if against["better"] else "not told apart"
    return f"{verdict}: {against['difference']:+.4g}, {against['how']}, {against['rows']:,} rows"


def _fate(prospect: Mapping[str, Any]) -> str:
    if prospect["retired"] and prospect["retired"]["stage"] != "kept":
        return str(prospect["retired"]["stage"])
    return f"goes ({prospect['why']})" if prospect["goes"] else "stays"
