"""Jobs of graphs with every port in memory."""

from __future__ import annotations

import pytest
from fakes.fan_out_plant import FanOut
from fakes.graph_plant import classes, values


@pytest.fixture
def plant() -> FanOut:
    """Models a, b and c, which say yes, no and yes; u, v and w, which say x, 2 x and 3 x."""
    plant = FanOut()
    for name, said in (("a", "yes"), ("b", "no"), ("c", "yes")):
        plant.models.model(name, classes(said))
    for name, factor in (("u", 1), ("v", 2), ("w", 3)):
        plant.models.model(name, values(lambda row, factor=factor: factor * row["x"]))
    return plant
