"""Tries in place go to the further addresses of a provider, in order."""

from __future__ import annotations

from omniroute.catalog.load import load_catalogue
from omniroute.catalog.schema import Auth, Provider
from omniroute.upstream.addresses import at_address

ONE = Provider(id="p", prefix="p", name="P", format="gemini", base_url="https://a.test", auth=Auth(scheme="bearer"))


def test_a_provider_with_one_address_stays_the_very_record() -> None:
    assert at_address(ONE, 0) is ONE
    assert at_address(ONE, 5) is ONE


def test_the_fallbacks_follow_in_order() -> None:
    provider = load_catalogue().by_id("antigravity")
    assert provider is not None
    asked = [at_address(provider, retry).base_url for retry in range(4)]
    assert asked == [provider.base_url, *provider.base_url_fallbacks, provider.base_url]
    assert at_address(provider, 0) is provider
