"""The official SDKs, each in one conversation: the same words in, the same shape of answer out."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import ollama
from google.genai import types
from pydantic import BaseModel

from running.fixtures import Server

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


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
