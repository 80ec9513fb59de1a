"""Whom we connect to: public addresses, and what an operator has allowed by hand.

Judged is the address that a connection really goes to, never the name or notation that led to it.
`ipaddress.is_global` is not enough: to it 168.63.129.16 is an address like any other, and an IPv6
address that leads to an IPv4 one is judged by its own prefix. So the rule is turned round for IPv6
(only 2000::/3 is given out as global unicast), and what is special is a table with its sources.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from errno import EACCES
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

NOT_ALLOWED = "not-allowed"
"""The reason that is told where a connection was refused by us."""


class NotAllowedError(PermissionError):
    """We do not connect there. A type of its own: the system's EACCES means a rule of somebody else's, perhaps for now."""

    def __init__(self) -> None:
        super().__init__(EACCES, "not allowed")


Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

WEB_PORTS = frozenset((80, 443, 8080, 8443))

NOT_PUBLIC: tuple[Network, ...] = tuple(
    map(
        ip_network,
        (
            # IANA IPv4 Special-Purpose Address Registry
            "0.0.0.0/8",  # this network (RFC 791, 3.2); Linux connects to itself
            "10.0.0.0/8",  # private (RFC 1918)
            "100.64.0.0/10",  # behind a carrier's NAT (RFC 6598); 100.100.100.200 is Alibaba's metadata
            "127.0.0.0/8",  # loopback (RFC 1122, 3.2.1.3)
            "169.254.0.0/16",  # link-local (RFC 3927); 169.254.169.254 is the clouds' metadata
            "172.16.0.0/12",  # private (RFC 1918)
            "192.0.0.0/24",  # protocol assignments (RFC 6890, 2.1); 192.0.0.192 is Oracle's metadata
            "192.0.2.0/24",  # documentation (RFC 5737)
            "192.88.99.0/24",  # relays of 6to4, deprecated (RFC 7526)
            "192.168.0.0/16",  # private (RFC 1918)
            "198.18.0.0/15",  # benchmarks (RFC 2544)
            "198.51.100.0/24",  # documentation (RFC 5737)
            "203.0.113.0/24",  # documentation (RFC 5737)
            "224.0.0.0/4",  # multicast (RFC 5771)
            "240.0.0.0/4",  # reserved (RFC 1112, 4), and broadcast
            "168.63.129.16/32",  # public by its number, but Azure's own to every virtual machine
            # IANA IPv6 Special-Purpose Address Registry, as far as it lies in 2000::/3
            "2001::/23",  # protocol assignments (RFC 2928), Teredo among them (RFC 4380)
            "2001:db8::/32",  # documentation (RFC 3849)
            "2002::/16",  # 6to4: leads to any IPv4 address (RFC 3056)
            "3fff::/20",  # documentation (RFC 9637)
        ),
    )
)

_GLOBAL_UNICAST = IPv6Network("2000::/3")  # RFC 4291, 2.4 and IANA's IPv6 Address Space
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052, 2.1; its neighbour 64:ff9b:1::/48 is for private use (RFC 8215)


@dataclass(frozen=True, slots=True)
class Borders:
    """What is let through: public addresses at these ports (None: at any), and these networks and hosts at any port."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    ports: frozenset[int] | None = None

    @classmethod
    def of(cls, allow: Iterable[Network | str], *, ports: frozenset[int] | None = None) -> "Borders":
        """From an operator's list of networks and host names."""
        allowed = tuple(allow)
        networks = tuple(item for item in allowed if not isinstance(item, str))
        return cls(networks, frozenset(plain_host(item) for item in allowed if isinstance(item, str)), ports)

    def lets(self, host: str, address: str, port: int) -> bool:
        """Whether a connection to this address may be made, of which that host was the name."""
        if plain_host(host) in self.hosts:
            return True
        parsed = _parsed(address)
        if parsed is None:
            return False
        if any(one in network for one in (parsed, _meant(parsed)) for network in self.networks):
            return True
        return is_public(parsed) and (self.ports is None or port in self.ports)


def plain_host(host: str) -> str:
    """As names are compared: case and the dot of the root mean nothing (RFC 1034, 3.1)."""
    return host.lower().rstrip(".")


def is_public(address: Address) -> bool:
    """Whether it is one host somewhere on the Internet."""
    meant = _meant(address)
    if isinstance(meant, IPv6Address) and meant not in _GLOBAL_UNICAST:
        return False
    return not any(meant in network for network in NOT_PUBLIC)


def _meant(address: Address) -> Address:
    """Where packets go in the end: an IPv4 address, if it is one in IPv6's clothes or behind the well-known NAT64."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address


def _parsed(address: str) -> Address | None:
    try:
        return ip_address(address)
    except ValueError:
        return None
