"""What hops ask that has been answered before, as the policies of their models say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from msgspec.structs import replace as restated

from servery.domain.deployment import Deployment
from servery.ports import Inquiry, Look, PredictionCache
from servery.ports import Reply as Said
from servery.usecases.graph.hops import ModelHop
from servery.usecases.graph.locating import Target
from servery.usecases.graph.messages import ROUTE, Reply
from servery.usecases.graph.replies import OK
from servery.usecases.graph.sending import Sending

HIT, MISS = "hit", "miss"
_SERVER_ERROR = 500


class CachedHops:
    """Looks hops up.

    Args:
        cache: Makes the cache when a policy asks for it; None where there is none.
        deployment: Who answers for a model.
        locate: Who is called for a hop with the features of a pair.
        now: Seconds by the clock that deadlines go by.
    """

    def __init__(
        self,
        cache: Callable[[], PredictionCache] | None,
        deployment: Callable[[str], Deployment],
        locate: Callable[[ModelHop, str], Target],
        now: Callable[[], float],
    ) -> None:
        self._cache = cache
        self._deployment = deployment
        self._locate = locate
        self._now = now

    def look(self, sending: Sending) -> tuple[Target, Look] | None:
        """What is known of a question; None where it goes past the cache.

        What a model server looks up by itself is in no row, and a pair in a line has two models.

        Raises:
            NotFoundError: nobody answers for the hop.
        """
        hop, pair = sending.hop, sending.question.pair
        if self._cache is None or hop.lookup is not None or hop.in_line:
            return None
        deployment = self._deployment(hop.model)
        if deployment.policies.cache is None:
            return None
        target = self._locate(hop, pair)
        inquiry = Inquiry(
            deployment=deployment,
            served=target.served,
            body=sending.body,
            base64=False,
            request_id=sending.request_id,
            served_by=ROUTE,
            seconds=sending.until - self._now(),
            pair=pair,
        )
        look = self._cache().look_up(inquiry)
        return None if look is None else (target, look)


def complete(
    target: Target,
    look: Look,
    sending: Sending,
    ask: Callable[[Sending], tuple[Target, Reply]],
) -> tuple[Target, Reply]:
    """The answer of a look, with what it lacks asked for.

    Where the server refuses what is lacking, or another version answers it, it is asked for the
    whole: a refusal names rows by their place, and an answer is of one version.
    """
    version = target.served.ref.version
    if look.state == HIT:
        body = look.answer()
        return target, Reply(status=OK, body=body, model_version=version, pair=target.pair)
    try:
        asked, reply = ask(replace(sending, body=look.question))
        exact = not reply.degraded and reply.model_version == version
        if reply.status == OK and (exact or look.state == MISS):
            said = Said(body=reply.body, model_version=reply.model_version, exact=exact)
            return asked, restated(reply, body=look.weave(said))
    except BaseException:
        look.give_up()
        raise
    look.give_up()
    whole = look.question == sending.body
    return (asked, reply) if whole or reply.status >= _SERVER_ERROR else ask(sending)
