"""Which addresses may be connected to: none of a private network, unless it is allowed."""

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.ip_network("::/96")


class ForbiddenAddress(OSError):  # noqa: N818  (what is wrong, as in the errors of `socket`)
    """A host has an address that may not be connected to."""


class AddressGuard:
    """Judges the addresses that a name lookup found, so that no spelling of one gets around it.

    Refused is what does not lead into the public internet: loopback, private networks, link-local
    addresses (a cloud's metadata service), shared and reserved ones, multicast, and the IPv6 forms
    that carry such an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo).

    Args:
        allowed: Networks that may be connected to all the same, such as "192.168.1.0/24".

    Raises:
        ValueError: One of `allowed` is not a network.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed: tuple[Network, ...] = tuple(map(ipaddress.ip_network, allowed))

    def check(self, addresses: Iterable[str]) -> None:
        """Refuse a host if any of its addresses is not allowed.

        Raises:
            ForbiddenAddress: One is private; the text holds neither the name nor the address.
        """
        for text in addresses:
            if not self.allows(text):
                raise ForbiddenAddress("an address of a private network")

    def allows(self, text: str) -> bool:
        """Whether an address, as `socket.getaddrinfo` writes it, may be connected to."""
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return False
        if any(address in network for network in self._allowed):
            return True
        inner = _carried(address)
        if inner is not None:
            return self.allows(str(inner))
        if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
            return False
        return address.is_global and not (
            address.is_multicast or address.is_reserved or address.is_unspecified
        )


def _carried(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for; None when it stands for none."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return None
