"""Log probabilities of finished answers go wherever the client's dialect has a place for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omniroute.translation.format import StreamMeta, registry

META = StreamMeta(id="x", model="m", created=1)
TOP = [{"token": "Hi", "logprob": -0.25, "bytes": None}, {"token": "Yo", "logprob": -2.5, "bytes": None}]
ENTRY = {"token": "Hi", "logprob": -0.25, "bytes": None, "top_logprobs": TOP}
ANSWERS: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "id": "a",
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi"},
                "finish_reason": "stop",
                "logprobs": {"content": [ENTRY]},
            }
        ],
    },
    "openai_responses": {
        "id": "a",
        "model": "m",
        "status": "completed",
        "output": [
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": [ENTRY]}],
            }
        ],
    },
    "gemini": {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": "Hi"}]},
                "finishReason": "STOP",
                "logprobsResult": {
                    "chosenCandidates": [{"token": "Hi", "tokenId": 5, "logProbability": -0.25}],
                    "topCandidates": [
                        {"candidates": [{"token": "Hi", "logProbability": -0.25}, {"token": "Yo", "logProbability": -2.5}]}
                    ],
                },
            }
        ]
    },
    "ollama": {"model": "m", "message": {"role": "assistant", "content": "Hi"}, "done": True, "logprobs": [ENTRY]},
}


def logprobs_of(client: str, answer: dict[str, Any]) -> list[tuple[str, float, list[tuple[str, float]]]]:
    if client == "gemini":
        result = answer["candidates"][0]["logprobsResult"]
        pairs = zip(result["chosenCandidates"], result["topCandidates"], strict=True)
        return [
            (one["token"], one["logProbability"], [(t["token"], t["logProbability"]) for t in step["candidates"]])
            for one, step in pairs
        ]
    if client == "openai_chat":
        entries = answer["choices"][0]["logprobs"]["content"]
    elif client == "openai_responses":
        entries = answer["output"][0]["content"][0]["logprobs"]
    else:
        entries = answer["logprobs"]
    return [(e["token"], e["logprob"], [(t["token"], t["logprob"]) for t in e["top_logprobs"]]) for e in entries]


@pytest.mark.parametrize("client", ANSWERS)
@pytest.mark.parametrize("upstream", ANSWERS)
def test_every_pair_that_has_a_place_for_them(client: str, upstream: str) -> None:
    formats = registry()
    response = formats[upstream].decode_response(json.dumps(ANSWERS[upstream]).encode())
    written = json.loads(formats[client].encode_response(response, META))
    assert logprobs_of(client, written) == [("Hi", -0.25, [("Hi", -0.25), ("Yo", -2.5)])]


@pytest.mark.parametrize("upstream", ANSWERS)
@pytest.mark.parametrize(
    "nonsense", [None, 5, "x", {}, [5], [{"token": 1}], [{"token": "a", "logprob": "b"}], [{"token": "a", "logprob": True}]]
)
def test_nonsense_is_left_out(upstream: str, nonsense: Any) -> None:
    answer = json.loads(json.dumps(ANSWERS[upstream]))
    if upstream == "openai_chat":
        answer["choices"][0]["logprobs"] = {"content": nonsense}
    elif upstream == "openai_responses":
        answer["output"][0]["content"][0]["logprobs"] = nonsense
    elif upstream == "gemini":
        answer["candidates"][0]["logprobsResult"] = {"chosenCandidates": nonsense, "topCandidates": nonsense}
    else:
        answer["logprobs"] = nonsense
    assert registry()[upstream].decode_response(json.dumps(answer).encode()).logprobs == ()


def test_the_bytes_of_a_token_stay() -> None:
    answer = json.loads(json.dumps(ANSWERS["openai_chat"]))
    answer["choices"][0]["logprobs"]["content"][0]["bytes"] = [240, 159]
    formats = registry()
    response = formats["openai_chat"].decode_response(json.dumps(answer).encode())
    written = json.loads(formats["openai_responses"].encode_response(response, META))
    assert written["output"][0]["content"][0]["logprobs"][0]["bytes"] == [240, 159]
