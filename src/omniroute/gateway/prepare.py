"""What happens to a request between the choice of a target and the call: checks, files, remembered reasoning, translation."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from omniroute.gateway.context import Context
from omniroute.gateway.steps.effort import effort_changes, splice_effort, with_effort
from omniroute.gateway.steps.media import inline_media
from omniroute.gateway.steps.reasoning import Reasoning, Watch
from omniroute.gateway.steps.system_prompt import note_system_prompts
from omniroute.gateway.steps.window import check_window
from omniroute.ir.request import ChatRequest
from omniroute.routing.resolve import Target
from omniroute.translation.explain import refuse_losses
from omniroute.translation.format import Format
from omniroute.translation.ops import Ops
from omniroute.translation.request import Translated, translate_request
from omniroute.upstream.fetch import Fetcher


class Prepared(NamedTuple):
    """A translated request, who keeps what its answer leaves behind (None: nothing is kept), and what translation did to it
    (None: nobody asked)."""

    translated: Translated
    watch: Watch | None
    ops: Ops = None


class Preparation:
    """Every target's requests go through here."""

    def __init__(self, reasoning: Reasoning, fetcher: Fetcher) -> None:
        self.reasoning = reasoning
        self._fetcher = fetcher

    async def prepare(self, context: Context, target: Target, upstream: Format, *, alone: bool = False) -> Prepared:
        """The body to send. Raises BadRequest. ``alone``: one choice only, whatever the request says."""
        check_window(context, target)
        profile, strict = target.profile, context.snapshot.settings.strict_translation
        ops = context.ops = [] if strict or context.explain else None
        note_system_prompts(context, ops)
        effort = effort_changes(context)
        asked: ChatRequest | None = None
        sent: ChatRequest | None = None
        if context.format is not upstream:
            asked = context.request()
            sent = replace(asked, n=None) if alone else asked
            sent = with_effort(context, sent, profile, ops) if effort else sent
            sent = await inline_media(context, sent, upstream, profile, self._fetcher, ops)
        translated = translate_request(
            context.envelope,
            context.format,
            upstream,
            profile,
            model=context.model,
            stream=context.stream,
            ops=ops,
            request=sent,
            recall=self.reasoning.recall(context, target, upstream),
        )
        if effort and sent is None:
            translated = replace(translated, body=splice_effort(context, translated.body, upstream, profile, ops))
        if sent is not asked:
            translated = replace(translated, request=asked)
        if ops is not None and alone:
            ops[:] = [op for op in ops if op.pointer != "/n"]
        if strict and ops:
            refuse_losses(ops, target.name)
        if context.path is not None and upstream.history is not None:
            translated = replace(translated, body=upstream.history.bare(translated.body), stream=False)
        return Prepared(translated, self.reasoning.watch(context, target, upstream), ops)
