"""The listener that a browser comes back to after a sign-in."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from omniroute.core.errors import Conflict, NotFound
from omniroute.server.login_callback import CallbackListener, PortTaken

PATH = "/auth/callback"


class Waiting:
    """Who is told what came back. ``refusal`` is raised instead."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, str]]] = []
        self.refusal: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.asked = asyncio.Event()

    async def __call__(self, provider: str, query: dict[str, str]) -> str:
        self.told.append((provider, query))
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.refusal is not None:
            raise self.refusal
        return "account-1"


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


@pytest_asyncio.fixture
async def listener(waiting: Waiting) -> AsyncIterator[CallbackListener]:
    listener = CallbackListener(waiting)
    yield listener
    await listener.stop()
    assert listener.ports == ()


async def ask(port: int, target: str, *, method: str = "GET", at: str = "127.0.0.1", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.request(method, f"http://{at}:{port}{target}", headers=headers)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
async def test_the_browser_comes_back_by_either_address(listener: CallbackListener, waiting: Waiting, host: str) -> None:
    if host == "[::1]" and not _has_six():
        pytest.skip("this machine has no IPv6 loopback")
    port = await listener.open("p", "Provider & Co", port=None, path=PATH)
    answer = await ask(port, f"{PATH}?code=c%20d&state=s", at=host)
    assert answer.status_code == 200
    assert waiting.told == [("p", {"code": "c d", "state": "s"})]
    assert "Signed in" in answer.text
    assert "Provider &amp; Co" in answer.text


async def test_the_page_can_only_close_itself_and_tells_nobody_its_address(listener: CallbackListener) -> None:
    port = await listener.open("p", "P", port=None, path=PATH)
    answer = await ask(port, f"{PATH}?code=secret-code&state=s")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    script = re.findall(r"<script>(.*?)</script>", answer.text)
    assert [f"'sha256-{sha256(text)}'" in answer.headers["content-security-policy"] for text in script] == [True]
    assert "window.close" in script[0]
    assert "secret-code" not in answer.text


async def test_a_refusal_is_said_without_what_was_brought(listener: CallbackListener, waiting: Waiting) -> None:
    port = await listener.open("p", "P", port=None, path=PATH)
    waiting.refusal = NotFound("this sign-in <b>is</b> over: Bearer sk-abcdefghijklmnopqrstuvwxyz0123456789")
    answer = await ask(port, f"{PATH}?error=access_denied&state=s")
    assert answer.status_code == 400
    assert "Not signed in" in answer.text
    assert "<script" not in answer.text  # what went wrong stays to be read
    assert "&lt;b&gt;is&lt;/b&gt;" in answer.text
    assert "sk-abcdefghij" not in answer.text


async def test_an_accident_keeps_its_reason_in_the_log(listener: CallbackListener, waiting: Waiting) -> None:
    port = await listener.open("p", "P", port=None, path=PATH)
    waiting.refusal = RuntimeError("token abc")
    answer = await ask(port, f"{PATH}?code=c")
    assert answer.status_code == 500
    assert "token abc" not in answer.text


@pytest.mark.parametrize(
    ("method", "target", "headers", "status"),
    [
        ("GET", "/favicon.ico", {}, 404),
        ("GET", "/", {}, 404),
        ("POST", PATH, {}, 405),
        ("HEAD", PATH, {}, 405),
        ("GET", f"{PATH}?code=c", {"host": "attacker.example"}, 403),
        ("GET", f"{PATH}?code=c", {"host": "127.0.0.1.attacker.example:1455"}, 403),
    ],
)  # fmt: skip
async def test_nothing_else_is_there(
    listener: CallbackListener, waiting: Waiting, method: str, target: str, headers: dict[str, str], status: int
) -> None:
    port = await listener.open("p", "P", port=None, path=PATH)
    assert (await ask(port, target, method=method, **headers)).status_code == status
    assert waiting.told == []


async def test_it_listens_only_while_someone_waits(listener: CallbackListener) -> None:
    port = await listener.open("p", "P", port=None, path=PATH)
    assert await listener.open("p", "P", port=port, path=PATH) == port
    assert listener.ports == (port,)
    await listener.close(port)
    assert (await ask(port, PATH)).status_code == 200
    await listener.close(port)
    assert listener.ports == ()
    with pytest.raises(httpx.ConnectError):
        await ask(port, PATH)
    await listener.close(port)  # nobody waits there any more: nothing to do


async def test_the_page_of_the_last_one_is_finished(listener: CallbackListener, waiting: Waiting) -> None:
    waiting.gate = asyncio.Event()
    port = await listener.open("p", "P", port=None, path=PATH)
    coming = asyncio.create_task(ask(port, f"{PATH}?code=c"))
    await waiting.asked.wait()
    await listener.close(port)
    waiting.gate.set()
    assert (await coming).status_code == 200


async def test_a_port_of_another_program_is_named(listener: CallbackListener) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} .* in use .* pasting"):
            await listener.open("p", "Provider", port=port, path=PATH)
    assert listener.ports == ()
    assert await listener.open("p", "Provider", port=port, path=PATH) == port


async def test_the_other_address_counts_as_well(listener: CallbackListener) -> None:
    if not _has_six():
        pytest.skip("this machine has no IPv6 loopback")
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken):
            await listener.open("p", "Provider", port=port, path=PATH)
        with socket.socket() as free:  # nothing of the failed try is left behind
            free.bind(("127.0.0.1", port))


async def test_two_providers_cannot_wait_at_one_port(listener: CallbackListener) -> None:
    port = await listener.open("p", "Provider", port=None, path=PATH)
    with pytest.raises(Conflict, match="Provider waits"):
        await listener.open("q", "Other", port=port, path=PATH)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nhost: x\r\n",
        b"\x00" * 40000,
        b"\x16\x03\x01\r\n\r\n",
        b"GET //[ HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ],
)
async def test_a_visitor_that_is_no_browser_does_no_harm(listener: CallbackListener, waiting: Waiting, sent: bytes) -> None:
    port = await listener.open("p", "P", port=None, path=PATH)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    writer.write_eof()
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 4") or b"\r\n\r\n" not in sent, "a whole head is answered"
    writer.close()
    assert waiting.told == []
    assert (await ask(port, PATH)).status_code == 200


async def test_stopping_drops_pages_in_the_making(waiting: Waiting) -> None:
    listener = CallbackListener(waiting)
    waiting.gate = asyncio.Event()
    port = await listener.open("p", "P", port=None, path=PATH)
    coming = asyncio.create_task(ask(port, f"{PATH}?code=c"))
    await waiting.asked.wait()
    await listener.stop()
    with pytest.raises(httpx.HTTPError):
        await coming


def sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _has_six() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True
