"""Which addresses may call: the operator's lists, and the caller's address behind reverse proxies that are trusted.

A direct call from this machine is always let in, so that nobody can lock himself out. A call that a reverse proxy on this machine
hands on is judged by whom the proxy names; as long as ``trusted_proxies`` does not have the proxy, it is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from omniroute.core.errors import Forbidden
from omniroute.core.settings import Settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_MAPPED = ip_network("::ffff:0:0/96")
# A chain of proxies longer than this is made up.
_MOST_HOPS = 50


def networks(entries: Iterable[str]) -> tuple[Network, ...]:
    """The networks that ``entries`` (addresses or networks) name; IPv4-mapped ones as the IPv4 networks they stand for."""
    return tuple(_unmapped_network(ip_network(entry, strict=False)) for entry in entries)


def parse_address(text: str) -> Address | None:
    """The address in one entry of X-Forwarded-For or of a socket: with a port, brackets or a zone, or bare. None if there
    is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def caller(peer: Address, forwarded: Sequence[str], trusted: Sequence[Network]) -> Address | None:
    """Who calls: ``peer``, or, as long as that is a trusted proxy, whom it says it asks for.

    ``forwarded`` are the X-Forwarded-For headers in order. Each proxy adds its own caller at the right end, so they are read from
    there; what stands left of the first address that is not trusted may be made up. None when a trusted proxy names no address.
    """
    if not trusted or not forwarded or not _within(peer, trusted):
        return peer
    found: Address | None = peer
    entries = ",".join(forwarded).split(",")
    for entry in reversed(entries[-_MOST_HOPS:]):
        found = parse_address(entry)
        if found is None or not _within(found, trusted):
            return found
    return found


class AddressRules:
    """The lists of one set of settings, read once. ``active`` is False when every address may call."""

    def __init__(self, settings: Settings) -> None:
        self.allow = networks(settings.ip_allow)
        self.block = networks(settings.ip_block)
        self.trusted = networks(settings.trusted_proxies)
        self.active = bool(self.allow or self.block)

    def check(self, peer: str | None, forwarded: Sequence[str]) -> None:
        """Return when a call from ``peer`` (None: a local socket without addresses) is let in; else Forbidden.

        ``forwarded``: its X-Forwarded-For headers.
        """
        if not self.active or not peer:
            return
        near = parse_address(peer)
        far = caller(near, forwarded, self.trusted) if near is not None else None
        if near is not None and near.is_loopback:
            if not forwarded:
                return
            if far is near:
                raise Forbidden(
                    "This call came through a proxy on the server's own machine: its operator must name that proxy in "
                    "trusted_proxies before the address lists can judge it.",
                    code="address_not_allowed",
                )
        if far is None:
            raise Forbidden("This server serves certain addresses only, and yours cannot be told.", code="address_not_allowed")
        if _within(far, self.block) or (self.allow and not _within(far, self.allow)):
            raise Forbidden(f"Calls from {far} are not allowed by this server's address lists.", code="address_not_allowed")


class AddressGate:
    """The rules in force, made anew when the settings are other ones."""

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._rules: AddressRules | None = None

    def rules(self, settings: Settings) -> AddressRules | None:
        """None when every address may call."""
        if settings is not self._settings:
            made = AddressRules(settings)
            self._settings, self._rules = settings, made if made.active else None
        return self._rules


def _within(address: Address, among: Sequence[Network]) -> bool:
    return any(address in network for network in among)


def _unmapped_network(network: Network) -> Network:
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED.prefixlen and network.subnet_of(_MAPPED):  # type: ignore[arg-type]
        return ip_network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - _MAPPED.prefixlen))
    return network
