"""Where the outside world may be reached: names are looked up once, checked, and that very address is connected to.

Rules (OWASP SSRF prevention; Standard Webhooks, "Security considerations")
- Every address of a name must be public (RFC 6890 "globally reachable"): one that is not refuses the name. An IPv4
  address inside an IPv6 one counts as what is inside. What cannot be looked up or understood is refused.
- The connection goes to the address that was checked: a name that answers otherwise the second time changes nothing.
- Our own network is reached where a setting says so, and nowhere else.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], Sequence[str]]

HIDDEN = tuple(  # in the registries of special addresses (RFC 6890), and taken for global by older Pythons
    ipaddress.ip_network(one) for one in ("192.0.0.0/24", "192.88.99.0/24", "fec0::/10", "3fff::/20", "5f00::/16")
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")


class Unreachable(OSError):
    """An address that must not be reached, or a name without one; says which."""


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a name, as the system gives them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def allowed(host: str, port: int, *, private: bool = False, lookup: Lookup = look_up) -> list[str]:
    """Return the addresses of `host` that may be connected to; Unreachable when one of them may not."""
    try:
        found = list(lookup(host, port))
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"{host[:80]} has no address: {error}") from None
    if not found:
        raise Unreachable(f"{host[:80]} has no address")
    if not private and (hidden := next((one for one in found if not public(one)), None)):
        raise Unreachable(f"{host[:80]} leads into a private network ({hidden}); `private: true` allows that")
    return found


def public(address: str) -> bool:
    """Return whether an address is one of the internet's, whatever it is wrapped in."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _inside(found)
    return _global(found) and (inner is None or _global(inner))


def _global(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not any(address in one for one in HIDDEN)


def _inside(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 one carries: mapped, 6to4, Teredo, NAT64 (RFC 4291, 3056, 4380, 6052)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in NAT64 or address in NAT64_LOCAL:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def connect(host: str, port: int, timeout: float, *, private: bool = False) -> socket.socket:
    """Return a connection to the first allowed address that answers."""
    trouble: OSError | None = None
    for address in allowed(host, port, private=private):
        try:
            return socket.create_connection((address, port), timeout)
        except OSError as error:
            trouble = error
    raise trouble or Unreachable(f"{host[:80]} does not answer")


def connection(scheme: str, host: str, port: int, timeout: float, *, private: bool) -> http.client.HTTPConnection:
    """Return a connection that goes where `connect` goes; over TLS it still asks for the certificate of `host`."""
    if scheme == "https":
        secure = http.client.HTTPSConnection(host, port, timeout=timeout, context=ssl.create_default_context())
        secure._create_connection = _pinned(private=private)  # type: ignore[attr-defined]  # noqa: SLF001
        return secure
    plain = http.client.HTTPConnection(host, port, timeout=timeout)
    plain._create_connection = _pinned(private=private)  # type: ignore[attr-defined]  # noqa: SLF001
    return plain


def _pinned(*, private: bool) -> Callable[..., socket.socket]:
    def create(address: tuple[str, int], timeout: float, *_: object) -> socket.socket:
        return connect(address[0], address[1], timeout, private=private)

    return create
