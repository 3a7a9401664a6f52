"""Who may call by address: networks of both families, mapped ones, and the caller behind trusted proxies."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.core.errors import ConfigError, Forbidden
from omniroute.core.settings import Settings
from omniroute.gateway.addresses import AddressGate, AddressRules


def rules(**lists: Any) -> AddressRules:
    return AddressRules(Settings.load(file=lists))


def allowed(made: AddressRules, peer: str | None, *forwarded: str) -> bool:
    try:
        made.check(peer, forwarded)
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize(
    ("lists", "peer", "expected"),
    [
        ({}, "203.0.113.9", True),
        ({"ip_allow": ["203.0.113.0/24"]}, "203.0.113.9", True),
        ({"ip_allow": ["203.0.113.0/24"]}, "203.0.114.9", False),
        ({"ip_allow": ["203.0.113.9"]}, "203.0.113.9", True),
        ({"ip_block": ["203.0.113.0/24"]}, "203.0.113.9", False),
        ({"ip_block": ["203.0.113.0/24"]}, "198.51.100.1", True),
        ({"ip_allow": ["203.0.113.0/24"], "ip_block": ["203.0.113.9"]}, "203.0.113.9", False),
        ({"ip_allow": ["203.0.113.0/24"], "ip_block": ["203.0.113.9"]}, "203.0.113.8", True),
        ({"ip_allow": ["2001:db8::/32"]}, "2001:db8:1::7", True),
        ({"ip_allow": ["2001:db8::/32"]}, "2001:db9::7", False),
        ({"ip_allow": ["fe80::/10"]}, "fe80::1%eth0", True),
        ({"ip_allow": ["203.0.113.0/24"]}, "::ffff:203.0.113.9", True),
        ({"ip_allow": ["::ffff:203.0.113.0/120"]}, "203.0.113.9", True),
        ({"ip_block": ["203.0.113.0/24"]}, "::ffff:203.0.113.9", False),
        ({"ip_allow": ["203.0.113.1/24"]}, "203.0.113.200", True),
    ],
)
def test_the_lists_decide(lists: dict[str, list[str]], peer: str, expected: bool) -> None:
    assert allowed(rules(**lists), peer) is expected


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "", None])
def test_a_direct_call_from_this_machine_cannot_be_locked_out(peer: str | None) -> None:
    assert allowed(rules(ip_allow=["203.0.113.0/24"], ip_block=["127.0.0.0/8", "::1", "0.0.0.0/0", "::/0"]), peer)


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("10.0.0.1", ("203.0.113.9",), True),
        ("10.0.0.1", ("198.51.100.1",), False),
        ("10.0.0.1", ("203.0.113.9, 198.51.100.1",), False),  # the left one is what the caller made up
        ("10.0.0.1", ("198.51.100.1, 203.0.113.9",), True),
        ("10.0.0.1", ("198.51.100.1, 203.0.113.9, 10.0.0.2",), True),
        ("10.0.0.1", ("198.51.100.1", "203.0.113.9"), True),
        ("10.0.0.1", ("203.0.113.9:4711",), True),
        ("10.0.0.1", ('"[2001:db8::7]:4711"',), True),
        ("10.0.0.1", ("2001:db8::7",), True),
        ("10.0.0.1", ("unknown",), False),
        ("10.0.0.1", ("203.0.113.9, unknown",), False),
        ("10.0.0.1", ("203.0.113.9,",), False),
        ("10.0.0.1", ("127.0.0.1",), False),  # only a direct call is surely from here
        ("10.0.0.1", (), False),
        ("10.0.0.1", ("10.0.0.7",), False),
        ("198.51.100.1", ("203.0.113.9",), False),  # nobody believes a stranger
        ("203.0.113.9", ("198.51.100.1",), True),
        ("::ffff:10.0.0.1", ("203.0.113.9",), True),
        ("10.0.0.1", (", ".join(["203.0.113.9"] + ["10.0.0.2"] * 500),), False),
    ],
)
def test_behind_a_trusted_proxy_the_right_end_counts(peer: str, forwarded: tuple[str, ...], expected: bool) -> None:
    made = rules(ip_allow=["203.0.113.0/24", "2001:db8::/32"], trusted_proxies=["10.0.0.0/8"])
    assert allowed(made, peer, *forwarded) is expected


def test_a_proxy_on_this_machine_must_be_named() -> None:
    without, named = rules(ip_block=["203.0.113.9"]), rules(ip_block=["203.0.113.9"], trusted_proxies=["127.0.0.1", "::1"])
    with pytest.raises(Forbidden, match="trusted_proxies"):
        without.check("127.0.0.1", ["198.51.100.1"])
    assert allowed(named, "127.0.0.1", "198.51.100.1")
    assert not allowed(named, "127.0.0.1", "203.0.113.9")
    assert not allowed(named, "::1", "203.0.113.9")


def test_rules_are_read_once_per_set_of_settings() -> None:
    gate = AddressGate()
    off, on = Settings.load(), Settings.load(file={"ip_block": ["203.0.113.9"]})
    assert gate.rules(off) is None
    assert gate.rules(on) is gate.rules(on) is not None
    assert gate.rules(off) is None


@pytest.mark.parametrize("entry", ["everyone", "10.0.0.0/33", "10.0.0", "", "::/200"])
@pytest.mark.parametrize("name", ["ip_allow", "ip_block", "trusted_proxies"])
def test_an_entry_that_is_no_network_is_refused_with_the_settings(name: str, entry: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: .* is not an IP address or network"):
        Settings.load(file={name: [entry]})
