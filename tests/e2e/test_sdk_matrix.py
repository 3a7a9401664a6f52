"""Every official SDK against every upstream dialect: plain, tools and their loop, thinking, structured output, images.

Answers are asked for whole and as a stream, except structured output and images, whose requests are what matters: those whole.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import ollama
import pytest
import pytest_asyncio
from google.genai import types
from pydantic import BaseModel

from running.fixtures import Server, nodes, serving
from upstream.script import Script, Text, Thinking, ToolCall, Usage
from upstream.server import ScriptedUpstream

pytestmark = pytest.mark.asyncio(loop_scope="module")
UPSTREAMS = ["oa/m", "an/m", "re/m", "ge/m", "ol/m"]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CALLS = [ToolCall("get_weather", {"city": "Köln"}, id="call_1"), ToolCall("get_weather", {"city": "Bonn"}, id="call_2")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream_of_all() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream().run() as upstream:
        yield upstream


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, upstream_of_all: ScriptedUpstream) -> AsyncIterator[Server]:
    """One OmniRoute for all tests here: every conversation is its own, whoever talked before."""
    async with serving(tmp_path_factory.mktemp("matrix") / "data", nodes(upstream_of_all)) as running:
        yield running


@pytest.fixture
def scripted_upstream(upstream_of_all: ScriptedUpstream) -> ScriptedUpstream:
    upstream_of_all.reset()
    return upstream_of_all


class Capital(BaseModel):
    capital_city: str
    inhabitants: int


class Got(NamedTuple):
    """``usage``: (input, output); ``parsed``: by the SDK itself, where it can."""

    text: str
    thinking: str
    calls: list[tuple[str, Any]]
    usage: tuple[int | None, int | None]
    parsed: Any = None


class Client(ABC):
    """One SDK in one conversation. ``say`` sends a user turn, ``answer`` the results of all calls of the last answer."""

    def __init__(self, server: Server, model: str, streaming: bool) -> None:
        self.model, self.streaming = model, streaming
        self.api: Any = self.connect(server)
        self.history: list[Any] = []

    async def say(self, text: str, *, image: bool = False, **options: Any) -> Got:
        self.history.append(self.user(text, image))
        return await self.send(**options)

    @abstractmethod
    def connect(self, server: Server) -> Any: ...

    @abstractmethod
    def user(self, text: str, image: bool) -> Any: ...

    @abstractmethod
    async def send(self, *, tools: bool = False, form: type[BaseModel] | None = None, think: bool = False) -> Got: ...

    @abstractmethod
    async def answer(self, results: list[str]) -> Got: ...


class Chat(Client):
    def connect(self, server: Server) -> Any:
        return server.openai().chat.completions

    def user(self, text: str, image: bool) -> Any:
        shown = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}] if image else []
        return {"role": "user", "content": [{"type": "text", "text": text}, *shown]}

    async def send(self, *, tools: bool = False, form: type[BaseModel] | None = None, think: bool = False) -> Got:
        api = self.api
        tool = {"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": SCHEMA}}
        options: Any = {"tools": [tool]} if tools else {}
        options |= {"reasoning_effort": "high"} if think else {}
        options |= {"model": self.model, "messages": self.history}
        if form is not None:
            done: Any = await api.parse(**options, response_format=form)
        elif self.streaming:
            async with api.stream(**options, stream_options={"include_usage": True}) as stream:
                done = await stream.get_final_completion()
        else:
            done = await api.create(**options)
        message = done.choices[0].message
        assert done.choices[0].finish_reason == ("tool_calls" if message.tool_calls else "stop")
        self.calls = message.tool_calls or []
        self.history.append(message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}))
        return Got(
            message.content or "",
            getattr(message, "reasoning_content", None) or "",
            [(call.function.name, json.loads(call.function.arguments)) for call in self.calls],
            (done.usage.prompt_tokens, done.usage.completion_tokens),
            getattr(message, "parsed", None),
        )

    async def answer(self, results: list[str]) -> Got:
        for call, result in zip(self.calls, results, strict=True):
            self.history.append({"role": "tool", "tool_call_id": call.id, "content": result})
        return await self.send(tools=True)


class Responses(Client):
    def connect(self, server: Server) -> Any:
        return server.openai().responses

    def user(self, text: str, image: bool) -> Any:
        shown = [{"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PIXEL}"}] if image else []
        return {"role": "user", "content": [{"type": "input_text", "text": text}, *shown]}

    async def send(self, *, tools: bool = False, form: type[BaseModel] | None = None, think: bool = False) -> Got:
        api = self.api
        tool = {"type": "function", "name": "get_weather", "description": "Weather", "parameters": SCHEMA, "strict": False}
        options: Any = {"tools": [tool]} if tools else {}
        options |= {"reasoning": {"effort": "high", "summary": "auto"}} if think else {}
        options |= {"model": self.model, "input": self.history, "store": False}
        if form is not None:
            done: Any = await api.parse(**options, text_format=form)
        elif self.streaming:
            async with api.stream(**options) as stream:
                done = await stream.get_final_response()
        else:
            done = await api.create(**options)
        assert done.status == "completed"
        self.calls = [item for item in done.output if item.type == "function_call"]
        said = {"role": "assistant", "content": done.output_text}
        self.history += [said, *(item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in self.calls)]
        return Got(
            done.output_text,
            "".join(part.text for item in done.output if item.type == "reasoning" for part in item.summary),
            [(call.name, json.loads(call.arguments)) for call in self.calls],
            (done.usage.input_tokens, done.usage.output_tokens),
            done.output_parsed if form is not None else None,
        )

    async def answer(self, results: list[str]) -> Got:
        for call, result in zip(self.calls, results, strict=True):
            self.history.append({"type": "function_call_output", "call_id": call.call_id, "output": result})
        return await self.send(tools=True)


class Messages(Client):
    def connect(self, server: Server) -> Any:
        return server.anthropic().messages

    def user(self, text: str, image: bool) -> Any:
        source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
        return {
            "role": "user",
            "content": [*([{"type": "image", "source": source}] if image else []), {"type": "text", "text": text}],
        }

    async def send(self, *, tools: bool = False, form: type[BaseModel] | None = None, think: bool = False) -> Got:
        api = self.api
        options: Any = {"tools": [{"name": "get_weather", "description": "Weather", "input_schema": SCHEMA}]} if tools else {}
        options |= {"thinking": {"type": "enabled", "budget_tokens": 2000}} if think else {}
        options |= {"model": self.model, "messages": self.history, "max_tokens": 4000}
        if form is not None:
            done: Any = await api.parse(**options, output_format=form)
        elif self.streaming:
            async with api.stream(**options) as stream:
                done = await stream.get_final_message()
        else:
            done = await api.create(**options)
        self.calls = [block for block in done.content if block.type == "tool_use"]
        assert done.stop_reason == ("tool_use" if self.calls else "end_turn")
        self.history.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in done.content]})
        return Got(
            "".join(block.text for block in done.content if block.type == "text"),
            "".join(block.thinking for block in done.content if block.type == "thinking"),
            [(call.name, call.input) for call in self.calls],
            (done.usage.input_tokens + (done.usage.cache_read_input_tokens or 0), done.usage.output_tokens),
            done.parsed_output if form is not None else None,
        )

    async def answer(self, results: list[str]) -> Got:
        pairs = zip(self.calls, results, strict=True)
        content = [{"type": "tool_result", "tool_use_id": call.id, "content": result} for call, result in pairs]
        self.history.append({"role": "user", "content": content})
        return await self.send(tools=True)


class Gemini(Client):
    def connect(self, server: Server) -> Any:
        return server.gemini().aio.models

    def user(self, text: str, image: bool) -> Any:
        shown = [types.Part(inline_data=types.Blob(data=PIXEL, mime_type="image/png"))] if image else []
        return types.Content(role="user", parts=[types.Part(text=text), *shown])

    async def send(self, *, tools: bool = False, form: type[BaseModel] | None = None, think: bool = False) -> Got:
        api = self.api
        declared = types.FunctionDeclaration(name="get_weather", description="Weather", parameters_json_schema=SCHEMA)
        config = types.GenerateContentConfig(
            tools=[types.Tool(function_declarations=[declared])] if tools else None,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            thinking_config=types.ThinkingConfig(include_thoughts=True) if think else None,
            response_mime_type="application/json" if form else None,
            response_schema=form,
        )
        if self.streaming and form is None:
            stream = await api.generate_content_stream(model=self.model, contents=self.history, config=config)
            chunks = [chunk async for chunk in stream]
        else:
            chunks = [await api.generate_content(model=self.model, contents=self.history, config=config)]
        candidates = [candidate for chunk in chunks for candidate in chunk.candidates or ()]
        parts = [part for candidate in candidates if candidate.content for part in candidate.content.parts or ()]
        assert candidates[-1].finish_reason == types.FinishReason.STOP
        usage = chunks[-1].usage_metadata
        assert usage is not None
        self.calls = [part.function_call for part in parts if part.function_call]
        self.history.append(types.Content(role="model", parts=[part for part in parts if part.text != ""]))
        return Got(
            "".join(part.text or "" for part in parts if not part.thought),
            "".join(part.text or "" for part in parts if part.thought),
            [(call.name or "", call.args) for call in self.calls],
            (usage.prompt_token_count, (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)),
            chunks[-1].parsed if form else None,
        )

    async def answer(self, results: list[str]) -> Got:
        answers = [
            types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": result}))
            for call, result in zip(self.calls, results, strict=True)
        ]
        self.history.append(types.Content(role="user", parts=answers))
        return await self.send(tools=True)


class Ollama(Client):
    def connect(self, server: Server) -> Any:
        client = ollama.AsyncClient(host=server.url)
        server.closing.push_async_callback(client._client.aclose)
        return client

    def user(self, text: str, image: bool) -> Any:
        return {"role": "user", "content": text, **({"images": [PIXEL]} if image else {})}

    async def send(self, *, tools: bool = False, form: type[BaseModel] | None = None, think: bool = False) -> Got:
        tool = {"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": SCHEMA}}
        options: Any = {"tools": [tool]} if tools else {}
        options |= {"format": form.model_json_schema()} if form else {}
        options |= {"model": self.model, "messages": self.history, "think": True if think else None}
        if self.streaming and form is None:
            lines = [line async for line in await self.api.chat(**options, stream=True)]
        else:
            lines = [await self.api.chat(**options)]
        assert (lines[-1].done, lines[-1].done_reason) == (True, "stop")
        text = "".join(line.message.content or "" for line in lines)
        self.calls = [call for line in lines for call in line.message.tool_calls or ()]
        self.history.append(ollama.Message(role="assistant", content=text, tool_calls=self.calls or None))
        return Got(
            text,
            "".join(line.message.thinking or "" for line in lines),
            [(call.function.name, dict(call.function.arguments)) for call in self.calls],
            (lines[-1].prompt_eval_count, lines[-1].eval_count),
            form.model_validate_json(text) if form else None,
        )

    async def answer(self, results: list[str]) -> Got:
        for call, result in zip(self.calls, results, strict=True):
            self.history.append({"role": "tool", "tool_name": call.function.name, "content": result})
        return await self.send(tools=True)


CLIENTS = [Chat, Responses, Messages, Gemini, Ollama]
each_pair = pytest.mark.parametrize(
    ("client", "model"),
    [pytest.param(client, model, id=f"{client.__name__}-{model[:2]}") for client in CLIENTS for model in UPSTREAMS],
)
both_ways = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])


@both_ways
@each_pair
async def test_plain_and_thinking(
    server: Server, scripted_upstream: ScriptedUpstream, client: type[Client], model: str, streaming: bool
) -> None:
    scripted_upstream.queue(
        Script(answer="Guten Tag, schöne Welt ☀", usage=Usage(input=100, output=25)),
        Script(answer=[Thinking("First, add. "), Text("4")], usage=Usage(input=130, output=9)),
    )
    talk = client(server, model, streaming)
    assert await talk.say("Hi") == Got("Guten Tag, schöne Welt ☀", "", [], (100, 25))
    thought = await talk.say("Two and two?", think=True)
    assert (thought.text, thought.thinking.strip(), thought.usage) == ("4", "First, add.", (130, 9))
    sent = json.dumps(scripted_upstream.last.json(), ensure_ascii=False)
    assert all(word in sent for word in ("Guten", "schöne", "☀")), "the first answer is part of the second request"
    assert "Two and two?" in sent


@both_ways
@each_pair
async def test_parallel_tools_and_their_loop(
    server: Server, scripted_upstream: ScriptedUpstream, client: type[Client], model: str, streaming: bool
) -> None:
    scripted_upstream.queue(Script(answer=[Text("Looking."), *CALLS]), Script(answer="Sunny in both."))
    talk = client(server, model, streaming)
    first = await talk.say("Weather in Köln and Bonn?", tools=True)
    assert first.calls == [("get_weather", {"city": "Köln"}), ("get_weather", {"city": "Bonn"})]
    assert first.text == "Looking."
    second = await talk.answer(["21 degrees", "22 degrees"])
    assert (second.text, second.calls) == ("Sunny in both.", [])
    assert results_of(scripted_upstream.last.json(), model[:2]) == [
        ({"city": "Köln"}, "21 degrees"),
        ({"city": "Bonn"}, "22 degrees"),
    ]


def results_of(body: dict[str, Any], dialect: str) -> list[tuple[Any, str]]:
    """What the upstream learns of each call: arguments and result, paired as its dialect pairs them."""
    if dialect == "re":
        calls = [item for item in body["input"] if item.get("type") == "function_call"]
        outputs = {item["call_id"]: item["output"] for item in body["input"] if item.get("type") == "function_call_output"}
        return [(json.loads(call["arguments"]), outputs[call["call_id"]]) for call in calls]
    if dialect == "ge":
        parts = [part for content in body["contents"] for part in content["parts"]]
        asked = [part["functionCall"]["args"] for part in parts if "functionCall" in part]
        told = [part["functionResponse"]["response"]["output"] for part in parts if "functionResponse" in part]
        return list(zip(asked, told, strict=True))
    messages = body["messages"]
    if dialect == "an":
        blocks = [block for message in messages if isinstance(message["content"], list) for block in message["content"]]
        contents = {block["tool_use_id"]: block["content"] for block in blocks if block["type"] == "tool_result"}
        return [(block["input"], contents[block["id"]]) for block in blocks if block["type"] == "tool_use"]
    calls = [call for message in messages for call in message.get("tool_calls") or ()]
    results = [message for message in messages if message["role"] == "tool"]
    if dialect == "ol":
        pairs = zip(calls, results, strict=True)
        return [(call["function"]["arguments"], result["content"]) for call, result in pairs]
    told_by_id = {result["tool_call_id"]: result["content"] for result in results}
    return [(json.loads(call["function"]["arguments"]), told_by_id[call["id"]]) for call in calls]


@each_pair
async def test_structured_output_and_images(
    server: Server, scripted_upstream: ScriptedUpstream, client: type[Client], model: str
) -> None:
    scripted_upstream.queue(Script(answer='{"capital_city": "Oslo", "inhabitants": 700000}'), Script(answer="One pixel."))
    talk = client(server, model, False)
    formed = await talk.say("Capital of Norway, as JSON?", form=Capital)
    assert formed.parsed == Capital(capital_city="Oslo", inhabitants=700000)
    assert "capital_city" in json.dumps(scripted_upstream.last.json()), "the schema reaches the upstream"
    seen = await talk.say("What is this?", image=True)
    assert seen.text == "One pixel."
    assert PIXEL in json.dumps(scripted_upstream.last.json()).translate({ord("-"): "+", ord("_"): "/"})  # Google's alphabet
