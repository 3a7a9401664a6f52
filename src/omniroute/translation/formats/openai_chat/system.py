"""The operator's system prompt in a Chat body: a system message of its own."""

from __future__ import annotations

from omniroute._fast.envelope import Envelope
from omniroute.translation.quirks import Changes
from omniroute.translation.system_prompt import SystemPrompt, into_messages


def put_system(envelope: Envelope, prompt: SystemPrompt) -> Changes:
    """The client's messages keep their bytes."""
    messages = into_messages(envelope.raw("messages"), prompt, {"role": "system", "content": prompt.text})
    return {} if messages is None else {"messages": messages}
