"""Whether what a model takes comes from somewhere, and fits."""

from __future__ import annotations

from servery.domain.entities import Reference
from servery.domain.graphs import REQUEST
from servery.domain.signature import Field
from servery.errors import Violation
from servery.usecases.graph.models import Known
from servery.usecases.graph.parts import Asking
from servery.usecases.graph.scope import Scope, is_request
from servery.usecases.graph.types import listing, misfit


def check_inputs(asking: Asking, known: Known, scope: Scope) -> list[Violation]:
    """Follow every input of a model; what the request has to have is left with the scope."""
    fields = {field.name: field for field in known.signature.inputs}
    found = [
        Violation(
            f"{asking.where}.inputs.{name}",
            f"{asking.model} has no such input; it takes {listing(fields)}",
        )
        for name in asking.inputs
        if name not in fields
    ]
    for name, field in fields.items():
        where = f"{asking.where}.inputs.{name}"
        reference = source_of(asking, field)
        if is_request(reference):
            scope.want(where, reference, field, asking.name)
            continue
        value = scope.value(where, reference)
        complaint = None if value is None else misfit(value, field)
        if complaint is not None:
            found.append(Violation(where, f"{reference} {complaint}"))
    return found


def source_of(asking: Asking, field: Field) -> Reference:
    """Where an input comes from: as it is mapped, else the request's column of its name."""
    return asking.inputs.get(field.name, f"{REQUEST}.{field.name}")
