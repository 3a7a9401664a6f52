"""Whatever stands in a file, is pasted, or knocks at the listener: an answer or a refusal in words, nothing else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.load import load_catalogue
from omniroute.core.errors import NotFound
from omniroute.operations.installed_logins import InstalledLogins, UnreadableLogin, login_in
from omniroute.server.login_callback import CallbackListener

TOKENS = st.sampled_from(["accessToken", "refresh_token", "tokens", "claudeAiOauth", "access_token", "expiresAt", "clientIdHash"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TOKENS | st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def _utf8(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


@given(value=VALUES, raw=st.binary(max_size=60), broken=st.booleans())
def test_any_file_is_read_or_refused(catalogue: Catalogue, value: Any, raw: bytes, broken: bool) -> None:
    content = raw if broken else json.dumps(value).encode()
    with TemporaryDirectory() as home:
        logins = InstalledLogins({}, Path(home), "linux")
        for provider in catalogue.providers:
            for file in provider.oauth.files if provider.oauth is not None else ():
                if file.systems and "linux" not in file.systems:
                    continue
                path = Path(home) / file.path.removeprefix("~/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                fields, said = {"refused": "x"}, str(path)
                try:
                    fields = logins.read(provider, file.path).fields
                except (NotFound, UnreadableLogin) as refusal:
                    said = refusal.message
                assert str(path) in said
                assert fields.get("access") or fields.get("refresh") or fields.get("refused")
                assert all(isinstance(text, str) and text for text in fields.values())


@given(text=st.text(max_size=80).filter(_utf8) | VALUES.map(json.dumps))
def test_any_text_holds_a_login_or_none(catalogue: Catalogue, text: str) -> None:
    for provider in catalogue.providers:
        if provider.oauth is None:
            continue
        try:
            fields = login_in(provider, text)
        except NotFound:
            continue
        assert fields.get("access") or fields.get("refresh")


@given(
    head=st.binary(max_size=200) | st.text(max_size=60).map(lambda t: f"GET /callback?{t} HTTP/1.1\r\nhost: localhost:1".encode())
)
def test_any_visitor_gets_one_whole_page(head: bytes) -> None:
    told: list[dict[str, str]] = []

    async def answer(provider: str, query: dict[str, str]) -> str:
        told.append(query)
        raise NotFound(f"no sign-in of {provider} for {sorted(query)}")

    async def visit() -> bytes:
        listener = CallbackListener(answer)
        port = await listener.open("p", "P", port=None, path="/callback")
        try:
            return await listener._respond(listener._places[port], head + b"\r\n\r\n")
        finally:
            await listener.stop()

    page = asyncio.run(visit())
    first, _, body = page.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 ")
    length = next(line for line in first.split(b"\r\n") if line.startswith(b"content-length"))
    assert int(length.partition(b":")[2]) == len(body)
    assert b"<script" not in body
