"""The egress guard: which addresses a call may reach when its provider is not declared private.

Checked on the resolved address at connect time, and the connection goes to the very address that was checked, so a name that
resolves differently the second time changes nothing.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from omniroute.core.errors import NetworkFault, Scope, Verdict

_CARRIER_NAT = ip_network("100.64.0.0/10")
# Special-purpose networks that not every Python release counts as private.
_SPECIAL = tuple(
    ip_network(text)
    for text in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "100::/64",
        "2001:2::/48",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
    )
)
_NAT64 = ip_network("64:ff9b::/96")
_NAT64_LOCAL = ip_network("64:ff9b:1::/48")
_IPV4_COMPATIBLE = ip_network("::/96")
_SITE_LOCAL = ip_network("fec0::/10")
_METADATA = frozenset(
    {
        ip_address("168.63.129.16"),  # Azure's host agent, a public address that only answers from inside
        ip_address("fd00:ec2::254"),
        ip_address("fd20:ce::254"),
    }
)


def check_address(ip: str) -> None:
    """Return when ``ip`` (text, zone allowed) is a public unicast address; otherwise NetworkFault of kind ``blocked_address``.

    Refused: loopback, private, link-local, multicast, unspecified, reserved, carrier-grade NAT, the metadata services, and all
    of these behind an IPv4-mapped, IPv4-compatible, NAT64, 6to4 or Teredo address.
    """
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        raise blocked(ip, "is not an IP address") from None
    reason = _objection(address)
    if reason:
        raise blocked(ip, reason)


def check_host(host: str) -> None:
    """What can be said without resolving: literal addresses and the names of this machine. Used when a proxy resolves."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        raise blocked(host, "is this machine")
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return
    check_address(name)


def blocked(address: str, reason: str) -> NetworkFault:
    """The refusal, as a fault: no try elsewhere at the same provider can help."""
    return NetworkFault(
        f"refused to connect to {address}: it {reason}; only a node added by the operator may use private addresses",
        kind="blocked_address",
        error_code="blocked_address",
        scope=Scope.PROVIDER,
        verdict=Verdict.NEXT_TARGET,
    )


def _objection(address: IPv4Address | IPv6Address) -> str | None:
    if address in _METADATA:
        return "is a metadata service"
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return _objection(inner)
        if address in _SITE_LOCAL or address in _NAT64_LOCAL:
            return "is a private address"
    elif address in _CARRIER_NAT:
        return "is a carrier-grade NAT address"
    if address.is_unspecified:
        return "is the unspecified address"
    if address.is_loopback:
        return "is a loopback address"
    if address.is_link_local:
        return "is a link-local address"
    if address.is_multicast:
        return "is a multicast address"
    if address.is_private or address.is_reserved or not address.is_global or any(address in network for network in _SPECIAL):
        return "is a private address"
    return None


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a transition address leads to."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _IPV4_COMPATIBLE and int(address) > 1:  # :: and ::1 have meanings of their own
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
