"""Signing in at every provider's double, from the first window to the stored account, and everything that can go wrong there."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from omniroute.admin.login_port import LoginStatus
from omniroute.core.errors import BadRequest, Conflict, NotFound
from omniroute.upstream.login import LoginRefused
from running.doubles import serves_code_assist
from running.fixtures import Server, Start
from upstream.authority import Authority, Person, Trouble

OWNER = "somebody"
PASTE = ("claude", "codex", "gemini-cli", "antigravity", "iflow", "cline", "kiro")
BROWSER = ("claude", "gemini-cli", "antigravity", "cline")
DEVICE = ("github", "qwen", "kimi-coding", "kilocode", "kiro")
SECRET = "GEMINI_CLI_OAUTH_CLIENT_SECRET"


@contextmanager
def authority(provider: str) -> Iterator[Authority]:
    with Authority(provider).run() as double:
        double.interval = 1
        serves_code_assist(double)
        yield double


async def ready(start: Start, double: Authority, **environ: str) -> Server:
    """A server that signs in at ``double``, its terms read."""
    server: Server = await start(**{**double.environ, **environ})
    logins = server.app.sign_ins.logins
    logins._sessions._pause = lambda seconds: asyncio.sleep(seconds / 100)
    told = next(provider for provider in logins.providers() if provider.provider == double.provider)
    if not told.acknowledged:
        await logins.acknowledge(double.provider)
    return server


async def visited(double: Authority, url: str | None) -> str:
    """What a person copies after saying yes: the address, or the code that a page of the provider shows."""
    assert url is not None
    where = await asyncio.to_thread(double.visit, url)
    shown = re.search(r"<pre id=code>([^<]+)<", where)
    return where if shown is None else shown[1]


async def finished(server: Server, session_id: str) -> LoginStatus:
    """The status of a login once it has ended by itself."""
    for _ in range(1000):
        status = await server.app.sign_ins.logins.status(session_id, OWNER)
        if status.state != "pending":
            break
        await asyncio.sleep(0.02)
    return status


async def by_paste(server: Server, double: Authority) -> str:
    logins = server.app.sign_ins.logins
    session = await logins.begin(double.provider, "paste", owner=OWNER)
    return await logins.submit(session.id, OWNER, await visited(double, session.url))


def signed_by_double(server: Server, double: Authority, account_id: str | None) -> bool:
    """The account is there, enabled, and its secret is one that the double gave out."""
    account = server.app.installation.account(account_id or "")
    assert account is not None
    assert account.login is not None
    assert account in server.app.installation.snapshot.accounts[double.provider]
    return account.secret is not None and account.secret.reveal() in double.issued


@pytest.mark.parametrize("provider", PASTE)
async def test_pasted_answers_sign_in(start: Start, provider: str) -> None:
    with authority(provider) as double:
        server = await ready(start, double)
        session = await server.app.sign_ins.logins.begin(provider, "paste", owner=OWNER)
        answer = await visited(double, session.url)
        account_id = await server.app.sign_ins.logins.submit(session.id, OWNER, answer)
        assert signed_by_double(server, double, account_id)
        status = await server.app.sign_ins.logins.status(session.id, OWNER)
        assert status == LoginStatus(state="done", account_id=account_id)


@pytest.mark.parametrize("provider", BROWSER)
async def test_the_browser_comes_back_to_a_port_that_is_open_only_then(start: Start, provider: str) -> None:
    with authority(provider) as double:
        server = await ready(start, double)
        logins = server.app.sign_ins.logins
        session = await logins.begin(provider, "browser", owner=OWNER)
        where = await visited(double, session.url)
        assert session.redirect_uri is not None
        assert where.startswith(session.redirect_uri)
        async with httpx.AsyncClient(trust_env=False) as browser:
            page = await browser.get(where)
            assert page.status_code == 200, page.text
            status = await logins.status(session.id, OWNER)
            assert status.state == "done"
            assert signed_by_double(server, double, status.account_id)
            with pytest.raises(httpx.ConnectError):
                await browser.get(where)


@pytest.mark.parametrize("provider", DEVICE)
async def test_device_codes_sign_in(start: Start, provider: str) -> None:
    with authority(provider) as double:
        server = await ready(start, double)
        session = await server.app.sign_ins.logins.begin(provider, "device", owner=OWNER)
        assert session.user_code
        assert session.verification_uri
        double.approve(session.user_code)
        status = await finished(server, session.id)
        assert status.state == "done", status.reason
        assert signed_by_double(server, double, status.account_id)


@pytest.mark.parametrize("provider", DEVICE)
async def test_a_denied_code_fails_with_the_reason(start: Start, provider: str) -> None:
    with authority(provider) as double:
        server = await ready(start, double)
        session = await server.app.sign_ins.logins.begin(provider, "device", owner=OWNER)
        double.deny(session.user_code or "")
        status = await finished(server, session.id)
        assert (status.state, status.account_id) == ("failed", None)
        assert "denied" in (status.reason or "")


@pytest.mark.parametrize("provider", DEVICE)
async def test_an_expired_code_fails_with_the_reason(start: Start, provider: str) -> None:
    with authority(provider) as double:
        server = await ready(start, double)
        session = await server.app.sign_ins.logins.begin(provider, "device", owner=OWNER)
        double.expire(session.user_code or "")
        status = await finished(server, session.id)
        assert status.state == "failed"
        assert "expired" in (status.reason or "")


async def test_servers_that_are_down_for_a_while_do_not_end_a_login(start: Start) -> None:
    with authority("qwen") as double:
        server = await ready(start, double)
        double.fail("poll", Trouble(503), Trouble(0))
        session = await server.app.sign_ins.logins.begin("qwen", "device", owner=OWNER)
        double.approve(session.user_code or "")
        assert (await finished(server, session.id)).state == "done"
        assert double.counts["poll"] == 3


async def test_an_organisation_signs_in_at_its_own_start_url_and_region(start: Start) -> None:
    with authority("kiro") as double:
        server = await ready(start, double)
        options = {"start_url": "https://example.awsapps.com/start", "region": "eu-central-1"}
        session = await server.app.sign_ins.logins.begin("kiro", "device", owner=OWNER, options=options)
        double.approve(session.user_code or "")
        status = await finished(server, session.id)
        account = server.app.installation.account(status.account_id or "")
        assert account is not None
        assert account.login is not None
        assert account.login.facts["region"] == "eu-central-1"
        begun = next(asked for asked in double.ledger.requests if asked.word == "device")
        assert begun.fields["startUrl"] == "https://example.awsapps.com/start"
        registered = next(asked for asked in double.ledger.requests if asked.word == "register")
        assert "issuerUrl" not in registered.fields


@pytest.mark.parametrize(
    "options", [{"region": "evil.example/"}, {"start_url": "http://plain.example/start"}, {"unheard": "of"}, {"region": "a b"}]
)
async def test_options_that_cannot_be_meant_are_refused(start: Start, options: dict[str, str]) -> None:
    with authority("kiro") as double:
        server = await ready(start, double)
        with pytest.raises(BadRequest):
            await server.app.sign_ins.logins.begin("kiro", "device", owner=OWNER, options=options)
        assert not double.ledger.requests


async def test_whoever_signs_in_again_keeps_the_account(start: Start) -> None:
    with authority("codex") as double:
        server = await ready(start, double)
        first = await by_paste(server, double)
        before = server.app.installation.account(first)
        assert await by_paste(server, double) == first
        after = server.app.installation.account(first)
        assert before is not None
        assert after is not None
        assert before.secret != after.secret
        double.person = Person(email="bob@example.com", user_id="user-2", account_id="account-2")
        assert await by_paste(server, double) != first


async def test_an_answer_belongs_to_one_login_and_one_owner(start: Start) -> None:
    with authority("codex") as double:
        server = await ready(start, double)
        logins = server.app.sign_ins.logins
        one = await logins.begin("codex", "paste", owner=OWNER)
        two = await logins.begin("codex", "paste", owner=OWNER)
        answer = await visited(double, one.url)
        with pytest.raises(NotFound):
            await logins.submit(one.id, "somebody else", answer)
        with pytest.raises(NotFound):
            await logins.status(one.id, "somebody else")
        with pytest.raises(LoginRefused, match="another login"):
            await logins.submit(two.id, OWNER, answer)
        for made_up in ("made up", "ma\u00efs non"):
            with pytest.raises(LoginRefused):
                await logins.callback("codex", {"code": "c", "state": made_up})
        assert double.counts["token"] == 0
        await logins.submit(one.id, OWNER, answer)
        with pytest.raises(Conflict):
            await logins.submit(one.id, OWNER, answer)
        assert double.counts["token"] == 1


async def test_a_person_who_says_no_ends_the_login(start: Start) -> None:
    with authority("codex") as double:
        server = await ready(start, double)
        double.refuses = True
        logins = server.app.sign_ins.logins
        session = await logins.begin("codex", "paste", owner=OWNER)
        with pytest.raises(LoginRefused, match="said no"):
            await logins.submit(session.id, OWNER, await visited(double, session.url))
        assert (await logins.status(session.id, OWNER)).state == "failed"


async def test_what_is_no_answer_leaves_the_login_waiting(start: Start) -> None:
    with authority("codex") as double:
        server = await ready(start, double)
        logins = server.app.sign_ins.logins
        session = await logins.begin("codex", "paste", owner=OWNER)
        for text in ("", "two words", "http://localhost:1455/auth/callback?nothing=here"):
            with pytest.raises(BadRequest):
                await logins.submit(session.id, OWNER, text)
        assert await logins.submit(session.id, OWNER, await visited(double, session.url))


async def test_a_cancelled_login_is_gone(start: Start) -> None:
    with authority("claude") as double:
        server = await ready(start, double)
        logins = server.app.sign_ins.logins
        session = await logins.begin("claude", "browser", owner=OWNER)
        where = await visited(double, session.url)
        await logins.cancel(session.id, OWNER)
        async with httpx.AsyncClient(trust_env=False) as browser:
            with pytest.raises(httpx.ConnectError):
                await browser.get(where)
        with pytest.raises(NotFound):
            await logins.status(session.id, OWNER)


async def test_a_login_whose_tokens_are_on_their_way_is_finished(start: Start) -> None:
    with authority("claude") as double:
        server = await ready(start, double)
        logins = server.app.sign_ins.logins
        session = await logins.begin("claude", "paste", owner=OWNER)
        answer = await visited(double, session.url)
        with double.ledger.held("token"):
            coming = asyncio.create_task(logins.submit(session.id, OWNER, answer))
            assert await asyncio.to_thread(double.ledger.wait_for, "token", 1)
            with pytest.raises(Conflict, match="being finished"):
                await logins.cancel(session.id, OWNER)
        account_id = await coming
        assert logins.describe(account_id) is not None


async def test_a_missing_client_secret_is_named(start: Start) -> None:
    with authority("gemini-cli") as double:
        server = await ready(start, double, **{SECRET: ""})
        logins = server.app.sign_ins.logins
        told = next(provider for provider in logins.providers() if provider.provider == "gemini-cli")
        assert told.missing_env == (SECRET,)
        with pytest.raises(LoginRefused, match=SECRET):
            await logins.begin("gemini-cli", "paste", owner=OWNER)


async def test_terms_are_read_before_anything_else(start: Start) -> None:
    with authority("claude") as double:
        server: Server = await start(**double.environ, CLAUDE_CODE_OAUTH_TOKEN="sk-ant-oat01-of-the-environment")
        logins, installation = server.app.sign_ins.logins, server.app.installation
        told = next(provider for provider in logins.providers() if provider.provider == "claude")
        assert told.terms
        assert not told.acknowledged
        for attempt in (logins.begin("claude", "paste", owner=OWNER), logins.import_tokens("claude", {"access": "a"})):
            with pytest.raises(Conflict, match="acknowledge"):
                await attempt
        assert "claude" not in installation.snapshot.accounts
        await logins.acknowledge("claude")
        assert [account.source for account in installation.snapshot.accounts["claude"]] == ["environment"]
        assert await by_paste(server, double)


async def test_a_lone_refresh_token_is_proved_by_using_it(start: Start) -> None:
    with authority("kiro") as double:
        server = await ready(start, double)
        seeded = double.seed(kind="social")
        account_id = await server.app.sign_ins.logins.import_tokens("kiro", {"refresh": seeded["refreshToken"]})
        assert double.counts["renewal"] == 1
        assert signed_by_double(server, double, account_id)


async def test_a_refresh_token_that_is_no_good_is_not_imported(start: Start) -> None:
    with authority("kiro") as double:
        server = await ready(start, double)
        with pytest.raises(LoginRefused):
            await server.app.sign_ins.logins.import_tokens("kiro", {"refresh": "made-up"})
        assert await server.app.installation.accounts.list() == []


@pytest.mark.parametrize("fields", [{}, {"access": " "}, {"access": "a", "shown_to_everybody": "a secret"}])
async def test_imports_need_a_token_and_nothing_strange(start: Start, fields: dict[str, str]) -> None:
    with authority("kiro") as double:
        server = await ready(start, double)
        with pytest.raises(BadRequest):
            await server.app.sign_ins.logins.import_tokens("kiro", fields)


async def test_the_login_of_another_program_is_imported(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with authority("codex") as double:
        (tmp_path / "codex").mkdir()
        tokens = {**double.seed(), "account_id": "account-1"}
        (tmp_path / "codex" / "auth.json").write_text(json.dumps({"tokens": tokens}))
        server = await ready(start, double, CODEX_HOME=str(tmp_path / "codex"))
        logins = server.app.sign_ins.logins
        (found,) = await logins.importable("codex")
        assert found.path == str(tmp_path / "codex" / "auth.json")
        account_id = await logins.import_file("codex", found.source)
        assert signed_by_double(server, double, account_id)
        view = logins.describe(account_id)
        assert view is not None
        assert view.method == "file"
        assert view.email == "ada@example.com"
        assert double.counts["renewal"] == 0


async def test_nothing_shown_or_stored_in_the_open_is_a_token(start: Start, tmp_path: Path) -> None:
    with authority("codex") as double:
        server = await ready(start, double)
        account_id = await by_paste(server, double)
        shown = [
            repr(server.app.installation.account(account_id)),
            repr(server.app.installation.book.get(account_id)),
            repr(server.app.sign_ins.logins.describe(account_id)),
            repr(await server.app.installation.logins.get(account_id)),
        ]
        for file in (tmp_path / "data").iterdir():
            shown.append(file.read_bytes().decode("latin-1"))
        assert double.issued
        for secret in double.issued:
            assert not any(secret in text for text in shown)


async def by_device(server: Server, double: Authority) -> str:
    session = await server.app.sign_ins.logins.begin(double.provider, "device", owner=OWNER)
    double.approve(session.user_code or "")
    status = await finished(server, session.id)
    assert status.account_id is not None, status.reason
    return status.account_id


@pytest.mark.parametrize(
    ("provider", "method"), [*((name, "paste") for name in PASTE), *((name, "device") for name in DEVICE if name != "kilocode")]
)
async def test_every_login_is_renewed_as_its_provider_wants(start: Start, provider: str, method: str) -> None:
    with authority(provider) as double:
        server = await ready(start, double)
        account_id = await (by_paste(server, double) if method == "paste" else by_device(server, double))
        before = server.app.installation.account(account_id)
        for generation in (2, 3):
            view = await server.app.sign_ins.logins.refresh(account_id)
            assert view.problem is None
            after = server.app.installation.account(account_id)
            assert after is not None
            assert after.login is not None
            assert after.login.generation >= generation
            assert after.login.facts
            assert signed_by_double(server, double, account_id)
        assert before is not None
        assert after.secret != before.secret


async def test_a_key_given_to_an_account_sets_its_login_aside_until_somebody_signs_in(start: Start) -> None:
    with authority("codex") as double:
        server = await ready(start, double)
        account_id = await by_paste(server, double)
        installation = server.app.installation
        await installation.accounts.update(account_id, secret="sk-own-key")
        await installation.reload()
        account = installation.account(account_id)
        assert account is not None
        assert account.login is None
        assert account.secret is not None
        assert account.secret.reveal() == "sk-own-key"
        assert await by_paste(server, double) == account_id
        assert signed_by_double(server, double, account_id)
