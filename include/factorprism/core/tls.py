"""The rule on TLS: a PostgreSQL on another machine is reached by TLS unless its URL declines."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import parse_qs, unquote, urlsplit

from factorprism.core.errors import ConfigurationError

ENCRYPTED = ("require", "verify-ca", "verify-full")
DECLINED = "disable"


def require_tls(url: str, name: str) -> None:
    """Refuse a PostgreSQL URL that leads to another machine and does not settle ``sslmode``.

    Local is a Unix socket, localhost, 127.0.0.0/8 and ::1; every other host is another machine.
    There the query must say ``sslmode=require``, ``verify-ca`` or ``verify-full``, or
    ``sslmode=disable``. libpq's own default encrypts only where the server offers it.
    Raises `ConfigurationError` that calls the URL by `name` and never quotes it.
    """
    if url.partition(":")[0].partition("+")[0] not in ("postgresql", "postgres"):
        return
    modes = set(parse_qs(urlsplit(url).query).get("sslmode", ()))
    remote = next((host for host in _hosts(url) if not _is_local(host)), "")
    if not remote or (modes and modes <= {*ENCRYPTED, DECLINED}):
        return
    raise ConfigurationError(
        f"{name} leads to another machine, {remote}, and does not say whether by TLS",
        remedy=f"Add sslmode={ENCRYPTED[0]} (or {ENCRYPTED[-1]}) to its query, "
        f"as in ...:5432/prism?sslmode={ENCRYPTED[0]}; or sslmode={DECLINED} to go without.",
    )


def _hosts(url: str) -> Iterator[str]:
    """Yield every host that libpq might connect to; empty for its default, a Unix socket."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    hosts = [unquote(parts.netloc.rpartition("@")[2])]
    for host in (*hosts, *query.get("host", ()), *query.get("hostaddr", ())):
        yield from map(_without_port, host.split(","))


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host if host.startswith("/") or host.count(":") > 1 else host.partition(":")[0]


def _is_local(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
