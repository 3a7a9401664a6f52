"""Formats that only providers speak: what stands where other formats have a client half."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from omniroute._fast.codec import Decoder
from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest
from omniroute.translation.answers import answer_object, bad_answer
from omniroute.translation.format import Format
from omniroute.translation.rules import Rules


class ProviderOnly(LookupError):
    """A format that no client speaks was taken for a client's."""


def egress_format(
    name: str,
    *,
    stream_type: str,
    rules: Rules,
    encode_request: Callable[[ChatRequest, Profile], bytes],
    decoder: Callable[[], Decoder],
    binary: bool = False,
    default_headers: Mapping[str, str] | None = None,
) -> Format:
    """The record of a format that is only written to providers and read as their stream.

    Its services answer with streams whatever is asked: a finished answer is a gathered one.
    """

    def absent(*_: Any, **__: Any) -> NoReturn:
        raise ProviderOnly(f"{name} is a format of providers: no client speaks it")

    return Format(
        name=name,
        chat_path="",
        stream_type=stream_type,
        id_prefix="",
        rules=rules,
        decode_request=absent,
        encode_request=encode_request,
        decode_response=_never_whole,
        encode_response=absent,
        decoder=decoder,
        encoder=absent,
        encode_error=absent,
        error_status=absent,
        adjust=absent,
        put_system=absent,
        reasoning_fields=(),
        wants_usage=absent,
        default_headers=default_headers or {},
        egress_only=True,
        binary=binary,
    )


def _never_whole(body: bytes) -> NoReturn:
    """A JSON body where only streams are sent: not an answer, whatever it says. Raises BadAnswer."""
    answer_object(body)
    raise bad_answer("The provider answered with a JSON object where it streams.")
