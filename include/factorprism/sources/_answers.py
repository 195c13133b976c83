"""Tells a good answer of the vendor from a bad one, before either becomes a frame."""

from __future__ import annotations

import re
from typing import Any

import requests

from factorprism.core.errors import AccessDenied, MalformedResponse, SourceError, Throttled

# The message decides, and the rate comes first: code 40203 stands for both a full minute and a
# missing permission, and the throttling message itself speaks of permissions.
THROTTLE_SECONDS = {"分钟": 60.0, "小时": 3600.0, "天": 86400.0}
THROTTLED = re.compile(r"每(分钟|小时|天)最多访问")
NO_PERMISSION = re.compile(r"没有.{0,40}权限|没有接口|积分不足")
NO_PERMISSION_CODES = {2002}
WRONG_TOKEN = re.compile(r"token\s*(不对|无效|失效|过期|错误)", re.IGNORECASE)
WRONG_TOKEN_CODES = {40101}
MESSAGE_LENGTH = 200

TOKEN_REMEDY = "Set TUSHARE_TOKEN to the token of your tushare.pro account."


class RequestRefused(MalformedResponse):
    """The address does not speak the vendor's protocol; asking again can never pass."""


def inspect_answer(response: requests.Response) -> dict[str, Any]:
    """Return the answer's data: lists ``fields`` and ``items``, and perhaps ``has_more``.

    Raises the `SourceError` that fits anything else.
    """
    _inspect_status(response)
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or "code" not in answer:
        kind = response.headers.get("Content-Type", "no content type").split(";")[0]
        raise MalformedResponse(f"the vendor answered with something other than data ({kind})")
    if answer["code"] != 0:
        raise classify_refusal(answer["code"], str(answer.get("msg") or ""))
    return _inspect_data(answer.get("data"))


def classify_refusal(code: Any, message: str) -> SourceError:
    """Return the error that the vendor's `code` and `message` mean."""
    said = f"the vendor says ({code}): {message[:MESSAGE_LENGTH]}"
    if found := THROTTLED.search(message):
        return Throttled(
            f"too many calls; {said}",
            retry_after=THROTTLE_SECONDS[found.group(1)],
            remedy="Lower FACTORPRISM_TUSHARE_CALLS_PER_MINUTE to your account's limit.",
        )
    if code in WRONG_TOKEN_CODES or WRONG_TOKEN.search(message):
        return AccessDenied(f"the tushare token is wrong; {said}", remedy=TOKEN_REMEDY)
    if code in NO_PERMISSION_CODES or NO_PERMISSION.search(message):
        return AccessDenied(
            f"this tushare account may not use the endpoint; {said}",
            remedy="See tushare.pro for the points that the endpoint asks for.",
        )
    return SourceError(f"the vendor refused the call; {said}")


def _inspect_status(response: requests.Response) -> None:
    status = response.status_code
    if status == 200:
        return
    said = f"the vendor answered HTTP {status}"
    if status >= 500 or status == 408:
        raise SourceError(said, remedy="The vendor is in trouble; try again later.")
    if status == 429:
        raise Throttled(said, retry_after=_read_retry_after(response))
    if status in (401, 403, 407):
        raise AccessDenied(said, remedy=TOKEN_REMEDY)
    raise RequestRefused(said, remedy="Check FACTORPRISM_TUSHARE_URL.")


def _read_retry_after(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else THROTTLE_SECONDS["分钟"]


def _inspect_data(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise MalformedResponse("the vendor answered without data")
    if not isinstance(data.get("fields"), list) or not isinstance(data.get("items"), list):
        raise MalformedResponse("the vendor's data have no fields or no items")
    return data
