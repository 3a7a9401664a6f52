from __future__ import annotations

import pytest

from omniroute.core.errors import ConfigError
from omniroute.upstream.proxies import proxy_for

P = "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("url", "environ", "expected"),
    [
        ("https://api.test/v1", {}, None),
        ("https://api.test/v1", {"HTTPS_PROXY": P}, P),
        ("https://api.test/v1", {"https_proxy": P}, P),
        ("https://api.test/v1", {"https_proxy": P, "HTTPS_PROXY": "http://other.test"}, P),
        ("https://api.test/v1", {"HTTP_PROXY": P}, None),
        ("http://api.test/v1", {"HTTP_PROXY": P}, P),
        ("http://api.test/v1", {"HTTPS_PROXY": P}, None),
        ("http://api.test/v1", {"HTTP_PROXY": P, "REQUEST_METHOD": "GET"}, None),
        ("http://api.test/v1", {"http_proxy": P, "REQUEST_METHOD": "GET"}, P),
        ("https://api.test/v1", {"ALL_PROXY": P}, P),
        ("https://api.test/v1", {"all_proxy": "socks5h://p.test:1080"}, "socks5://p.test:1080"),
        ("https://api.test/v1", {"HTTPS_PROXY": P, "ALL_PROXY": "http://other.test"}, P),
        ("https://api.test/v1", {"HTTPS_PROXY": "", "ALL_PROXY": P}, P),
        ("https://api.test/v1", {"HTTPS_PROXY": "proxy.test:3128"}, P),
    ],
)
def test_the_environment_decides(url: str, environ: dict[str, str], expected: str | None) -> None:
    assert proxy_for(url, None, environ) == expected


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "a.localhost"])
def test_loopback_never_goes_through_a_proxy_of_the_environment(host: str) -> None:
    environ = {"HTTP_PROXY": P, "ALL_PROXY": P}
    assert proxy_for(f"http://{host}:9000/v1", None, environ) is None
    assert proxy_for(f"http://{host}:9000/v1", "http://mine.test:1", environ) == "http://mine.test:1"


def test_a_wire_in_this_process_has_no_proxy() -> None:
    assert proxy_for("builtin://demo", "http://mine.test:1", {"ALL_PROXY": "nonsense://"}) is None


def test_the_setting_wins() -> None:
    assert proxy_for("https://api.test", "http://mine.test:1", {"HTTPS_PROXY": P}) == "http://mine.test:1"
    assert proxy_for("https://api.test", "http://mine.test:1", {"NO_PROXY": "api.test"}) is None


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("*", "https://api.test", True),
        ("api.test", "https://api.test", True),
        ("API.TEST", "https://api.test", True),
        ("test", "https://api.test", True),
        (".test", "https://api.test", True),
        ("*.test", "https://api.test", True),
        ("pi.test", "https://api.test", False),
        ("api.test.evil", "https://api.test", False),
        ("other.test, api.test", "https://api.test", True),
        ("other.test api.test", "https://api.test", True),
        ("api.test:443", "https://api.test", True),
        ("api.test:443", "https://api.test:8443", False),
        ("api.test:8443", "https://api.test:8443", True),
        ("10.0.0.0/8", "http://10.1.2.3:80", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("10.0.0.0/8", "https://api.test", False),
        ("fd00::/8", "http://[fd00::1]", True),
        ("192.0.2.1", "http://192.0.2.1:99", True),
        ("[fd00::1]:99", "http://[fd00::1]:99", True),
        ("[fd00::1]:99", "http://[fd00::1]:98", False),
        ("fd00::1", "http://[fd00:0::1]", True),
        ("not-a-network/99", "https://api.test", False),
        (" , ,", "https://api.test", False),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy(no_proxy: str, url: str, direct: bool, name: str) -> None:
    environ = {"ALL_PROXY": P, name: no_proxy}
    assert (proxy_for(url, None, environ) is None) is direct


@pytest.mark.parametrize("value", ["ftp://p.test", "http://", "http://p.test:99999", "socks4://p.test"])
def test_what_is_not_a_proxy_is_a_clear_error(value: str) -> None:
    with pytest.raises(ConfigError, match="outbound_proxy"):
        proxy_for("https://api.test", value, {})
    with pytest.raises(ConfigError, match="ALL_PROXY"):
        proxy_for("https://api.test", None, {"ALL_PROXY": value})


def test_the_error_does_not_show_the_password() -> None:
    with pytest.raises(ConfigError) as wrong:
        proxy_for("https://api.test", "ftp://me:hunter2@p.test", {})
    assert "hunter2" not in wrong.value.message


@pytest.mark.parametrize(
    ("chosen", "setting", "expected"),
    [
        (("http://key.test:1", "http://account.test:1"), P, "http://key.test:1"),
        ((None, "http://account.test:1", "http://provider.test:1"), P, "http://account.test:1"),
        ((None, None, "socks5h://provider.test:1"), P, "socks5://provider.test:1"),
        ((None, None), P, P),
        (("direct", "http://account.test:1"), P, None),
        ((None, "Direct"), None, None),
        ((None,), "direct", None),
        ((), None, "http://environment.test:1"),
    ],
)
def test_the_nearest_choice_wins(chosen: tuple[str | None, ...], setting: str | None, expected: str | None) -> None:
    environ = {"HTTPS_PROXY": "http://environment.test:1"}
    assert proxy_for("https://api.test", setting, environ, chosen=chosen) == expected
    assert proxy_for("https://api.test", setting, {**environ, "NO_PROXY": "api.test"}, chosen=chosen) is None
