"""A client that is signed in by itself: its request goes to its own provider as it came, and elsewhere only when that refuses."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from omniroute.gateway.own_credentials import ACCOUNT
from running.fixtures import Server, Start, nodes
from running.signed_in import sign_in
from upstream.script import Fault, Script
from upstream.server import ScriptedUpstream
from upstream.vendors import ClaudeDouble, CodexDouble

CLAUDE, CODEX = "sk-ant-oat01-of-the-client-itself", "eyJhbGciOi.of.theclientitself"
BODY = (
    b'{ "model":"claude-opus-4-6",  "max_tokens":64,"stream":true,\n"system":[{"type":"text","text":"x-anthropic-billing-header: v=1;"}],'
    b'"messages":[{"role":"user","content":"Hi \xf0\x9f\x91\x8b"}] }'
)
HEADERS = {
    "authorization": f"Bearer {CLAUDE}",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "oauth-2025-04-20,future-2027-01-01",
    "user-agent": "claude-cli/2.1.330 (external, cli)",
    "x-app": "cli",
    "x-claude-code-session-id": "0f1e2d3c-0000-4000-8000-000000000001",
    "content-type": "application/json",
}


@pytest.fixture
async def claude() -> Any:
    async with ClaudeDouble(CLAUDE).run() as double:
        yield double


@pytest.fixture
async def codex() -> Any:
    async with CodexDouble(CODEX).run() as double:
        yield double


def config(double: Any, provider: str, upstream: ScriptedUpstream | None = None, extra: str = "") -> str:
    text = f'[providers.{provider}]\nbase_url = "{double.url}"\n{extra}'
    return text + (nodes(upstream) if upstream is not None else "")


async def ask(server: Server, **headers: str) -> Any:
    return await server.http.post("/v1/messages?beta=true", content=BODY, headers={**HEADERS, **headers})


async def test_the_request_goes_on_byte_for_byte_under_its_own_name(start: Start, claude: ClaudeDouble) -> None:
    server = await start(config(claude, "claude"))
    claude.default = Script(
        headers={"anthropic-ratelimit-unified-status": "allowed", "request-id": "req_of_vendor", "x-secret": "no"}
    )
    answer = await ask(server)
    assert (answer.status_code, claude.refused) == (200, [])
    got = claude.last
    assert got.body == BODY
    assert (got.path, got.query) == ("/v1/messages", "beta=true")
    for name in ("authorization", "anthropic-version", "anthropic-beta", "user-agent", "x-app", "x-claude-code-session-id"):
        assert got.header(name) == HEADERS[name]
    assert got.header("x-request-id") is None
    assert answer.headers["anthropic-ratelimit-unified-status"] == "allowed"
    assert answer.headers["request-id"] == "req_of_vendor"
    assert "x-secret" not in answer.headers
    assert answer.headers["x-omniroute-decision"] == "the client's own login"
    (row,) = await server.usage()
    assert (row.provider, row.account_id, row.model, row.outcome) == ("claude", ACCOUNT.id, "claude-opus-4-6", "ok")
    assert (row.input_tokens, row.output_tokens) == (11, 7)


async def test_the_token_is_kept_nowhere(start: Start, claude: ClaudeDouble, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = await start(config(claude, "claude"), ENABLE_REQUEST_LOGS="true", LOG_LEVEL="debug")
    claude.queue(Script(), Script(status=429, message=f"limit of {CLAUDE}", headers={"retry-after": "30"}))
    answers = [await ask(server), await ask(server)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert CLAUDE not in "".join(answer.text for answer in answers)
    assert CLAUDE not in caplog.text
    assert CLAUDE not in repr(server.app.gateway.own._resting)
    assert CLAUDE not in json.dumps(server.app._status(), default=str)
    await server.app._recorder.flush()
    data = server.app.installation.db.path.parent
    assert all(CLAUDE.encode() not in file.read_bytes() for file in data.rglob("*") if file.is_file())


@pytest.mark.parametrize("status", [401, 403, 429, 500, 529])
async def test_a_refusal_goes_elsewhere_without_the_token(start: Start, claude: ClaudeDouble, status: int) -> None:
    server = await start(config(claude, "claude"))
    sign_in(server, "claude", "sk-ant-oat01-of-the-operator", account_id="a-1")
    claude.tokens = {CLAUDE, "sk-ant-oat01-of-the-operator"}
    claude.queue(Script(status=status, message="not now"), Script(answer="From the operator's plan."))
    answer = await ask(server)
    assert answer.status_code == 200
    assert "operator" in answer.text
    first, second = claude.requests
    assert first.header("authorization") == f"Bearer {CLAUDE}"
    assert second.header("authorization") == "Bearer sk-ant-oat01-of-the-operator"
    rows = await server.usage()
    assert [(row.account_id, row.outcome, row.fallback) for row in rows] == [
        (ACCOUNT.id, "error", False),
        ("login-claude", "ok", True),
    ]


async def test_a_cut_connection_goes_elsewhere(start: Start, claude: ClaudeDouble) -> None:
    server = await start(config(claude, "claude"))
    sign_in(server, "claude", "sk-ant-oat01-of-the-operator", account_id="a-1")
    claude.tokens = {CLAUDE, "sk-ant-oat01-of-the-operator"}
    claude.queue(Script(fault=Fault.RESET_BEFORE_HEADERS), Script(answer="Saved."))
    assert "Saved." in (await ask(server)).text


@pytest.mark.parametrize(
    ("status", "message"), [(400, "messages: something is wrong"), (400, "prompt is too long: 9 tokens > 8 maximum")]
)
async def test_a_wrong_request_is_told_in_the_vendors_words(
    start: Start, claude: ClaudeDouble, status: int, message: str
) -> None:
    server = await start(config(claude, "claude"))
    sign_in(server, "claude", "sk-ant-oat01-of-the-operator", account_id="a-1")
    claude.queue(Script(status=status, message=message))
    answer = await ask(server)
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]
    assert len(claude.requests) == 1


async def test_a_refusal_without_anybody_else_is_told_as_it_is(start: Start, claude: ClaudeDouble) -> None:
    server = await start(config(claude, "claude"))
    limits = {
        "anthropic-ratelimit-unified-status": "rejected",
        "anthropic-ratelimit-unified-reset": "4102444800",
        "retry-after": "30",
    }
    claude.queue(Script(status=429, message="You have reached your limit.", headers=limits))
    answer = await ask(server)
    assert answer.status_code == 429
    assert "You have reached your limit." in answer.json()["error"]["message"]
    assert "retry-after" in answer.headers
    again = await ask(server)
    assert again.status_code == 429
    assert len(claude.requests) == 1, "a limit is not asked about again at once"


async def test_keys_decide_who_is_admitted(start: Start, claude: ClaudeDouble) -> None:
    server = await start(config(claude, "claude"), REQUIRE_API_KEY="true")
    _, key = await server.app.installation.keys.create("agent")
    await server.app.installation.reload()
    assert (await ask(server)).status_code == 401
    assert (await ask(server, **{"x-api-key": "sk-or-wrong"})).status_code == 401
    assert claude.requests == []
    for name in ("x-omniroute-key", "x-api-key"):
        assert (await ask(server, **{name: key})).status_code == 200
        assert claude.refused == []
        assert all(key not in value for _, value in claude.last.headers)
        assert claude.last.header("authorization") == f"Bearer {CLAUDE}"
    rows = await server.usage()
    assert all(row.key_id is not None for row in rows)


async def test_what_the_operator_named_is_the_operators(
    start: Start, claude: ClaudeDouble, scripted_upstream: ScriptedUpstream
) -> None:
    extra = '[combos."claude-opus-4-6"]\nsteps = ["an/m"]\n'
    server = await start(config(claude, "claude", scripted_upstream, extra))
    assert (await ask(server)).status_code == 200
    assert claude.requests == []
    assert scripted_upstream.last.header("authorization") != f"Bearer {CLAUDE}"
    assert CLAUDE not in str(scripted_upstream.last.headers)


@pytest.mark.parametrize("model", ["an/m", "oa/m", "gpt-9"])
async def test_other_models_go_the_usual_way(
    start: Start, claude: ClaudeDouble, scripted_upstream: ScriptedUpstream, model: str
) -> None:
    server = await start(config(claude, "claude", scripted_upstream))
    answer = await server.http.post(
        "/v1/messages",
        json={"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
        headers=HEADERS,
    )
    assert answer.status_code == (404 if model == "gpt-9" else 200)
    assert claude.requests == []


async def test_a_prefix_is_taken_off_and_nothing_else(start: Start, claude: ClaudeDouble) -> None:
    server = await start(config(claude, "claude"))
    body = BODY.replace(b'"claude-opus-4-6"', b'"cc/claude-opus-4-6"')
    answer = await server.http.post("/v1/messages", content=body, headers=HEADERS)
    assert answer.status_code == 200
    assert claude.last.body == BODY


async def test_off_is_off(start: Start, claude: ClaudeDouble) -> None:
    server = await start(config(claude, "claude"), OMNIROUTE_OWN_CREDENTIALS="off")
    assert (await ask(server)).status_code == 404
    assert claude.requests == []


async def test_the_operators_system_prompt_stays_out_of_it(start: Start, claude: ClaudeDouble) -> None:
    server = await start(config(claude, "claude"), OMNIROUTE_SYSTEM_PROMPT="Be nice.")
    assert (await ask(server)).status_code == 200
    assert claude.last.body == BODY


async def test_whole_answers_and_counts_too(start: Start, claude: ClaudeDouble) -> None:
    server = await start(config(claude, "claude"))
    whole = BODY.replace(b'"stream":true', b'"stream":false')
    answer = await server.http.post("/v1/messages?beta=true", content=whole, headers=HEADERS)
    assert answer.json()["content"][0]["text"] == "Hello from upstream."
    assert claude.last.body == whole
    counted = await server.http.post("/v1/messages/count_tokens?beta=true", content=BODY, headers=HEADERS)
    assert counted.json() == {"input_tokens": 42}
    assert claude.last.body == BODY
    claude.input_tokens = None
    counted = await server.http.post("/v1/messages/count_tokens?beta=true", content=BODY, headers=HEADERS)
    assert counted.json()["input_tokens"] > 0, "ours where the vendor does not answer"


# -- Codex -------------------------------------------------------------------------------------------------------------

CODEX_HEADERS = {
    "authorization": f"Bearer {CODEX}",
    "chatgpt-account-id": "workspace-of-the-client",
    "originator": "codex_exec",
    "user-agent": "codex_exec/0.169.0 (Linux; x86_64)",
    "openai-beta": "responses=experimental",
    "session-id": "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0001",
    "x-codex-turn-metadata": '{"turn":1}',
    "accept": "text/event-stream",
    "content-type": "application/json",
}
CODEX_BODY: dict[str, Any] = {
    "model": "gpt-5.2",
    "stream": True,
    "store": False,
    "instructions": "Work.",
    "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0001",
}


async def test_codex_keeps_its_workspace_and_its_bytes(start: Start, codex: CodexDouble) -> None:
    server = await start(config(codex, "codex"))
    sent = json.dumps(CODEX_BODY, indent=1).encode()
    answer = await server.http.post("/v1/responses", content=sent, headers=CODEX_HEADERS)
    assert (answer.status_code, codex.refused) == (200, [])
    assert codex.last.body == sent
    for name, text in CODEX_HEADERS.items():
        assert codex.last.header(name) == text
    assert "response.completed" in answer.text


async def test_a_token_without_its_workspace_is_no_codex(start: Start, codex: CodexDouble) -> None:
    server = await start(config(codex, "codex"))
    headers = {name: text for name, text in CODEX_HEADERS.items() if name != "chatgpt-account-id"}
    answer = await server.http.post("/v1/responses", json=CODEX_BODY, headers=headers)
    assert answer.status_code == 404
    assert codex.requests == []


async def test_codex_compacts_with_its_own_login(start: Start, codex: CodexDouble) -> None:
    server = await start(config(codex, "codex"))
    body = {key: value for key, value in CODEX_BODY.items() if key not in ("stream", "store", "include")}
    answer = await server.http.post("/v1/responses/compact", json=body, headers=CODEX_HEADERS)
    assert codex.refused == []
    assert answer.json() == codex.compacted
    assert codex.last.header("authorization") == f"Bearer {CODEX}"
