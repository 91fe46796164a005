"""The client's IP address."""

from ipaddress import ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The client's address; X-Forwarded-For counts as far as proxies of TRUSTED_PROXIES wrote it.

    Read from the right: the last entry that is not a trusted proxy is the client; entries that the client
    sent are ignored.
    """
    address = request.META.get("REMOTE_ADDR", "")
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    while within(address, settings.TRUSTED_PROXIES) and forwarded and forwarded[-1].strip():
        address = forwarded.pop().strip()
    return address


def within(address: str, networks: list[str]) -> bool:
    """Whether an address lies in any of the networks; a missing or invalid address lies in none."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in ip_network(network, strict=False) for network in networks)
