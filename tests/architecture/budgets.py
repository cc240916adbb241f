"""What each function may weigh unzipped, with its layers: infra/budgets/unzipped.json.

    PYTHONPATH=tests python -m architecture.budgets

writes it anew, for a change that is to make functions heavier, or adds some. It holds for the
Python that it names and for x86_64: other wheels weigh something else.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from fakes.template import ROOT

from architecture.conftest import HERE, built_layer
from architecture.functions import Function, functions, size

FILE = ROOT / "infra" / "budgets" / "unzipped.json"
GROWTH = 1.05


def unzipped(function: Function, layer: Callable[[str], Path], scratch: Path) -> int:
    """Bytes of a function's code with all of its layers."""
    return size(function.code(scratch)) + sum(size(layer(name)) for name in function.layers)


def budget() -> dict[str, int]:
    """Bytes by the logical id of the function."""
    found: dict[str, int] = json.loads(FILE.read_text())["bytes"]
    return found


def python() -> str:
    """The Python that the budget is of."""
    return str(json.loads(FILE.read_text())["python"])


def overdrawn(budget: dict[str, int], found: dict[str, int]) -> list[str]:
    """What is wrong with the weights of all functions, a sentence each."""
    wrong = [
        f"{name} weighs {found[name]:,} bytes, {found[name] / allowed - 1:+.1%} of its budget"
        for name, allowed in budget.items()
        if name in found and found[name] > allowed * GROWTH
    ]
    wrong += [f"{name} has no budget" for name in found if name not in budget]
    return wrong + [f"{name} has a budget, but is no function" for name in budget.keys() - found]


def weights(layer: Callable[[str], Path]) -> dict[str, int]:
    """What every function weighs."""
    with tempfile.TemporaryDirectory() as folder:
        return {each.logical_id: unzipped(each, layer, Path(folder)) for each in functions()}


def write() -> None:
    """Make what the functions weigh now their budget."""
    FILE.parent.mkdir(exist_ok=True)
    document = {"python": HERE, "bytes": dict(sorted(weights(built_layer).items()))}
    FILE.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    write()
