"""The preprocessor: the server of the half of a pair that makes features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

from servery.wiring.aws import credentials, endpoint, region
from servery.wiring.models import warm_server
from servery.wiring.settings import SystemClock, optional_setting

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

    from servery.edge.predictor import ModelServer
    from servery.usecases.preprocessor import HandOn

__all__ = [
    "hand_on",
    "model_server",
]


@dataclass(frozen=True, slots=True)
class _Keys:
    access_key: str
    secret_key: str
    token: str


class _OfTheEnvironment:
    """The credentials that Lambda sets, as the adapter asks for them."""

    def get_frozen_credentials(self) -> _Keys:
        now = credentials()
        return _Keys(now.access_key, now.secret_key, now.session_token)


@cache
def hand_on() -> HandOn:
    """What asks predictors; without boto3, whose client takes longer to make than a cold start."""
    import urllib3

    from servery.adapters.lambda_model_servers import LambdaModelServers
    from servery.adapters.lean_lambda import LeanLambda
    from servery.usecases.preprocessor import HandOn

    place = region()
    api = LeanLambda(
        endpoint=(endpoint("LAMBDA") or f"https://lambda.{place}.amazonaws.com").rstrip("/"),
        region=place,
        credentials=_OfTheEnvironment(),
        pool=urllib3.PoolManager(maxsize=1),
        clock=SystemClock(),
    )

    def client(seconds: float) -> LambdaClient:
        return cast("LambdaClient", api.within(seconds))

    return HandOn(LambdaModelServers(client))


@cache
def model_server() -> ModelServer:
    """The model server of this function; a published one is ready to ask a predictor, too."""
    server = warm_server("preprocessor", hand_on=hand_on)
    if optional_setting("SERVERY_MODE"):
        hand_on()
    return server
