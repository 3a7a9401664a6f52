"""A request in a lane and the same one on the normal way: the same bytes to the client, the same rows in the ledger, the same lessons
for routing, whatever the upstream does.

Two servers over one upstream, of which the second knows no heads. Both are asked the same things over kept connections.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from running.fixtures import Server, serving
from upstream.script import Fault, Script
from upstream.server import ScriptedUpstream

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

TIMEOUTS = "timeouts = { connect = 2, first_token = 0.5, between_tokens = 0.3 }"
PATHS = {"oa": "/v1/chat/completions", "an": "/v1/messages", "ol": "/api/chat"}
GOOD = "alpha bravo charlie delta echo foxtrot"
ANYWHERE = (
    Fault.STALL_MID_STREAM, Fault.CUT_MID_EVENT, Fault.CUT_BETWEEN_EVENTS, Fault.END_EARLY, Fault.RESET_MID_STREAM,
    Fault.ERROR_IN_STREAM, Fault.SHORT_BODY,
)  # fmt: skip
BEFORE = (
    Fault.STALL_BEFORE_HEADERS, Fault.STALL_AFTER_HEADERS, Fault.RESET_BEFORE_HEADERS, Fault.CLOSE_BEFORE_HEADERS,
    Fault.EMPTY_BODY, Fault.HTML_PAGE, Fault.JSON_ERROR_200,
)  # fmt: skip
ODDITIES = (Fault.SLOW_DRIP, Fault.SPLIT_UTF8, Fault.WRONG_CONTENT_TYPE, Fault.HALF_UTF8)
RATE = {"x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "600s"}
SCRIPTS: dict[str, Script] = {
    "good": Script(GOOD),
    "rates": Script(GOOD, headers=RATE),
    "no_usage": Script(GOOD, usage=None),
    **{str(fault): Script("uno dos tres", fault=fault) for fault in BEFORE},
    **{f"early_{fault}": Script("uno dos tres", fault=fault, fault_after=0) for fault in ANYWHERE},
    **{f"late_{fault}": Script("uno dos tres cuatro cinco seis", fault=fault, fault_after=6) for fault in ANYWHERE},
    **{f"status_{status}": Script(status=status, message=f"scripted {status}") for status in (400, 401, 404, 429, 500, 503)},
    **{str(fault): Script("schöne ☀ Welt", fault=fault) for fault in ODDITIES},
}


class Pair:
    """The two servers, a raw connection to each for every dialect, and what they share."""

    def __init__(self, upstream: ScriptedUpstream, lanes: Server, plain: Server) -> None:
        self.upstream = upstream
        self.servers = (lanes, plain)
        self.lanes = lanes.app.gateway.lanes

    async def ask(self, server: Server, requests: list[bytes]) -> list[bytes]:
        """The raw answers to these, over one connection; a connection that is closed in between is opened anew."""
        answers, reader, writer = [], None, None
        for request in requests:
            if reader is None or writer is None or reader.at_eof():
                reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
            writer.write(request)
            answers.append(await asyncio.wait_for(_answer(reader), 20))
            await asyncio.sleep(0)
        if writer is not None:
            writer.close()
        return answers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(ScriptedUpstream().run())
        servers = []
        for name in ("lanes", "plain"):
            folder: Path = tmp_path_factory.mktemp(name)
            servers.append(await stack.enter_async_context(serving(folder / "data", _config(upstream))))
        servers[1].app.front.heads = None  # type: ignore[assignment]
        yield Pair(upstream, servers[0], servers[1])


def _config(upstream: ScriptedUpstream) -> str:
    formats = {"oa": ("openai_chat", upstream.openai_base_url), "an": ("anthropic", upstream.anthropic_base_url),
               "ol": ("ollama", upstream.ollama_base_url)}  # fmt: skip
    nodes = []
    for number, _ in enumerate(SCRIPTS):
        for prefix, (format, base) in formats.items():
            for kind in ("s", "w"):
                nodes.append(
                    f'[nodes.{prefix}{kind}{number}]\nformat = "{format}"\nbase_url = "{base}"\napi_key = "k"\n{TIMEOUTS}\n'
                )
    return "".join(nodes)


def _request(prefix: str, model: str, *, stream: bool, more: dict[str, Any] | None = None, marks: str = "") -> bytes:
    fields = {
        "model": model,
        "messages": [{"role": "user", "content": "say it"}],
        "max_tokens": 50,
        "stream": stream,
        **(more or {}),
    }
    body = json.dumps(fields).encode()
    return (
        f"POST {PATHS[prefix]} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{marks}"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode() + body


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """One raw answer, framing included."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    if length is not None:
        return head + await reader.readexactly(int(length[1]))
    body = b""
    while b"transfer-encoding: chunked" in head:
        try:
            line = await reader.readuntil(b"\r\n")
            body += await reader.readexactly(int(line, 16))
            await reader.readexactly(2)
        except asyncio.IncompleteReadError as cut:
            return head + body + cut.partial + b"<cut>"
        if line == b"0\r\n":
            break
    return head + body


_TIMES = (
    (re.compile(rb"(date|server-timing|x-omniroute-overhead-ms|x-omniroute-account): [^\r]*"), rb"\1: -"),
    (re.compile(rb"req_[0-9a-f]{24}"), b"req_-"),
    (re.compile(rb"(chatcmpl-|msg_)[0-9a-f]{16,}"), rb"\1-"),
    (re.compile(rb'"retry_after":[0-9.]+'), b'"retry_after":0'),  # a cooldown has a random part
    (re.compile(rb"retry-after: [0-9]+"), b"retry-after: 0"),
    (re.compile(rb'"created(_at)?":[^,}]*'), b'"created":0'),
    (re.compile(rb'"(total_duration|load_duration|eval_duration|prompt_eval_duration)":\d+'), rb'"\1":0'),
)


def _timeless(answer: bytes) -> bytes:
    for pattern, put in _TIMES:
        answer = pattern.sub(put, answer)
    if b"retry-after" in answer:  # moments are told with more or fewer digits
        answer = re.sub(rb"content-length: \d+", b"content-length: -", re.sub(rb"\d+(\.\d+)? s", b"- s", answer))
    return answer


_ROW_TIMES = ("id", "request_id", "started_at", "ttft_ms", "total_ms", "connect_ms", "queue_ms", "account_id", "bytes_out")


async def _rows(server: Server, prefix: str) -> list[dict[str, Any]]:
    rows = [msgspec.structs.asdict(row) for row in await server.usage() if row.provider == prefix]
    timed = [{**row, "has_ttft": row["ttft_ms"] is not None, "has_connect": row["connect_ms"] is not None} for row in rows]
    return [{key: value for key, value in row.items() if key not in _ROW_TIMES} for row in timed]


def _lessons(server: Server, prefix: str) -> Any:
    """What routing has learned of that provider, without times."""
    known = server.app.health.describe(0.0)
    mine = [account.id for account in server.app.installation.snapshot.accounts[prefix]]
    accounts = [known["accounts"].get(account) for account in mine]
    busy = sum(known["in_flight"].get(account, 0) for account in mine)
    return re.sub(r"\d+\.\d+|1[6-9]\d{8}|acc_\w+|[0-9a-f]{12}", "-", repr((accounts, known["providers"].get(prefix), busy)))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("prefix", PATHS)
@pytest.mark.parametrize("name", SCRIPTS)
async def test_a_lane_gives_what_the_normal_way_gives(pair: Pair, name: str, prefix: str, stream: bool) -> None:
    node = f"{prefix}{'s' if stream else 'w'}{list(SCRIPTS).index(name)}"
    request = _request(prefix, f"{node}/m", stream=stream)
    taken = pair.lanes.taken
    outcomes = []
    for server in pair.servers:
        pair.upstream.reset()
        server.app.health._rng.seed(7)
        pair.upstream.queue(Script(GOOD), Script(GOOD), *[SCRIPTS[name]] * 3)
        answers = await pair.ask(server, [request] * 4)
        sent = [(call.path, call.header("authorization"), call.json()) for call in pair.upstream.requests]
        outcomes.append(([_timeless(answer) for answer in answers], sent, await _rows(server, node), _lessons(server, node)))
    assert pair.lanes.taken > taken, "no lane was taken"
    ours, plain = outcomes
    for mine, theirs in zip(ours[0], plain[0], strict=True):
        assert mine == theirs
    assert ours[1] == plain[1]
    assert ours[2] == plain[2]
    assert ours[3] == plain[3]
    for server in pair.servers:
        assert server.app.gateway.in_flight == 0
        assert not server.app.gateway.attendance.guests


FIELDS: dict[str, Any] = {
    "temperature": st.sampled_from([0, 0.7, None]),
    "stream_options": st.sampled_from([{"include_usage": True}, {"include_usage": False}, {}]),
    "max_completion_tokens": st.integers(1, 9),
    "stop": st.sampled_from(["x", ["a", "b"]]),
    "n": st.sampled_from([1, None]),
    "user": st.text(max_size=5),
    "tools": st.just([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]),
    "tool_choice": st.sampled_from(["auto", "none", "required"]),
    "metadata": st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.fixed_dictionaries({}, optional=FIELDS),
    stream=st.booleans(),
    text=st.text(max_size=20),
    script=st.sampled_from(["good", "no_usage", "status_500", "late_end_early", "json_error_200"]),
)
async def test_any_body_goes_up_alike(pair: Pair, fields: dict[str, Any], stream: bool, text: str, script: str) -> None:
    """Random requests: what reaches the upstream and what comes back is the same on both ways."""
    more = {**fields, "messages": [{"role": "user", "content": text}]}
    request = _request("oa", "oaw0/m", stream=stream, more=more)
    chosen = SCRIPTS.get(script) or Script("uno", fault=Fault.END_EARLY, fault_after=3)
    outcomes = []
    for server in pair.servers:
        server.app.health.unlock(None)
        pair.upstream.reset()
        pair.upstream.queue(Script(GOOD), Script(GOOD), chosen)
        answers = await pair.ask(server, [_request("oa", "oaw0/m", stream=stream)] * 2 + [request])
        outcomes.append((_timeless(answers[-1]), [call.body for call in pair.upstream.requests]))
    assert outcomes[0] == outcomes[1]
