"""Asks the vendor through its own client, and lets its token into nothing that is raised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pandas as pd
import requests

from factorprism.core.errors import ConfigurationError, MalformedResponse, SourceError

if TYPE_CHECKING:
    from factorprism.sources._client import InspectedApi

HIDDEN = "[token]"


@dataclass(frozen=True)
class Page:
    """One answer as the client gives it; `has_more` says that the vendor cut it short."""

    frame: pd.DataFrame
    has_more: bool


class Vendor:
    """Asks tushare; `token` is in the request's body alone, and in nothing that is raised.

    Not safe to share between threads: all calls go over one connection.
    """

    def __init__(self, token: str, url: str, timeout_seconds: float) -> None:
        require_safe_address(url)
        self._token = token
        self._url = url.rstrip("/")
        self._timeout_seconds = timeout_seconds

    def __repr__(self) -> str:
        return f"Vendor({self._url!r})"

    def ask(self, api_name: str, params: Mapping[str, str], fields: tuple[str, ...]) -> Page:
        """Return the answer of one call; raises the `SourceError` that fits anything else.

        A fresh error is raised, without cause or context: the frames and the request objects
        that the original one holds on to carry the token.
        """
        client = self._client
        failure: SourceError
        try:
            frame = client.query(api_name, fields=",".join(fields), **params)
        except SourceError as exc:
            failure = exc.with_traceback(None)
        except requests.RequestException as exc:
            failure = self._unreachable(exc)
        except Exception as exc:
            failure = MalformedResponse(f"the client cannot read the answer: {type(exc).__name__}")
        else:
            return self._checked(Page(frame, frame.attrs.pop("has_more")), fields)
        failure.message = failure.message.replace(self._token, HIDDEN)
        failure.args = (failure.message,)
        failure.__context__ = None
        raise failure

    @cached_property
    def _client(self) -> InspectedApi:
        from factorprism.sources._client import InspectedApi  # half a second

        return InspectedApi(self._token, self._url, self._timeout_seconds)

    def _checked(self, page: Page, fields: tuple[str, ...]) -> Page:
        absent = [name for name in fields if name not in page.frame]
        if absent:
            raise MalformedResponse(f"the vendor's answer lacks the columns {', '.join(absent)}")
        return page

    def _unreachable(self, error: requests.RequestException) -> SourceError:
        host = urlsplit(self._url).netloc.rpartition("@")[2]
        if isinstance(error, requests.Timeout):
            what = f"did not answer within {self._timeout_seconds:g} s"
        elif isinstance(error, requests.exceptions.SSLError):
            what = "has no certificate that can be verified"
        elif isinstance(error, requests.exceptions.ProxyError):
            what = "cannot be reached through the proxy"
        else:
            what = f"refused or cut the connection ({type(error).__name__})"
        return SourceError(
            f"{host} {what}", remedy="Check the network and FACTORPRISM_TUSHARE_URL."
        )


def require_safe_address(url: str) -> None:
    """Raise `ConfigurationError` unless `url` is https, or http to this very machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
        return
    shown = f"{parts.scheme}://{host}" if host else "no web address"
    raise ConfigurationError(
        f"FACTORPRISM_TUSHARE_URL is {shown}, which would send the token in clear text",
        remedy="It must begin with https:// (http:// is allowed for this machine alone).",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
