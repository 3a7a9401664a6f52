"""The scheme of a token with a checksum: its letters against JavaScript's arithmetic, and what else it says."""

from __future__ import annotations

import base64
import hashlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.catalog.account import Account, Login, Secret
from omniroute.catalog.schema import Auth
from omniroute.core.errors import Fault
from omniroute.upstream.auth import registry
from omniroute.upstream.auth.checksum import Checksum, time_code

AUTH = Auth(scheme="checksum")


def account(secret: str | None, **facts: str) -> Account:
    held = None if secret is None else Secret(secret)
    return Account(id="a", provider="p", name="n", secret=held, login=Login(facts=facts))


def signed(secret: str, *, now: float = 1_700_000_000, request_id: str | None = "req_1", **facts: str) -> dict[str, str]:
    headers = [("x-other", "kept"), *([("x-request-id", request_id)] if request_id else [])]
    assert Checksum(lambda: now).sign(headers, "https://x/y", account(secret, **facts), AUTH) == "https://x/y"
    assert len(dict(headers)) == len(headers)
    return dict(headers)


def in_javascript(milliseconds: float) -> str:
    """The same with numbers as JavaScript has them: operators see 32 bits with a sign, shifts count modulo 32."""

    def shifted(number: int, by: int) -> int:
        signed = (number + 2**31) % 2**32 - 2**31
        return signed >> (by % 32)

    ticks = int(milliseconds // 1e6)
    data = [shifted(ticks, by) & 255 for by in (40, 32, 24, 16, 8, 0)]
    mix = 165
    for at in range(6):
        data[at] = ((data[at] ^ mix) + at % 256) & 255
        mix = data[at]
    return base64.urlsafe_b64encode(bytes(data)).decode()


@pytest.mark.parametrize(("now", "letters"), [(0, "paaoq6-0"), (1_700_000_000, "Vfb45Bi9"), (1_800_000_000, "0pOVkeqv")])
def test_known_checksums(now: float, letters: str) -> None:
    assert time_code(now) == letters


@given(st.floats(0, 1e10))
def test_the_letters_are_those_of_javascript(now: float) -> None:
    assert time_code(now) == in_javascript(now * 1000)


def test_they_stand_still_for_a_while() -> None:
    assert time_code(1_700_000_000) == time_code(1_700_000_999)
    assert time_code(1_700_000_000) != time_code(1_700_001_000)


def test_what_a_call_says() -> None:
    said = signed("jwt", machine_id="f" * 64)
    assert said == {
        "x-other": "kept",
        "authorization": "Bearer jwt",
        "x-client-key": hashlib.sha256(b"jwt").hexdigest(),
        "x-cursor-checksum": "Vfb45Bi9" + "f" * 64,
        "x-session-id": str(uuid.uuid5(uuid.NAMESPACE_DNS, "jwt")),
        "x-request-id": said["x-request-id"],
    }
    assert uuid.UUID(said["x-request-id"])
    assert said["x-request-id"] != signed("jwt", request_id="req_2")["x-request-id"]
    assert "x-request-id" not in signed("jwt", request_id=None)


@pytest.mark.parametrize("stored", ["jwt", "user_01::jwt", "user_01%3A%3Ajwt", "user_01%3a%3ajwt", " jwt\n"])
def test_only_the_token_of_what_is_stored_is_sent(stored: str) -> None:
    assert signed(stored)["authorization"] == "Bearer jwt"


@pytest.mark.parametrize("machine", ["", "a\r\nb: c", "x" * 300])
def test_without_a_machine_one_is_made_of_the_token(machine: str) -> None:
    said = signed("jwt", machine_id=machine)["x-cursor-checksum"]
    assert said == "Vfb45Bi9" + hashlib.sha256(b"jwtmachineId").hexdigest()


def test_without_a_token_nothing_is_signed() -> None:
    with pytest.raises(Fault):
        registry()["checksum"].sign([], "https://x", account(None), AUTH)
    headers = [("a", "b")]
    Checksum().sign(headers, "https://x", account(None), Auth(scheme="checksum", optional=True))
    assert headers == [("a", "b")]
