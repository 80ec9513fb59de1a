"""Which addresses are public, and what an operator may allow besides."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.network import NOT_PUBLIC, WEB_PORTS, Borders, is_public

ANYWHERE = Borders()

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.0",
    "172.32.0.1",
    "192.0.1.1",
    "223.255.255.255",
    "168.63.129.17",
    "2606:4700:4700::1111",
    "2a00:1450:4001:830::200e",
    "2001:4860:4860::8888",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]

NOT_A_PUBLIC_ONE = {
    "this network": "0.0.0.0",  # noqa: S104
    "this network, elsewhere": "0.1.2.3",
    "loopback": "127.0.0.1",
    "loopback, elsewhere": "127.255.255.254",
    "private, 10": "10.0.0.1",
    "private, 172": "172.31.255.255",
    "private, 192": "192.168.1.1",
    "carrier's NAT": "100.64.0.1",
    "Alibaba's metadata": "100.100.100.200",
    "link-local": "169.254.0.1",
    "metadata": "169.254.169.254",
    "Azure's own": "168.63.129.16",
    "Oracle's metadata": "192.0.0.192",
    "documentation 1": "192.0.2.1",
    "documentation 2": "198.51.100.1",
    "documentation 3": "203.0.113.1",
    "benchmarks": "198.19.255.255",
    "6to4 relays": "192.88.99.1",
    "multicast": "224.0.0.1",
    "multicast, last": "239.255.255.255",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "unspecified in IPv6": "::",
    "loopback in IPv6": "::1",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped metadata": "::ffff:a9fe:a9fe",
    "compatible": "::8.8.8.8",
    "translated (SIIT)": "::ffff:0:8.8.8.8",
    "NAT64 to metadata": "64:ff9b::169.254.169.254",
    "NAT64 to private": "64:ff9b::10.0.0.1",
    "NAT64, private prefix": "64:ff9b:1::8.8.8.8",
    "discard": "100::1",
    "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "ORCHID": "2001:20::1",
    "documentation in IPv6": "2001:db8::1",
    "documentation in IPv6, new": "3fff::1",
    "6to4": "2002:7f00:1::1",
    "6to4 to a public one": "2002:808:808::1",
    "segment routing": "5f00::1",
    "unique local": "fc00::1",
    "Amazon's metadata": "fd00:ec2::254",
    "link-local in IPv6": "fe80::1",
    "link-local with its zone": "fe80::1%eth0",
    "site-local": "fec0::1",
    "multicast in IPv6": "ff02::1",
    "never given out": "4000::1",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_a_host_on_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))
    assert ANYWHERE.lets("host.example", address, 25)


@pytest.mark.parametrize("address", NOT_A_PUBLIC_ONE.values(), ids=NOT_A_PUBLIC_ONE.keys())
def test_everything_else_is_not(address: str) -> None:
    assert not is_public(ip_address(address))
    assert not ANYWHERE.lets("host.example", address, 25)


@given(st.ip_addresses(v=4))
def test_an_address_in_other_clothes_is_judged_as_itself(address: IPv4Address) -> None:
    mapped = IPv6Address(f"::ffff:{address}")
    behind_nat = IPv6Address(f"64:ff9b::{address}")
    assert is_public(address) == is_public(mapped) == is_public(behind_nat)


@given(st.ip_addresses())
def test_what_python_calls_not_global_is_never_public(address: IPv4Address | IPv6Address) -> None:
    if is_public(address) and address not in ip_network("64:ff9b::/96"):
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize("network", NOT_PUBLIC, ids=str)
def test_a_network_is_closed_from_its_first_address_to_its_last(network: object) -> None:
    assert isinstance(network, type(ip_network("0.0.0.0/0")) | type(ip_network("::/0")))
    assert not is_public(network[0])
    assert not is_public(network[-1])


@pytest.mark.parametrize(
    "text", ["", "0x7f.1", "127.1", "2130706433", "0177.0.0.1", "host.example", "8.8.8.8\n", "[::1]"]
)
def test_what_is_no_address_is_not_let_through(text: str) -> None:
    assert not ANYWHERE.lets("host.example", text, 25)


def test_an_allowed_network_is_let_through_however_it_is_written() -> None:
    borders = Borders.of([ip_network("10.1.0.0/16"), ip_network("fd00::/8")])
    assert borders.lets("files", "10.1.2.3", 9000)
    assert borders.lets("files", "::ffff:10.1.2.3", 9000)
    assert borders.lets("files", "64:ff9b::10.1.2.3", 9000)
    assert borders.lets("files", "fd00::1", 9000)
    assert not borders.lets("files", "10.2.0.1", 9000)


def test_an_allowed_host_is_let_through_wherever_it_leads() -> None:
    borders = Borders.of(["Files.Internal."])
    assert borders.lets("files.internal", "10.1.2.3", 9000)
    assert borders.lets("FILES.INTERNAL.", "127.0.0.1", 9000)
    assert not borders.lets("other.internal", "10.1.2.3", 9000)
    assert not borders.lets("files.internal.evil.example", "10.1.2.3", 9000)


def test_public_addresses_are_let_through_at_the_ports_in_force() -> None:
    borders = Borders.of([ip_network("10.0.0.0/8")], ports=WEB_PORTS)
    assert {port for port in range(65536) if borders.lets("host.example", "8.8.8.8", port)} == {80, 443, 8080, 8443}
    assert borders.lets("host.example", "10.0.0.1", 22)


def test_the_whole_internet_may_be_allowed_by_hand() -> None:
    borders = Borders.of([ip_network("0.0.0.0/0"), ip_network("::/0")])
    assert all(borders.lets("host.example", address, 1) for address in NOT_A_PUBLIC_ONE.values())
