"""The login data of the catalogue: what a table must say, and what those that are shipped lead to."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.catalog.load import load_catalogue
from omniroute.catalog.oauth import OAuth
from omniroute.catalog.schema import Provider
from omniroute.core.registry import Registry
from omniroute.upstream.login import after, flows

CODE = {"flow": "code", "authorize_url": "https://a.test/a", "token_url": "https://a.test/t"}
SIGNED_IN_AT = [provider for provider in load_catalogue().providers if provider.oauth is not None]
each = pytest.mark.parametrize("provider", SIGNED_IN_AT, ids=lambda p: p.id)


@pytest.mark.parametrize(
    ("table", "wrong"),
    [
        ({"flow": "code", "token_url": "https://a.test/t"}, "authorize_url"),
        ({"flow": "device", "token_url": "https://a.test/t"}, "device_url"),
        ({"flow": "aws_sso", "device_url": "https://a.test/d", "token_url": "https://a.test/t"}, "register_url"),
        ({**CODE, "more": (OAuth(**CODE),)}, "other flows"),
        ({**CODE, "more": (OAuth(flow="import", more=(OAuth(**CODE),)),)}, "more of its own"),
        ({**CODE, "lead": -1.0}, "negative"),
    ],
)
def test_tables_that_lead_nowhere_are_refused(table: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        OAuth(**table)


def test_a_provider_may_have_several_ways() -> None:
    imported = OAuth(flow="import")
    oauth = OAuth(**CODE, more=(imported,))
    assert oauth.ways() == (oauth, imported)
    assert oauth.way("import") is imported
    assert oauth.way("device") is None


def test_twelve_providers_are_signed_in_at() -> None:
    assert len(SIGNED_IN_AT) == 12


@each
def test_every_word_is_known(provider: Provider) -> None:
    assert provider.oauth is not None
    known: Registry[Any] = after.registry()
    for oauth in provider.oauth.ways():
        assert oauth.flow in flows.registry()
        assert [word for word in oauth.after if word not in known] == []


@each
def test_addresses_are_those_of_a_vendor_over_tls(provider: Provider) -> None:
    assert provider.oauth is not None
    for oauth in provider.oauth.ways():
        urls = [value for name, value in ((n, getattr(oauth, n)) for n in oauth.__struct_fields__ if n.endswith("_url")) if value]
        assert all(url.startswith("https://") for url in urls), urls


@each
def test_secrets_and_other_clients_are_named_after_the_provider(provider: Provider) -> None:
    assert provider.oauth is not None
    stem = provider.id.upper().replace("-", "_")
    for oauth in provider.oauth.ways():
        assert oauth.client_id_env in (None, f"{stem}_OAUTH_CLIENT_ID")
        assert oauth.client_secret_env in (None, f"{stem}_OAUTH_CLIENT_SECRET")
        assert set(oauth.options) <= {"start_url", "region", "idp", "project"}
