"""Guests of a hotel: rows with every dtype, with gaps and categories, for each kind of target."""

from __future__ import annotations

from typing import Any

import numpy as np
from fakes.training import as_csv, flower_spec


def guest_spec(target: str, estimator: str, **more: Any) -> dict[str, Any]:
    """A spec with every dtype, with gaps and categories, for one kind of target."""
    columns = [
        {"name": "height", "dtype": "float", "unit": "m"},
        {"name": "weight", "dtype": "float", "unit": "kg", "nullable": True},
        {"name": "stars", "dtype": "int", "unit": "1", "categories": [1, 2, 3]},
        {"name": "visits", "dtype": "int", "unit": "1", "nullable": True},
        {"name": "vip", "dtype": "bool", "unit": "1", "nullable": True},
        {"name": "town", "dtype": "string", "unit": "1", "categories": ["ä b", "c"]},
        {"name": "note", "dtype": "string", "unit": "1", "nullable": True},
        {"name": "out", "dtype": target, "role": "target", "unit": "1"},
    ]
    return flower_spec(
        name="guest",
        task="regression" if target == "float" else "classification",
        metric="r2" if target == "float" else "accuracy",
        data={"uri": "s3://a/b", "target": "out", "columns": columns},
        estimator={"class": f"sklearn.{estimator}", "params": more.pop("params", {})},
        **more,
    )


def guests(target: str, rows: int = 160) -> bytes:
    """Rows that fit `guest_spec`, as CSV."""
    random = np.random.default_rng(3)
    found = []
    for _ in range(rows):
        height, weight = random.normal(1.7, 0.1), random.normal(70, 9)
        stars, town = int(random.integers(1, 4)), str(random.choice(["ä b", "c"]))
        level = (height - 1.7) * 10 + stars + (town == "c")
        outs = {
            "float": 10 * level,
            "bool": str(level > 2).lower(),
            "int": int(level > 2) * 7 - 3,
            "string": "big" if level > 2 else "",
        }
        gap = random.random(4) < 0.1
        found.append(
            {
                "height": height,
                "weight": "" if gap[0] else weight,
                "stars": stars,
                "visits": "" if gap[1] else int(random.integers(0, 9)),
                "vip": "" if gap[2] else str(random.random() > 0.5),
                "town": town,
                "note": "" if gap[3] else str(random.choice(["x", "y"])),
                "out": outs[target] or "small",
            }
        )
    return as_csv(found)
