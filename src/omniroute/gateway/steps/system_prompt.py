"""The operator's system prompts, of the settings and of the client's key, put into the client's body before it is read."""

from __future__ import annotations

from collections.abc import Iterator

from omniroute._fast.envelope import scan
from omniroute.core.settings import Settings
from omniroute.gateway.context import Context
from omniroute.routing.snapshot import KeyGrant
from omniroute.translation.ops import Ops, note
from omniroute.translation.system_prompt import SystemPrompt


def put_system_prompts(context: Context) -> None:
    """Change the body; off costs one check. That of the settings first, then that of the key around or in place of both."""
    if not has_system_prompt(context.snapshot.settings, context.grant):
        return
    for prompt in _prompts(context):
        changes = context.format.put_system(context.envelope, prompt)
        if changes:
            context.envelope = scan(context.envelope.splice(changes))


def has_system_prompt(settings: Settings, grant: KeyGrant | None) -> bool:
    return settings.system_prompt is not None or (grant is not None and grant.system_prompt is not None)


def note_system_prompts(context: Context, ops: Ops) -> None:
    """Tell of it who asks what was done to the request."""
    if ops is not None:
        for prompt in _prompts(context):
            note(ops, "system-prompt", "synthesised", "system", detail=prompt.position)


def _prompts(context: Context) -> Iterator[SystemPrompt]:
    settings, grant = context.snapshot.settings, context.grant
    if settings.system_prompt is not None and settings.system_prompt.strip():
        yield SystemPrompt(settings.system_prompt, settings.system_prompt_position)
    if grant is not None and grant.system_prompt is not None:
        yield SystemPrompt(grant.system_prompt, grant.system_prompt_position)
