"""The vendor's own client, with every answer inspected before it becomes a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from types import FunctionType, MethodType
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import requests

from factorprism.core.errors import ConfigurationError, MalformedResponse, SourceError
from factorprism.sources._answers import inspect_answer

HIDDEN = "[token]"


@dataclass(frozen=True)
class Page:
    """One answer as the client gives it; `has_more` says that the vendor cut it short."""

    frame: pd.DataFrame
    has_more: bool


class Vendor:
    """Asks tushare; `token` is in the request's body alone, and in nothing that is raised.

    Not safe to share between threads: the client's transport remembers the last answer.
    """

    def __init__(self, token: str, url: str, timeout_seconds: float) -> None:
        require_safe_address(url)
        self._token = token
        self._url = url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._transport = _Transport()
        self._query: Callable[..., pd.DataFrame] | None = None

    def __repr__(self) -> str:
        return f"Vendor({self._url!r})"

    def ask(self, api_name: str, params: Mapping[str, str], fields: tuple[str, ...]) -> Page:
        """Return the answer of one call; raises the `SourceError` that fits anything else.

        A fresh error is raised, without cause or context: the frames and the request objects
        that the original one holds on to carry the token.
        """
        query = self._query = self._query or self._open()
        failure: SourceError
        try:
            frame = query(api_name, fields=",".join(fields), **params)
        except SourceError as exc:
            failure = exc.with_traceback(None)
        except requests.RequestException as exc:
            failure = self._unreachable(exc)
        except Exception as exc:
            failure = MalformedResponse(f"the client cannot read the answer: {type(exc).__name__}")
        else:
            return self._checked(Page(frame, self._transport.has_more), fields)
        failure.message = failure.message.replace(self._token, HIDDEN)
        failure.args = (failure.message,)
        failure.__context__ = None
        raise failure

    def _open(self) -> Callable[..., pd.DataFrame]:
        import tushare  # half a second, so not before the first call

        client = tushare.pro_api(self._token, timeout=self._timeout_seconds)
        # The default address is plain http; the client has no public way to change it.
        client._DataApi__http_url = self._url
        vendor_query = type(client).query
        # The vendor's code as it is, except that its name `requests` means our transport. Status,
        # code and has_more are not to be had otherwise, and nothing outside this object changes.
        query = FunctionType(
            vendor_query.__code__,
            {**vendor_query.__globals__, "requests": self._transport},
            vendor_query.__name__,
            vendor_query.__defaults__,
        )
        return MethodType(query, client)

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


class _Transport:
    """Stands where the client looks for `requests`: one kept connection, answers inspected."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self.has_more = False

    def post(self, url: str, json: Any, timeout: float) -> requests.Response:
        # A redirect would carry the token to another address.
        response = self._session.post(url, json=json, timeout=timeout, allow_redirects=False)
        response.encoding = "utf-8"  # otherwise the client's .text guesses, slowly
        self.has_more = inspect_answer(response)
        return response


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
