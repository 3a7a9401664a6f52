"""``omniroute login`` and ``accounts`` beside a running server, each way of signing in, with doubles of the authorization servers."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from running.doubles import serves_code_assist
from running.fixtures import Server, serving
from upstream.authority import Authority, Person

pytestmark = pytest.mark.e2e

Start = Callable[[str], Authority]


class Command:
    """One command under way. ``said`` is what stderr held so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def read_until(self, pattern: str) -> str:
        """The first group of ``pattern`` once stderr holds it."""
        assert self.process.stderr is not None
        while True:
            found = re.search(pattern, self.said)
            if found:
                return found[1]
            part = await self.process.stderr.read(4096)
            assert part, f"it ended without saying {pattern!r}: {self.said}"
            self.said += part.decode()

    async def ends(self, input: str | None = None) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        out, err = await self.process.communicate(None if input is None else input.encode())
        self.said += err.decode()
        return self.process.returncode or 0, out.decode(), self.said


class World:
    """A server that signs in at ``authorities`` and commands beside it."""

    def __init__(self, server: Server, home: Path, running: AsyncExitStack) -> None:
        self.server = server
        self.home = home
        self._running = running

    async def begin(self, *args: str) -> Command:
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.home), "DATA_DIR": str(self.home / "data")}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "omniroute.cli", *args, "--url", self.server.url, env=environ,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

        async def reap() -> None:
            if process.returncode is None:
                process.kill()
                await process.wait()

        self._running.push_async_callback(reap)
        return Command(process)

    async def run(self, *args: str, input: str | None = None) -> tuple[int, str, str]:
        return await (await self.begin(*args)).ends(input)

    async def accounts(self) -> dict[str, dict[str, Any]]:
        code, out, said = await self.run("accounts", "--json")
        assert code == 0, said
        return {row["provider"]: row for row in json.loads(out)["data"] if row["login"] is not None}


Open = Callable[..., Awaitable[World]]


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[Open]:
    """``await world(authority, …)``: a server that knows these instead of the real ones."""
    async with AsyncExitStack() as running:

        async def opening(*authorities: Authority) -> World:
            # An own base_url takes absolute paths away, which one of them needs.
            placed = [one for one in authorities if one.provider != "github"]
            environ = {name: value for authority in authorities for name, value in authority.environ.items()}
            config = "".join(f'[providers.{one.provider}]\nbase_url = "{one.url}"\n' for one in placed)
            server = await running.enter_async_context(serving(tmp_path / "data", config, HOME=str(tmp_path), **environ))
            return World(server, tmp_path, running)

        yield opening


async def visit(authority: Authority, url: str) -> str:
    return await asyncio.to_thread(authority.visit, url)


def quiet_about(authority: Authority, *texts: str) -> None:
    """Nothing that the authority ever gave out stands in ``texts``."""
    for text in texts:
        assert [secret for secret in authority.issued if secret in text] == []


async def test_the_browser_comes_back_by_itself(world: Open, authority: Start) -> None:
    claude = authority("claude")
    beside = await world(claude)
    command = await beside.begin("login", "claude", "--accept-terms", "--name", "work", "--json")
    url = await command.read_until(r"(http://127\.0\.0\.1:\d+/oauth/authorize\S+)")
    async with httpx.AsyncClient(trust_env=False) as browser:
        page = await browser.get(await visit(claude, url))
    assert (page.status_code, "Signed in" in page.text) == (200, True)
    code, out, said = await command.ends()
    assert code == 0, said
    account = json.loads(out)
    assert (account["name"], account["login"]["email"], account["login"]["plan"]) == ("work", "ada@example.com", "pro")
    assert "Signed in at" in said
    quiet_about(claude, out, said)
    async with httpx.AsyncClient(trust_env=False) as browser:
        with pytest.raises(httpx.ConnectError):  # nobody listens any more
            await browser.get(page.url)


async def test_terms_are_shown_and_asked_once(world: Open, authority: Start) -> None:
    claude = authority("claude")
    beside = await world(claude)
    code, out, said = await beside.run("login", "claude", "--paste")
    assert (code, out) == (2, "")
    assert "--accept-terms" in said
    assert "terms" in said.lower()
    command = await beside.begin("login", "claude", "--paste", "--accept-terms")
    await command.read_until(r"(http://\S+/oauth/authorize\S+)")
    command.process.send_signal(2)
    await command.ends()
    again = await beside.begin("login", "claude", "--paste")
    await again.read_until(r"(http://\S+/oauth/authorize\S+)")
    assert "--accept-terms" not in again.said


async def test_what_the_page_shows_is_pasted(world: Open, authority: Start) -> None:
    claude = authority("claude")
    beside = await world(claude)
    command = await beside.begin("login", "cc", "--paste", "--accept-terms")
    url = await command.read_until(r"(http://127\.0\.0\.1:\d+/oauth/authorize\S+)")
    shown = re.search(r"<pre id=code>(\S+)</pre>", await visit(claude, url))
    assert shown is not None
    code, out, said = await command.ends(shown[1] + "\n")
    assert code == 0, said
    assert out == ""
    assert (await beside.accounts())["claude"]["login"]["method"] == "paste"
    quiet_about(claude, said)


async def test_an_address_that_could_not_be_opened_is_pasted(world: Open, authority: Start) -> None:
    codex = authority("codex")
    beside = await world(codex)
    command = await beside.begin("login", "codex", "--paste")
    where = await visit(codex, await command.read_until(r"(http://127\.0\.0\.1:\d+/oauth/authorize\S+)"))
    assert where.startswith("http://localhost:1455/auth/callback?code=")
    code, _, said = await command.ends(where + "\n")
    assert code == 0, said
    login = (await beside.accounts())["codex"]["login"]
    assert (login["email"], login["plan"]) == ("ada@example.com", "pro")


@pytest.mark.parametrize("provider", ["qwen", "kimi-coding", "kilocode", "kiro", "github"])
async def test_a_code_is_entered_elsewhere(world: Open, authority: Start, provider: str) -> None:
    there = authority(provider)
    there.interval = None if there.interval is None else 1
    beside = await world(there)
    command = await beside.begin("login", provider, "--device", "--json")
    user_code = await command.read_until(r"enter the code:\s+(\S+)\n")
    assert re.search(r"Open http://127\.0\.0\.1:\d+/device", command.said)
    there.approve(user_code)
    code, out, said = await command.ends()
    assert code == 0, said
    assert json.loads(out)["provider"] == provider
    quiet_about(there, out, said)


@pytest.mark.parametrize("provider", ["gemini-cli", "antigravity", "cline"])
async def test_every_browser_flow_comes_back(world: Open, authority: Start, provider: str) -> None:
    there = authority(provider)
    serves_code_assist(there)
    beside = await world(there)
    command = await beside.begin("login", provider, "--browser", "--accept-terms", "--json")
    url = await command.read_until(r"Open this address to sign in:\s+(\S+)\n")
    async with httpx.AsyncClient(trust_env=False) as browser:
        page = await browser.get(await visit(there, url))
    assert page.status_code == 200, page.text
    code, out, said = await command.ends()
    assert code == 0, said
    assert json.loads(out)["login"]["email"] == "ada@example.com"
    quiet_about(there, out, said, page.text)


@pytest.mark.parametrize(("provider", "more"), [("iflow", []), ("kiro", ["--option", "idp=Github"])])
async def test_every_pasted_flow_ends_well(world: Open, authority: Start, provider: str, more: list[str]) -> None:
    there = authority(provider)
    beside = await world(there)
    command = await beside.begin("login", provider, "--paste", "--json", *more)
    url = await command.read_until(r"Open this address to sign in:\s+(\S+)\n")
    code, out, said = await command.ends(await visit(there, url) + "\n")
    assert code == 0, said
    assert json.loads(out)["login"]["method"] == "paste"
    assert ("idp=Github" in url) == bool(more)
    quiet_about(there, out, said)


async def test_an_editors_own_sign_in_is_taken_over(world: Open) -> None:
    beside = await world()
    path = beside.home / ".config/Cursor/User/globalStorage/state.vscdb"
    path.parent.mkdir(parents=True)
    claims = base64.urlsafe_b64encode(json.dumps({"sub": "auth0|user_1", "exp": 4102444800}).encode()).decode().rstrip("=")
    token = f"eyJhbGciOiJub25lIn0.{claims}.c2lnbmF0dXJl"
    with sqlite3.connect(path) as editor:
        editor.execute("CREATE TABLE ItemTable (key TEXT UNIQUE, value BLOB)")
        rows = {"cursorAuth/accessToken": token, "storage.serviceMachineId": "m-1", "cursorAuth/cachedEmail": "ada@example.com"}
        editor.executemany("INSERT INTO ItemTable VALUES (?, ?)", rows.items())
    code, out, said = await beside.run("login", "cursor", "--from-installed", "--yes", "--json")
    assert code == 0, said
    login = json.loads(out)["login"]
    assert (login["email"], login["method"], login["renews"]) == ("ada@example.com", "file", False)
    assert token not in out + said


async def test_a_denied_code_ends_with_the_reason(world: Open, authority: Start) -> None:
    qwen = authority("qwen")
    beside = await world(qwen)
    command = await beside.begin("login", "qwen", "--device")
    qwen.deny(await command.read_until(r"enter the code:\s+(\S+)\n"))
    code, out, said = await command.ends()
    assert (code, out) == (1, "")
    assert "denied" in said
    assert "Traceback" not in said


async def test_a_person_who_refuses(world: Open, authority: Start) -> None:
    codex = authority("codex")
    codex.refuses = True
    beside = await world(codex)
    command = await beside.begin("login", "codex", "--paste")
    where = await visit(codex, await command.read_until(r"(http://127\.0\.0\.1:\d+/oauth/authorize\S+)"))
    code, _, said = await command.ends(where + "\n")
    assert code == 1
    assert "did not sign you in" in said


async def test_signing_in_again_is_the_same_account(world: Open, authority: Start) -> None:
    codex = authority("codex")
    beside = await world(codex)
    ids = []
    for person in (Person(), Person(), Person(email="eve@example.com", user_id="u2", account_id="a2")):
        codex.person = person
        command = await beside.begin("login", "codex", "--paste", "--json")
        where = await visit(codex, await command.read_until(r"(http://127\.0\.0\.1:\d+/oauth/authorize\S+)"))
        code, out, said = await command.ends(where + "\n")
        assert code == 0, said
        ids.append(json.loads(out)["id"])
    assert ids[0] == ids[1] != ids[2]


async def test_the_sign_in_of_another_program_is_taken_over(world: Open, authority: Start) -> None:
    codex = authority("codex")
    beside = await world(codex)
    code, _, said = await beside.run("login", "codex", "--from-installed")
    assert (code, "no program" in said) == (1, True)
    tokens = codex.seed()
    path = beside.home / ".codex" / "auth.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"tokens": {k: tokens[k] for k in ("access_token", "refresh_token", "id_token")}}))
    before = path.read_bytes()
    code, _, said = await beside.run("login", "codex", "--from-installed")
    assert (code, "--yes" in said, str(path) in said) == (2, True, True)
    code, out, said = await beside.run("login", "codex", "--from-installed", "--yes", "--json")
    assert code == 0, said
    assert json.loads(out)["login"]["email"] == "ada@example.com"
    assert path.read_bytes() == before
    quiet_about(codex, out, said)


async def test_a_taken_port_leads_to_pasting(world: Open, authority: Start) -> None:
    codex = authority("codex")
    beside = await world(codex)
    with ExitStack() as held:
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with suppress(OSError):  # somebody else holds it: it is taken all the same
                one = held.enter_context(socket.socket(family))
                one.bind((address, 1455))
                one.listen()
        command = await beside.begin("login", "codex")
        url = await command.read_until(r"(http://127\.0\.0\.1:\d+/oauth/authorize\S+)")
        assert "port 1455" in command.said
        code, _, said = await command.ends(await visit(codex, url) + "\n")
        assert code == 0, said
        command = await beside.begin("login", "codex", "--browser")  # asked for by name, it is not replaced
        code, _, said = await command.ends()
        assert (code, "port 1455" in said) == (1, True)


async def test_tokens_come_by_standard_input_or_file(world: Open, authority: Start, tmp_path: Path) -> None:
    codex = authority("codex")
    beside = await world(codex)
    code, out, said = await beside.run("login", "codex", "--import", "-", "--json", input=json.dumps(codex.seed()))
    assert code == 0, said
    quiet_about(codex, out, said)
    file = tmp_path / "tokens.json"
    file.write_text(json.dumps(codex.seed(Person(email="eve@example.com", user_id="u2", account_id="a2"))))
    code, out, said = await beside.run("login", "codex", "--import", str(file), "--json")
    assert json.loads(out)["login"]["email"] == "eve@example.com"
    for wrong, input in (("-", ""), (str(tmp_path / "missing"), None), ("-", "two words")):
        code, out, said = await beside.run("login", "codex", "--import", wrong, input=input)
        assert code in (1, 2)
        assert (out, "Traceback" in said) == ("", False)


async def test_accounts_are_listed_renewed_paused_and_removed(world: Open, authority: Start) -> None:
    codex = authority("codex")
    beside = await world(codex)
    await beside.run("login", "codex", "--import", "-", "--name", "mine", input=json.dumps(codex.seed()))
    code, out, said = await beside.run("accounts")
    assert code == 0, said
    assert re.search(r"mine +codex +ada@example\.com +pro +connected", out)
    code, _, said = await beside.run("accounts", "refresh", "mine")
    assert (code, codex.counts["renewal"]) == (0, 1), said
    assert "good until" in said
    await beside.run("accounts", "pause", "mine")
    assert (await beside.accounts())["codex"]["state"] == "disabled"
    await beside.run("accounts", "resume", "mine")
    codex.revoke_all()
    code, _, said = await beside.run("accounts", "refresh", "mine")
    assert code == 1, said
    account = (await beside.accounts())["codex"]
    assert account["state"] == "sign in again"
    assert account["login"]["problem"]
    code, out, _ = await beside.run("accounts", "list")
    assert "sign in again" in out
    quiet_about(codex, out)
    assert (await beside.run("accounts", "remove", "mine", "--yes"))[0] == 0
    assert await beside.accounts() == {}


async def test_providers_are_listed_with_what_they_want(world: Open) -> None:
    beside = await world()
    code, out, said = await beside.run("login")
    assert code == 0, said
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "GEMINI_CLI_OAUTH_CLIENT_SECRET" in lines["gemini-cli"]
    assert "accept its notice" in lines["claude"]
    code, _, said = await beside.run("login", "gemini-cli")
    assert (code, "GEMINI_CLI_OAUTH_CLIENT_SECRET" in said) == (1, True)
    code, _, said = await beside.run("login", "codx")
    assert (code, "codex" in said) == (1, True)
    code, _, said = await beside.run("login", "cursor")
    assert (code, "--from-installed" in said) == (2, True)
    code, _, said = await beside.run("login", "codex", "--paste", "--device")
    assert code in (1, 2)


async def test_no_tokens_in_arguments(world: Open, authority: Start) -> None:
    """Whoever lists processes sees no secret: the options that take one take it from elsewhere."""
    codex = authority("codex")
    beside = await world(codex)
    command = await beside.begin("login", "codex", "--import", "-")
    line = Path(f"/proc/{command.process.pid}/cmdline")
    if not line.exists():
        pytest.skip("this system has no /proc")
    seen = line.read_bytes().decode()
    code, _, said = await command.ends(json.dumps(codex.seed()))
    assert code == 0, said
    quiet_about(codex, seen)
