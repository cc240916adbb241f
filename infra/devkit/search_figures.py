"""The figures of a search, in words that the screen and the page have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from devkit.search_study import Study

_MINUTE, _HOUR = 60, 3600
_SHORT = 10


def figures(study: Study) -> list[tuple[str, str]]:
    """What a search came to, by name."""
    record, best = study.record, study.best
    found = [("state", str(record["state"]))]
    if best is not None:
        found.append((f"best {study.metric}", f"{scored(best.score)} ± {best.std or 0.0:.2g}"))
        found.append(("of", f"trial {best.number}, {study.name(best)}"))
    winner = record.get("winner") or {}
    if winner.get("metrics"):
        tested = ", ".join(f"{k} {scored(v)}" for k, v in sorted(winner["metrics"].items()))
        found.append((f"{winner['test_rows']:,} test rows, looked at once", tested))
        found.append(("gates", "passed" if winner["passed"] else "not passed"))
    found.append(("trials", counted(record["counts"])))
    found.append(("time", duration(record["seconds"])))
    found.append(("cost of the trials", cost(record["cost_usd"])))
    found.append(("algorithm", f"{record['algorithm']}, {record['folds']} folds"))
    found.append(("seed", str(record["seed"])))
    if record["version"]:
        found.append(("version", f"{record['version']} {record['training']}".strip()))
    return found


def ending(record: Mapping[str, Any]) -> list[str]:
    """Why a search ended, and what is to be said about its winner; sentences."""
    winner = record.get("winner") or {}
    return [said for said in (record.get("reason"), *winner.get("reasons", ())) if said]


def counted(counts: Mapping[str, int]) -> str:
    """How many trials there were, by what became of them."""
    said = [f"{counts['done']:,} done"]
    others = ("failed", "skipped", "running")
    return ", ".join(said + [f"{counts[name]:,} {name}" for name in others if counts.get(name)])


def scored(score: float | None) -> str:
    """A score with as many digits as the others have."""
    if score is None:
        return ""
    return f"{score:.4f}" if abs(score) < _SHORT else f"{score:,.2f}"


def duration(seconds: float) -> str:
    """A time for people."""
    if seconds < _SHORT:
        return f"{seconds:.2f} s"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def cost(usd: float) -> str:
    """What something costs, in dollars, with two digits that say something."""
    if usd >= 1 or usd == 0:
        return f"${usd:,.2f}"
    return f"${usd:.2g}" if usd >= 1e-4 else f"${usd:.1e}"  # noqa: PLR2004
