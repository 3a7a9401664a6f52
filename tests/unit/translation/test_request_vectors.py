"""Requests from one format to another: what must come out, written from the formats' documentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from omniroute._fast.envelope import scan
from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Profile
from omniroute.translation.format import registry
from omniroute.translation.ops import Op
from omniroute.translation.request import translate_request
from unit.translation.ollama_validator import ollama_complaints
from unit.translation.validators import anthropic_complaints, chat_complaints

VECTORS = Path(__file__).parents[2] / "vectors" / "requests"
COMPLAINTS = {"openai_chat": chat_complaints, "anthropic": anthropic_complaints, "ollama": ollama_complaints}


def _cases(*, refused: bool = True) -> list[Any]:
    cases = []
    for path in sorted(VECTORS.glob("*_to_*.json")):
        client, upstream = path.stem.split("_to_")
        for case in json.loads(path.read_text()):
            if refused or "error" not in case:
                cases.append(pytest.param(client, upstream, case, id=f"{client}-{upstream}-{case['id']}"))
    return cases


def _profile(case: dict[str, Any]) -> Profile:
    return msgspec.convert({"model": "upstream-model", **case.get("profile", {})}, Profile)


@pytest.mark.parametrize(("client", "upstream", "case"), _cases())
def test_request(client: str, upstream: str, case: dict[str, Any]) -> None:
    given = {"model": "asked-model", **({"max_tokens": 1000} if client == "anthropic" else {}), **case["request"]}
    envelope = scan(json.dumps(given).encode())
    formats = registry()

    if "error" in case:
        with pytest.raises(BadRequest) as caught:
            translate_request(envelope, formats[client], formats[upstream], _profile(case))
        assert caught.value.param == case["error"]
        return

    translated = translate_request(envelope, formats[client], formats[upstream], _profile(case))
    body = json.loads(translated.body)
    for key, value in {"model": "upstream-model", **case.get("expect", {})}.items():
        assert body.get(key) == value, key
    for key in case.get("absent", []):
        assert key not in body
    if not case.get("lenient"):
        assert COMPLAINTS[upstream](body) == []


@pytest.mark.parametrize(("client", "upstream", "case"), _cases(refused=False))
def test_explaining_changes_nothing(client: str, upstream: str, case: dict[str, Any]) -> None:
    given = {"model": "asked-model", **case["request"]}
    envelope = scan(json.dumps(given).encode())
    formats = registry()
    ops: list[Op] = []
    explained = translate_request(envelope, formats[client], formats[upstream], _profile(case), ops=ops)
    assert explained.body == translate_request(envelope, formats[client], formats[upstream], _profile(case)).body
    assert all(op.pointer.startswith("/") and op.rule for op in ops)
