"""Thresholds: the class that is answered by its probability, and not by being the likeliest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from servery.domain.answers import PROBABILITIES, decide, without
from servery.domain.asked import Asked

if TYPE_CHECKING:
    from servery.domain.policies import Threshold
    from servery.usecases.gateway.guards import Guards
    from servery.usecases.gateway.messages import Ask, Prediction

_OK = 200


def widened(ask: Ask) -> Ask:
    """The request with the probabilities among the tensors that it wants, or the request itself.

    Only a request in tensors that wants the class alone lacks them. One that is no such request,
    or is not sure to be right, stays as it is.
    """
    asked = Asked(ask.body, base64=ask.base64)
    document = asked.document or {}
    outputs = document.get("outputs")
    if not isinstance(outputs, list) or not outputs or not asked.is_plain:
        return ask
    names = [one.get("name") if isinstance(one, dict) else None for one in outputs]
    if names != ["class"]:
        return ask
    wider = {**document, "outputs": [*outputs, {"name": PROBABILITIES}]}
    body = msgspec.json.encode(wider).decode()
    return replace(ask, body=body, base64=False)


def decided(
    prediction: Prediction, threshold: Threshold, guards: Guards, *, strip: bool
) -> Prediction:
    """A prediction with the classes that the threshold makes of it.

    Args:
        prediction: What the model said; a refusal stays as it is.
        threshold: Which class is answered from which probability on.
        guards: Has the signatures, by which probabilities in tensors have their classes.
        strip: Whether the caller did not ask for the probabilities.

    Raises:
        ModelServerError: there are no such probabilities.
    """
    if prediction.status != _OK or prediction.served is None:
        return prediction
    ref = prediction.served.ref

    def classes() -> list[str | int | bool]:
        return guards.signature(ref).output.classes or []

    body = decide(prediction.body, threshold, classes)
    return replace(prediction, body=without(body, PROBABILITIES) if strip else body)
