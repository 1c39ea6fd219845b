"""Addresses of peers, so written that the same address is always the same text.

A socket with IPV6 shows a peer of IPv4 as ``::ffff:192.0.2.1``; whoever denies 192.0.2.1 means that one, too.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

__all__ = ["canonical", "spellings"]


def canonical(address: str) -> str:
    """An address in its one form; what is no IP address stays as it is.

    Parameters
    ----------
    address : str
        As libzmq or somebody else wrote it.  The zone of an IPv6 address (``%eth0``) is kept.
    """
    host, percent, zone = address.partition("%")
    try:
        found = ip_address(host)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{found}{percent}{zone}"


def spellings(address: str) -> frozenset[str]:
    """What a rule for this peer may be called: its address, with and without the zone."""
    found = canonical(address)
    return frozenset({found, found.partition("%")[0]})
