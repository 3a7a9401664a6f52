"""Several answers (n > 1) of an upstream that gives one at a time: as many calls at once, joined into one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from omniroute.core.errors import BadRequest
from omniroute.gateway.attempt import Try
from omniroute.gateway.egress import JSON_TYPE, decision_headers
from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest
from omniroute.translation.format import Format
from omniroute.translation.response import Answer, joined_answer

MOST_CHOICES = 8


def choices_to_make(request: ChatRequest, upstream: Format, profile: Profile) -> int:
    """How many calls give ``request`` the answers it asks for. BadRequest for a stream of several, and for too many."""
    wanted = request.n or 1
    if wanted == 1 or ("n" in upstream.rules.fields and "n" not in profile.quirks.drop):
        return 1
    if request.stream:
        raise BadRequest(
            "n > 1 cannot be streamed by the provider of this model; ask for one choice, or without stream.", param="n"
        )
    if wanted > MOST_CHOICES:
        raise BadRequest(f"n may be at most {MOST_CHOICES} for this model.", param="n")
    return wanted


class Branch(Try):
    """A try whose answer is one of several; it is kept, not sent."""

    canonical = True
    answer: Answer | None = None

    async def respond(self, answer: Answer) -> None:
        self.keep(answer)
        self.answer = answer


async def answer_jointly(branches: Sequence[Branch], run: Callable[[Try], Awaitable[None]]) -> None:
    """Run all ``branches`` at once and send one answer. The first failure ends them all and is raised."""
    tasks = [asyncio.ensure_future(run(branch)) for branch in branches]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    first = branches[0]
    answers = [branch.answer.response for branch in branches if branch.answer is not None]
    joined = joined_answer(answers, first.context.format, first.meta())
    headers = [JSON_TYPE, *decision_headers(first.context, first.attempt)]
    first.context.committed = True
    await first.context.exchange.respond(200, headers, joined.body)
