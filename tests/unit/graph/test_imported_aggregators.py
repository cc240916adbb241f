"""The allow-list of aggregators: what it lets in, and that a wrong entry is loud."""

from __future__ import annotations

import pytest
from fakes.template import template
from servery.adapters.imported_aggregators import import_aggregators
from servery.domain import named_aggregators
from servery.errors import FaultError

OURS = "servery.domain.named_aggregators"


def test_the_functions_are_there_by_their_names_when_the_list_is_right():
    found = import_aggregators(f"top={OURS}:maximum, low={OURS}:minimum,")
    assert found == {"top": named_aggregators.maximum, "low": named_aggregators.minimum}
    assert import_aggregators("") == {}


def test_all_that_the_template_lists_are_there_when_nothing_is_set():
    default = template()["Parameters"]["GraphAggregators"]["Default"]
    assert set(import_aggregators(default)) == {
        "trimmed_mean",
        "geometric_mean",
        "maximum",
        "minimum",
    }


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("top", "name=package.module:function"),
        (f"Top={OURS}:maximum", "name=package.module:function"),
        (f"top={OURS}:maximum;import os", "name=package.module:function"),
        (f"top={OURS}:highest", "highest"),
        ("top=servery.nowhere:maximum", "nowhere"),
        (f"top={OURS}:__doc__", "no function"),
        (f"top={OURS}:maximum,top={OURS}:minimum", "two aggregators called top"),
    ],
)
def test_it_is_refused_loudly_when_an_entry_is_wrong(entry, said):
    with pytest.raises(FaultError, match=said):
        import_aggregators(entry)
