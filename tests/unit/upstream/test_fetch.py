"""Files that requests point to: what is asked of the transport, and when it is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from omniroute.core.errors import BadAnswer, NetworkFault, UpstreamStatus
from omniroute.core.settings import Settings
from omniroute.upstream.call import Call, Headers, Pulled
from omniroute.upstream.executor import Executor
from omniroute.upstream.fetch import LARGEST, MOST_REDIRECTS, Fetched, Fetcher


class Answer(Pulled):
    def __init__(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.status = status
        self.headers: Headers = [(name.replace("_", "-"), value) for name, value in headers.items()]
        self.body = body
        self.closed = False

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.body

    async def read(self, limit: int) -> bytes:
        if len(self.body) > limit:
            raise BadAnswer("too large", kind="too_large")
        return self.body

    async def close(self) -> None:
        self.closed = True


class Web:
    """A transport over a table of URLs."""

    def __init__(self, pages: dict[str, Answer]) -> None:
        self.pages = pages
        self.calls: list[Call] = []

    async def send(self, call: Call) -> Answer:
        self.calls.append(call)
        return self.pages[call.url]

    async def close(self) -> None:
        self.pages.clear()

    def describe(self) -> dict[str, object]:
        return {}


def settings(**values: Any) -> Settings:
    return Settings.load(file=values)


async def fetch(web: Web, url: str, environ: dict[str, str] | None = None, **values: Any) -> Fetched:
    return await Fetcher(lambda: web, Executor(environ or {})).fetch(url, settings(**values))


async def test_a_file() -> None:
    web = Web({"https://a.com/x.png": Answer(200, b"data", content_type="image/png")})
    assert await fetch(web, "https://a.com/x.png") == Fetched("image/png", b"data")
    call = web.calls[0]
    assert (call.method, call.private, call.proxy, call.body) == ("GET", False, None, b"")
    assert not {"authorization", "cookie", "x-api-key"} & {name for name, _ in call.headers}
    assert web.pages["https://a.com/x.png"].closed


async def test_redirects_are_followed_and_checked_one_by_one() -> None:
    web = Web(
        {
            "https://a.com/x": Answer(302, location="/y"),
            "https://a.com/y": Answer(307, location="http://b.com:8080/z"),
            "http://b.com:8080/z": Answer(200, b"z"),
        }
    )
    assert (await fetch(web, "https://a.com/x", media_private_hosts=["a.com"])).data == b"z"
    assert [(call.url, call.private) for call in web.calls] == [
        ("https://a.com/x", True), ("https://a.com/y", True), ("http://b.com:8080/z", False)]  # fmt: skip
    assert all(page.closed for page in web.pages.values())


async def test_redirects_end() -> None:
    web = Web({"https://a.com/": Answer(301, location="https://a.com/")})
    with pytest.raises(NetworkFault, match="too often"):
        await fetch(web, "https://a.com/")
    assert len(web.calls) == MOST_REDIRECTS + 1


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://a.com/x",
        "gopher://a.com",
        "https://user:secret@a.com/x",
        "http://[::1",
        "https://a.com:x/",
    ],
)
async def test_other_urls_are_refused_as_given_and_behind_redirects(url: str) -> None:
    web = Web({"https://a.com/": Answer(302, location=url)})
    for start in (url, "https://a.com/"):
        with pytest.raises(NetworkFault) as caught:
            await fetch(web, start)
        assert caught.value.error_code == "blocked_address"
        assert "secret" not in caught.value.message
    assert len(web.calls) == 1


@pytest.mark.parametrize(
    ("entry", "url", "private"),
    [
        ("files.lan", "http://files.lan/x", True),
        ("files.lan:8080", "http://FILES.lan:8080/x", True),
        ("files.lan:8080", "http://files.lan/x", False),
        ("files.lan", "http://files.lan.evil.com/x", False),
        ("127.0.0.1:443", "https://127.0.0.1/x", True),
    ],
)
async def test_private_hosts_are_those_the_operator_names(entry: str, url: str, private: bool) -> None:
    web = Web({url: Answer(200, b"x")})
    await fetch(web, url, media_private_hosts=[entry])
    assert web.calls[0].private is private


async def test_large_files_and_errors() -> None:
    announced = Web({"https://a.com/": Answer(200, b"x", content_length=str(LARGEST + 1))})
    silent = Web({"https://a.com/": Answer(200, b"x" * (LARGEST + 1))})
    for web in (announced, silent):
        with pytest.raises(BadAnswer):
            await fetch(web, "https://a.com/")
    with pytest.raises(UpstreamStatus, match="404"):
        await fetch(Web({"https://a.com/": Answer(404)}), "https://a.com/")


async def test_the_outbound_proxy_is_used() -> None:
    web = Web({"https://a.com/": Answer(200, b"x")})
    await fetch(web, "https://a.com/", {"HTTPS_PROXY": "http://proxy:3128"})
    assert web.calls[0].proxy == "http://proxy:3128"
