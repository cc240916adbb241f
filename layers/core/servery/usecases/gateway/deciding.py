"""Thresholds: the class that is answered by its probability, and not by being the likeliest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from servery.domain.answers import PROBABILITIES, decide, without
from servery.domain.asked import Asked

if TYPE_CHECKING:
    from servery.domain.policies import Threshold
    from servery.usecases.gateway.guards import Guards
    from servery.usecases.gateway.messages import Ask, Prediction, Target

_OK = 200


Decide = Callable[["Prediction"], "Prediction"]


def deciding(target: Target, ask: Ask, guards: Guards) -> tuple[Ask, Decide]:
    """What is to be asked so that a threshold can decide, and what decides then.

    Without a threshold that is the request itself, and nothing.

    Args:
        target: Who is asked.
        ask: The request.
        guards: Has the signatures, by which probabilities in tensors have their classes.
    """
    threshold = target.deployment.policies.routing.threshold
    if threshold is None:
        return ask, _as_it_is
    wider = _widened(ask)

    def decide(prediction: Prediction) -> Prediction:
        return _decided(prediction, threshold, target, guards, strip=wider is not ask)

    return wider, decide


def _as_it_is(prediction: Prediction) -> Prediction:
    return prediction


def _widened(ask: Ask) -> Ask:
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


def _decided(
    prediction: Prediction, threshold: Threshold, target: Target, guards: Guards, *, strip: bool
) -> Prediction:
    """A prediction with the classes that the threshold makes of it.

    Args:
        prediction: What the model said; a refusal stays as it is.
        threshold: Which class is answered from which probability on.
        target: Who was asked; its classes, where nobody says who answered.
        guards: Has the signatures.
        strip: Whether the caller did not ask for the probabilities.

    Raises:
        ModelServerError: there are no such probabilities.
    """
    if prediction.status != _OK:
        return prediction
    ref = (prediction.served or target.served).ref

    def classes() -> list[str | int | bool]:
        return guards.signature(ref).output.classes or []

    body = decide(prediction.body, threshold, classes)
    return replace(prediction, body=without(body, PROBABILITIES) if strip else body)
