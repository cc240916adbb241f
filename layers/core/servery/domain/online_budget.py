"""A2: a version that costs more than its deployment allows takes no synchronous traffic.

It is deployed all the same, since jobs and batches wait for it. What it costs is what its
training measured, in the runtime that serves it.
"""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING, NamedTuple

from servery.errors import OnlineBudgetError, Violation

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment, Served
    from servery.domain.manifest import RuntimeFigures
    from servery.domain.policies import OnlineBudget

MEGABYTE = 1_000_000


class Excess(NamedTuple):
    """One part of a budget that is exceeded.

    Attributes:
        setting: Its name in the policies, `p99_ms`.
        measured: What the version takes, in that unit.
        allowed: What the budget allows.
        told: Both as part of a sentence.
    """

    setting: str
    measured: float
    allowed: float
    told: str


def excesses(figures: RuntimeFigures | None, budget: OnlineBudget) -> list[Excess]:
    """What a version exceeds; nothing where nobody has measured it."""
    if figures is None:
        return []
    p99, size = figures.one_row.p99_ms, figures.size_bytes / MEGABYTE
    found = []
    if p99 > budget.p99_ms:
        told = f"one row takes {p99:g} ms (p99), allowed are {budget.p99_ms:g} ms"
        found.append(Excess("p99_ms", p99, budget.p99_ms, told))
    if size > budget.size_mb:
        told = f"it has {size:g} MB, allowed are {budget.size_mb:g} MB"
        found.append(Excess("size_mb", size, budget.size_mb, told))
    return found


def over_budget(
    deployment: Deployment, served: Served, *, graph: str = ""
) -> OnlineBudgetError | None:
    """Why a version takes no synchronous traffic, and where else its rows go; None if it does.

    Args:
        deployment: With the budget.
        served: The version.
        graph: The graph that would ask it; empty for a caller who asks it himself.
    """
    found = excesses(served.figures, deployment.policies.online)
    if not found:
        return None
    model, version = deployment.model, served.ref.version
    routes = _routes(deployment, served, graph)
    told = " and ".join(excess.told for excess in found)
    allow = " ".join(f"--set online.{e.setting}={_upwards(e.measured):g}" for e in found)
    return OnlineBudgetError(
        f"{model} {version} is too much for a caller who waits: {told}; {_instead(routes)}, or "
        f"allow it with `servery deployment edit {model} {allow}`",
        tuple(Violation(f"policies.online.{e.setting}", e.told) for e in found),
        routes,
    )


def check_online(deployment: Deployment, served: Served, *, graph: str = "") -> None:
    """Let pass only a version within the budget of its deployment; see `over_budget`.

    Raises:
        OnlineBudgetError: it is not; the sentence has the figures and the ways out.
    """
    error = over_budget(deployment, served, graph=graph)
    if error is not None:
        raise error


def _routes(deployment: Deployment, served: Served, graph: str) -> dict[str, str]:
    """Who takes the same rows and has time: jobs and files are the champion's."""
    if graph or served.ref.pair:
        return {"graph_jobs": f"/v2/graphs/{graph or '{graph}'}/jobs"}
    if served.ref != deployment.champion.ref:
        return {}
    model = deployment.model
    return {"jobs": f"/v2/models/{model}/jobs", "batches": f"inbox/{model}/"}


def _instead(routes: dict[str, str]) -> str:
    if "graph_jobs" in routes:
        return f"ask its graph later (POST {routes['graph_jobs']})"
    if not routes:
        return "jobs and files are the champion's, so release it to have it asked there"
    return f"send a job (POST {routes['jobs']}) or a file ({routes['batches']})"


def _upwards(value: float) -> float:
    """The next number with two digits that is not below a value, 12.34 as 13."""
    unit = 10.0 ** (floor(log10(value)) - 1)
    return float(f"{ceil(round(value / unit, 9)) * unit:.2g}")
