"""Which addresses a message may be sent to: an endpoint must not give access to the bank's network."""

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext_noop

from kyc_review.core.errors import DomainError
from kyc_review.core.stored_texts import shown, stored

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# They carry an IPv4 address that a gateway would reach: RFC 6052 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo).
NAT64 = ipaddress.ip_network("64:ff9b::/96")
TUNNELS = [ipaddress.ip_network(net) for net in ("64:ff9b:1::/48", "2002::/16", "2001::/32")]
# For special purposes or of no use (RFC 6890, 7526, 9637), and public to some versions of Python; and the address at
# which Azure answers its own machines, which is of a public range.
SPECIAL = [
    ipaddress.ip_network(net) for net in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "168.63.129.16/32")
]
SITE_LOCAL = ipaddress.ip_network("fec0::/10")  # RFC 3879: deprecated, and routed in some old networks
# Names of one's own machine or network by RFC 6761, 6762 and 8375, and by use: no public host is found under them.
LOCAL_DOMAINS = ("localhost", "localdomain", "local", "internal", "intranet", "home.arpa")
URL_MAX_CHARS = 500
LABEL_MAX_CHARS, NAME_MAX_CHARS = 63, 253  # RFC 1035

# Refusals; attempts of deliveries keep them.
TOO_LONG = stored(gettext_noop("Send a URL of at most %(most)s ASCII characters without spaces."))
NO_URL = stored(gettext_noop("This is not a URL."))
NO_HOST = stored(gettext_noop("The URL names no host."))
NAME_TOO_LONG = stored(
    gettext_noop("The host name has an empty part, a part over %(part)s characters, or is over %(name)s.")
)
HAS_USER = stored(gettext_noop("The URL must not contain a user name or password."))
HAS_FRAGMENT = stored(gettext_noop("The URL must not contain a fragment."))
NOT_HTTPS = stored(gettext_noop("The URL must begin with https://."))
LOCAL_NAME = stored(
    gettext_noop(
        "%(host)s names a host of your own network or machine, not of the public internet. Where that is meant, the "
        "operator adds it to WEBHOOK_ALLOWED_HOSTS."
    )
)
NOT_PUBLIC = stored(gettext_noop("%(address)s is not an address of the public internet."))


class AddressRefused(DomainError):
    """The address may not be used; the text says why, to the integrator."""

    code = "url_refused"
    status = 422
    pointer = "#/url"


def url_check(url: str) -> SplitResult:
    """The parts of an acceptable URL. Raises AddressRefused. Resolves nothing: that is done at each attempt."""
    if len(url) > URL_MAX_CHARS or not url.isascii() or any(c.isspace() or ord(c) < 33 for c in url):
        raise AddressRefused(shown(TOO_LONG % {"most": URL_MAX_CHARS}))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused(shown(NO_URL)) from None
    if not parts.hostname or port == 0:
        raise AddressRefused(shown(NO_HOST))
    if not _is_name(parts.hostname):
        raise AddressRefused(shown(NAME_TOO_LONG % {"part": LABEL_MAX_CHARS, "name": NAME_MAX_CHARS}))
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(shown(HAS_USER))
    if parts.fragment:
        raise AddressRefused(shown(HAS_FRAGMENT))
    if parts.scheme != "https" and not (parts.scheme == "http" and is_allowed(parts.hostname)):
        raise AddressRefused(shown(NOT_HTTPS))
    if not is_allowed(parts.hostname):
        _public_check(parts.hostname)
    return parts


def _is_name(host: str) -> bool:
    """Whether resolvers take the lengths of the name and of its parts; one final dot is allowed."""
    name = host.removesuffix(".")
    return len(name) <= NAME_MAX_CHARS and all(0 < len(label) <= LABEL_MAX_CHARS for label in name.split("."))


def _public_check(host: str) -> None:
    """Raises AddressRefused for an address, or a name, that cannot be of the public internet."""
    literal = _literal(host)
    if literal is not None:
        address_check(literal)
        return
    name = host.lower().rstrip(".")
    if "." not in name or any(name == local or name.endswith(f".{local}") for local in LOCAL_DOMAINS):
        raise AddressRefused(shown(LOCAL_NAME % {"host": host}))


def is_allowed(host: str) -> bool:
    """Whether the bank has named this host as one that may be private, and may do without TLS."""
    return host.lower().rstrip(".") in settings.WEBHOOK_ALLOWED_HOSTS


def address_check(address: Address) -> None:
    """Raises AddressRefused for everything that is not a host of the public internet."""
    inner = address
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            inner = address.ipv4_mapped
        elif address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    # Networks of the other version never contain it.
    is_special = any(inner in net for net in [*TUNNELS, *SPECIAL, SITE_LOCAL])
    if is_special or inner.is_multicast or inner.is_reserved or not inner.is_global:
        raise AddressRefused(shown(NOT_PUBLIC % {"address": address}))


def resolve(host: str, port: int) -> list[Address]:
    """Every address of the host, each one checked. Raises AddressRefused when one is not public, OSError when the
    host has none: a single non-public address among public ones is a DNS-rebinding attack."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found = list(dict.fromkeys(ipaddress.ip_address(str(sockaddr[0])) for *_, sockaddr in answers))
    if not is_allowed(host):
        for address in found:
            address_check(address)
    return found


def _literal(host: str) -> Address | None:
    """The address that the host is, in any notation that a resolver takes (127.1, 0x7f000001, 2130706433)."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
