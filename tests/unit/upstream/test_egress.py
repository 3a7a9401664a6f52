from __future__ import annotations

import pytest

from omniroute.core.errors import NetworkFault
from omniroute.upstream.egress import check_address, check_host

PRIVATE = [
    "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.127.255.255", "224.0.0.1", "239.255.255.255", "255.255.255.255",
    "240.0.0.1", "192.0.0.8", "192.88.99.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
    "168.63.129.16", "100.100.100.200",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254", "ff02::1",
    "2001:db8::1", "100::1", "5f00::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::10.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",  # Teredo around 10.0.0.1
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.1", "192.0.1.1", "11.0.0.1",
          "2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(NetworkFault) as refused:
        check_address(address)
    assert refused.value.kind == "blocked_address"
    assert address in refused.value.message


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    check_address(address)
    check_host(address)


@pytest.mark.parametrize("address", ["", "localhost", "example.com", "1.2.3", "0x7f.1", "127.1"])
def test_what_is_not_an_address_is_refused(address: str) -> None:
    with pytest.raises(NetworkFault):
        check_address(address)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "[::1]", "::1", "169.254.169.254", "10.1.2.3"]
)
def test_hosts_that_are_known_to_be_private_are_refused(host: str) -> None:
    with pytest.raises(NetworkFault):
        check_host(host)


@pytest.mark.parametrize("host", ["example.com", "localhost.example.com", "api.vendor.test"])
def test_other_names_pass_unresolved(host: str) -> None:
    check_host(host)
