"""The operator's system prompt in an Ollama chat body: a system message of its own."""

from __future__ import annotations

from omniroute._fast.envelope import Envelope
from omniroute.translation.quirks import Changes
from omniroute.translation.system_prompt import SystemPrompt, into_messages


def put_system(envelope: Envelope, prompt: SystemPrompt) -> Changes:
    """The client's messages keep their bytes. An empty list only loads a model and stays empty."""
    raw = envelope.raw("messages")
    if not envelope.messages:
        return {}
    messages = into_messages(raw, prompt, {"role": "system", "content": prompt.text})
    return {} if messages is None else {"messages": messages}
