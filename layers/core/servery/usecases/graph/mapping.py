"""Whether what a model takes comes from somewhere, and fits."""

from __future__ import annotations

from servery.domain.entities import Reference
from servery.domain.graphs import REQUEST
from servery.domain.manifest import Part as Half
from servery.domain.signature import Dtype
from servery.errors import Violation
from servery.usecases.graph.models import Known
from servery.usecases.graph.parts import Asking
from servery.usecases.graph.scope import Scope, is_request
from servery.usecases.graph.types import listing, misfit, of_column


def check_inputs(asking: Asking, known: Known, scope: Scope) -> list[Violation]:
    """Follow every input of a model; what the request has to have is left with the scope.

    A predictor that takes features has none to follow: its other half was trained with it.
    """
    if asking.half is Half.PREDICTOR:
        return []
    fields = {field.name: field for field in known.signature.inputs}
    found = [
        Violation(
            f"{asking.where}.inputs.{name}",
            f"{asking.model} has no such input; it takes {listing(fields)}",
        )
        for name in asking.inputs
        if name not in fields
    ]
    for name, reference in sources(asking, known).items():
        where, field = f"{asking.where}.inputs.{name}", fields[name]
        if is_request(reference):
            scope.want(where, reference, field, asking.name)
            continue
        value = scope.value(where, reference)
        complaint = None if value is None else misfit(value, field)
        if complaint is not None:
            found.append(Violation(where, f"{reference} {complaint}"))
    return found + _looked_up(asking, known)


def sources(asking: Asking, known: Known) -> dict[str, Reference]:
    """Where each input that a model is sent comes from: as it is mapped, else the request.

    Those that its server looks up are not sent, and nothing but features is to a predictor.
    """
    own = {column.name for column in asking.looked_up}
    fields = [] if asking.half is Half.PREDICTOR else known.signature.inputs
    return {
        field.name: asking.inputs.get(field.name, f"{REQUEST}.{field.name}")
        for field in fields
        if field.name not in own
    }


def _looked_up(asking: Asking, known: Known) -> list[Violation]:
    """What is wrong with the columns that the model's own server looks up."""
    fields = {field.name: field for field in known.signature.inputs}
    where = f"{asking.where}.lookup.columns"
    found = []
    for column in asking.looked_up:
        if column.name not in fields:
            told = f"{asking.model} has no input {column.name}; it takes {listing(fields)}"
            found.append(Violation(where, told))
            continue
        field = fields[column.name]
        complaint = misfit(of_column(column), field)
        if column.dtype is Dtype.BOOL and field.dtype is not Dtype.BOOL:
            complaint = f"is bool; {column.name} of {asking.model} is {field.dtype}"
        if complaint is not None:
            found.append(Violation(where, f"{column.name} {complaint}"))
    return found
