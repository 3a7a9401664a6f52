"""Code Assist: Gemini's requests and answers inside an envelope, and what its services want of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute._fast.codec import Bridge, Collector
from omniroute._fast.envelope import scan
from omniroute._fast.gemini import GeminiDecoder
from omniroute.catalog.catalog import profile_for
from omniroute.catalog.load import load_catalogue
from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Profile
from omniroute.translation.format import StreamMeta, registry
from omniroute.translation.refused_thinking import without_thinking
from omniroute.translation.request import translate_request
from omniroute.translation.response import answer_as_stream, stream_as_answer, translate_answer
from omniroute.translation.stream import bridge_for
from unit.translation.test_gemini_requests import gemini_complaints

VECTORS = Path(__file__).parents[2] / "vectors"
FORMATS = registry()
CODE_ASSIST, GEMINI = FORMATS["code_assist"], FORMATS["gemini"]
META = StreamMeta(id="req_of-ours", model="asked-model", created=1_800_000_000)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
STREAMS = sorted((VECTORS / "gemini").glob("*.sse"))
each_stream = pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)


def code_assist_complaints(body: dict[str, Any]) -> list[str]:
    """What the service would refuse: an envelope without its members, and all that Google refuses of the body inside."""
    unknown = body.keys() - {"model", "request", "project", "user_prompt_id", "userAgent", "requestType", "requestId"}
    found = [f"unknown name {key}" for key in unknown]
    found += [] if isinstance(body.get("model"), str) and body["model"] else ["no model"]
    inner = {key: value for key, value in body["request"].items() if key not in ("session_id", "sessionId")}
    return [*found, *gemini_complaints(inner)]


def sent(client: str, body: dict[str, Any], profile: Profile | None = None, **options: Any) -> dict[str, Any]:
    envelope = scan(json.dumps(body).encode())
    made = translate_request(envelope, FORMATS[client], CODE_ASSIST, profile or Profile(model="up"), **options)
    value = json.loads(made.body)
    assert isinstance(value, dict)
    assert code_assist_complaints(value) == []
    return value


def chat(text: str = "Hi", **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


def catalogued(provider_id: str, model_id: str) -> Profile:
    provider = load_catalogue().by_id(provider_id)
    assert provider is not None
    model = provider.model(model_id)
    assert model is not None
    return profile_for(provider, model.id)


def wrapped(stream: bytes) -> bytes:
    """A Gemini stream as Code Assist writes it: whole chunks, errors left as they are."""
    out = []
    for event in re.split(rb"(?:\r\n\r\n|\n\n|\r\r)", stream):
        lines = [
            line.removeprefix(b"data:").removeprefix(b" ")
            for line in re.split(rb"\r\n|\n|\r", event)
            if line.startswith(b"data:")
        ]
        data = b"\n".join(lines)
        try:
            value = json.loads(data)
        except ValueError:
            value = None
        if isinstance(value, dict) and "error" not in value:
            data = b'{"traceId":"t","response":' + data + b"}"
        if lines:
            out.append(b"".join(b"data: " + line + b"\n" for line in data.split(b"\n")) + b"\n")
    return b"".join(out)


def test_the_body_stands_under_request_and_the_model_beside_it() -> None:
    body = sent("openai_chat", chat(temperature=0.5))
    assert body == {
        "model": "up",
        "request": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "generationConfig": {"temperature": 0.5}},
    }


def test_the_envelope_is_data() -> None:
    envelope = {
        "userAgent": "antigravity",
        "requestId": "agent-{uuid}",
        "request.sessionId": "-{session_number}",
        "request.session_id": "{session}",
    }
    profile = msgspec.convert({"model": "up", "quirks": {"envelope": envelope}}, Profile)
    first, again, other = (sent("openai_chat", chat(text), profile) for text in ("Hi", "Hi", "Ho"))
    assert first["userAgent"] == "antigravity"
    assert UUID.fullmatch(first["requestId"].removeprefix("agent-"))
    assert first["requestId"] != again["requestId"], "new in each request"
    assert first["request"]["sessionId"] == again["request"]["sessionId"] != other["request"]["sessionId"]
    assert -(2**63) < int(first["request"]["sessionId"]) < 0
    assert UUID.fullmatch(first["request"]["session_id"])
    assert first["request"]["session_id"] != other["request"]["session_id"]
    unknown = msgspec.convert({"model": "up", "quirks": {"envelope": {"x": "{nonsense}"}}}, Profile)
    with pytest.raises(BadRequest, match="nonsense"):
        sent("openai_chat", chat(), unknown)


def test_the_session_stays_while_the_conversation_grows() -> None:
    profile = catalogued("antigravity", "gemini-3-flash")
    first = sent("openai_chat", chat("Weather?"), profile)
    longer = chat("Weather?")
    longer["messages"] += [{"role": "assistant", "content": "Sunny."}, {"role": "user", "content": "And tomorrow?"}]
    assert sent("openai_chat", longer, profile)["request"]["sessionId"] == first["request"]["sessionId"]


def test_what_only_google_knows_passes_between_a_gemini_client_and_code_assist() -> None:
    body = {
        "contents": [
            {"role": "user", "parts": [{"text": "Run it"}]},
            {
                "role": "model",
                "parts": [
                    {"text": "thinking", "thought": True, "thoughtSignature": "c2lnMQ=="},
                    {"functionCall": {"id": "c1", "name": "run", "args": {}}, "thoughtSignature": "c2lnMg=="},
                    {"executableCode": {"language": "PYTHON", "code": "1"}},
                ],
            },
            {"role": "user", "parts": [{"functionResponse": {"id": "c1", "name": "run", "response": {"output": "ok"}}}]},
        ],
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "tools": [
            {"functionDeclarations": [{"name": "run", "parametersJsonSchema": {"type": "object", "properties": {"a": {}}}}]}
        ],
    }
    inner = sent("gemini", body, model="m", stream=False)["request"]
    assert inner["contents"] == body["contents"]
    assert inner["safetySettings"] == body["safetySettings"]
    assert inner["tools"] == body["tools"]


TOOLS = [{"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}]


@pytest.mark.parametrize(
    ("choice", "mode"),
    [(None, "VALIDATED"), ("auto", "VALIDATED"), ("required", "VALIDATED"), ("none", "NONE")],
)
def test_claude_at_antigravity(choice: str | None, mode: str) -> None:
    profile = catalogued("antigravity", "claude-opus-4-5-thinking")
    asked = chat(tools=TOOLS, max_tokens=300, reasoning_effort="high", **({"tool_choice": choice} if choice else {}))
    body = sent("openai_chat", asked, profile)
    inner = body["request"]
    assert inner["toolConfig"]["functionCallingConfig"]["mode"] == mode
    (declared,) = inner["tools"][0]["functionDeclarations"]
    assert declared["parameters"]["properties"], "a function without parameters has one that need not be filled"
    assert "required" not in declared["parameters"]
    budget = inner["generationConfig"]["thinkingConfig"]["thinkingBudget"]
    assert inner["generationConfig"]["maxOutputTokens"] == budget + 300, "thoughts leave room for the answer"
    assert inner["systemInstruction"]["parts"][0]["text"].startswith("You are Antigravity")
    assert body["requestType"] == "agent"


def test_gemini_at_antigravity_gets_no_output_limit_and_only_its_schemas() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "additionalProperties": False}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    profile = catalogued("antigravity", "gemini-3-pro-high")
    asked = chat(tools=[tool], max_tokens=100, logprobs=True, frequency_penalty=0.5, temperature=0.2, reasoning_effort="low")
    inner = sent("openai_chat", asked, profile)["request"]
    assert inner["generationConfig"] == {
        "temperature": 0.2,
        "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "LOW"},
    }
    (declared,) = inner["tools"][0]["functionDeclarations"]
    assert declared["parameters"] == {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}}
    assert "toolConfig" not in inner


def test_gemini_cli_has_its_own_envelope() -> None:
    profile = catalogued("gemini-cli", "gemini-3-flash")
    body = sent("openai_chat", chat(max_tokens=100, presence_penalty=0.5, store=True), profile)
    assert body["model"] == "gemini-3-flash-preview", "an alias is asked for by its name upstream"
    assert UUID.fullmatch(body["user_prompt_id"])
    assert UUID.fullmatch(body["request"]["session_id"])
    assert body["request"]["generationConfig"] == {"maxOutputTokens": 100}
    assert body.keys() == {"model", "user_prompt_id", "request"}, "the project is put in by the login"


def test_thinking_that_is_refused_goes() -> None:
    inner = {
        "contents": [{"role": "model", "parts": [{"text": "t", "thought": True, "thoughtSignature": "x"}, {"text": "said"}]}]
    }
    body = json.dumps({"model": "m", "project": "p", "request": inner}).encode()
    bare = without_thinking(body, CODE_ASSIST)
    assert bare is not None
    assert json.loads(bare) == {
        "model": "m",
        "project": "p",
        "request": {"contents": [{"role": "model", "parts": [{"text": "said"}]}]},
    }
    assert without_thinking(bare, CODE_ASSIST) is None


# -- answers ----------------------------------------------------------------------------------------------------------

ANSWER = {
    "candidates": [{"content": {"parts": [{"text": "Hi"}], "role": "model"}, "finishReason": "STOP", "odd": 1, "index": 0}],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
    "modelVersion": "gemini-up",
    "responseId": "up-1",
}


def test_a_finished_answer_is_unwrapped() -> None:
    body = json.dumps({"response": ANSWER, "traceId": "t"}, indent=2).encode()
    answer = translate_answer(body, FORMATS["openai_chat"], CODE_ASSIST, META)
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == "Hi"
    assert answer.usage is not None
    assert (answer.usage.input, answer.usage.output, answer.stop) == (3, 2, "stop")
    for_gemini = translate_answer(body, GEMINI, CODE_ASSIST, META)
    assert json.loads(for_gemini.body) == ANSWER, "a Gemini client gets the very answer"


def test_an_answer_in_pieces_is_unwrapped() -> None:
    pieces = [
        {"response": {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, **more}]}}
        for text, more in (("Hel", {}), ("lo", {"finishReason": "STOP"}))
    ]
    answer = translate_answer(json.dumps(pieces).encode(), FORMATS["anthropic"], CODE_ASSIST, META)
    assert json.loads(answer.body)["content"] == [{"type": "text", "text": "Hello"}]


def seen(decoder: GeminiDecoder, stream: bytes, cuts: tuple[int, ...] = ()) -> Any:
    collector = Collector()
    bridge = Bridge(decoder, collector)
    for begin, end in zip((0, *cuts), (*cuts, len(stream)), strict=True):
        bridge.feed(stream[begin:end])
    bridge.finish()
    usage = bridge.usage
    counts = (usage.input, usage.cached, usage.output, usage.reasoning)
    blocks: list[dict[str, Any]] = []
    for block in collector.blocks:  # ids are made of the bytes, and arguments keep their line ends
        parsed = {"arguments": json.loads(str(block["arguments"]))} if "arguments" in block else {}
        blocks.append({key: value for key, value in {**block, **parsed}.items() if key != "id"})
    return blocks, bridge.stop_reason, counts, bridge.error_status, bridge.error_message, bridge.response_id, bridge.skipped


@each_stream
def test_a_stream_says_the_same_inside_an_envelope(path: Path) -> None:
    plain = path.read_bytes()
    assert seen(GeminiDecoder(enveloped=True), wrapped(plain)) == seen(GeminiDecoder(), plain)


@each_stream
def test_every_cut_position(path: Path) -> None:
    stream = wrapped(path.read_bytes())
    whole = seen(GeminiDecoder(enveloped=True), stream)
    step = max(1, len(stream) // 200)
    for cut in range(1, len(stream), step):
        assert seen(GeminiDecoder(enveloped=True), stream, (cut,)) == whole, cut


def run(bridge: Bridge, stream: bytes, cuts: tuple[int, ...] = ()) -> bytes:
    out = b"".join(bridge.feed(stream[begin:end]) for begin, end in zip((0, *cuts), (*cuts, len(stream)), strict=True))
    return out + bridge.finish()


@each_stream
def test_a_gemini_client_gets_the_chunks_as_they_were(path: Path) -> None:
    """Unwrapped, they are a Gemini stream that says what the plain one says; wherever the reads end."""
    plain = path.read_bytes()
    stream = wrapped(plain)

    def relayed(*cuts: int) -> bytes:
        return run(bridge_for(GEMINI, CODE_ASSIST, META, hide_usage=False), stream, cuts)

    whole = relayed()
    assert b'"traceId"' not in whole
    assert seen(GeminiDecoder(), whole)[:5] == seen(GeminiDecoder(), run(Bridge(GeminiDecoder()), plain))[:5]
    step = max(1, len(stream) // 60)
    for cut in range(1, len(stream), step):
        assert relayed(cut) == whole, cut


def test_what_only_google_says_reaches_a_gemini_client() -> None:
    stream = wrapped((VECTORS / "gemini" / "grounding.sse").read_bytes())
    out = run(bridge_for(GEMINI, CODE_ASSIST, META, hide_usage=False), stream)
    assert b"groundingMetadata" in out


def test_a_gemini_client_may_want_an_array() -> None:
    meta = msgspec.structs.replace(META, array=True)
    out = run(bridge_for(GEMINI, CODE_ASSIST, meta, hide_usage=False), wrapped((VECTORS / "gemini" / "text.sse").read_bytes()))
    chunks = json.loads(out)
    assert "".join(c["candidates"][0]["content"]["parts"][0]["text"] for c in chunks) == "Hello, world\n"


def test_an_error_stands_beside_the_envelope() -> None:
    error = b'data: {"error":{"code":429,"message":"Quota exceeded.","status":"RESOURCE_EXHAUSTED"}}\n\n'
    bridge = bridge_for(FORMATS["openai_chat"], CODE_ASSIST, META, hide_usage=False)
    bridge.feed(error)
    assert (bridge.error_status, bridge.error_message) == (429, "Quota exceeded.")
    direct = bridge_for(GEMINI, CODE_ASSIST, META, hide_usage=False)
    direct.feed(error)
    assert direct.error_status == 429


def test_a_gathered_stream_and_a_replayed_answer() -> None:
    stream = wrapped((VECTORS / "gemini" / "signed_thought.sse").read_bytes())
    collector = Collector()
    bridge = Bridge(CODE_ASSIST.decoder(), collector)
    bridge.feed(stream)
    bridge.finish()
    answer = stream_as_answer(collector, bridge, GEMINI, CODE_ASSIST, META)
    parts = json.loads(answer.body)["candidates"][0]["content"]["parts"]
    assert any(part.get("thoughtSignature") for part in parts), "the proof is Google's own to a Gemini client"
    replayed = answer_as_stream(json.dumps({"response": ANSWER}).encode(), FORMATS["anthropic"], CODE_ASSIST, META)
    assert b"text_delta" in replayed.body


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=3))
def test_garbage_never_raises(data: bytes, cuts: list[int]) -> None:
    for client in (GEMINI, FORMATS["openai_chat"]):
        bridge = bridge_for(client, CODE_ASSIST, META, hide_usage=False)
        stream = b'data: {"response":' + data + b"}\n\n" + data
        run(bridge, stream, tuple(sorted(min(cut, len(stream)) for cut in cuts)))


def test_it_is_no_dialect_of_clients() -> None:
    assert CODE_ASSIST.inner == "gemini"
    assert CODE_ASSIST.encoder is GEMINI.encoder
    with pytest.raises(BadRequest) as caught:
        CODE_ASSIST.decode_request(b'{"model": "m"}')
    assert caught.value.param == "request"
