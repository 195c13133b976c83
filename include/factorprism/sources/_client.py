"""The vendor's client, asking over a kept connection and refusing whatever is not an answer.

Imported at the first call: the vendor's package takes half a second.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import requests
from tushare.pro.client import DataApi

from factorprism.sources._answers import inspect_answer


class InspectedApi(DataApi):  # type: ignore[misc]  # the vendor's package has no types
    """The vendor's client, asking at `url` and inspecting each answer.

    The vendor's `query` cannot be given another address, turns HTTP errors into an empty frame,
    loses the code of a refusal and never reads ``has_more``. Not safe to share between threads:
    all calls go over one connection.
    """

    def __init__(self, token: str, url: str, timeout_seconds: float) -> None:
        super().__init__(token, timeout=timeout_seconds)
        self._token = token
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._session = requests.Session()

    def query(self, api_name: str, fields: str = "", **params: Any) -> pd.DataFrame:
        """Return the rows of one call; ``frame.attrs`` has ``has_more``, the vendor's word.

        `fields` are names, by commas. Raises the `SourceError` that fits a refusal, an error of
        `requests` where no answer comes, and ``ValueError`` for rows that do not fit the fields.
        """
        response = self._session.post(
            f"{self._url}/{api_name}",
            json={
                "api_name": api_name,
                "token": self._token,
                "params": {"ts_type_name": self._url, **params},
                "fields": fields,
            },
            timeout=self._timeout_seconds,
            allow_redirects=False,  # a redirect would carry the token to another address
        )
        response.encoding = "utf-8"  # otherwise the text's encoding is guessed, slowly
        data = inspect_answer(response)
        frame = pd.DataFrame(data["items"], columns=data["fields"])
        frame.attrs["has_more"] = bool(data.get("has_more", False))
        return frame
