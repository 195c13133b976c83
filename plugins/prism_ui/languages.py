"""Speaks the reader's language: messages by gettext, numbers and dates by the locale."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from babel import Locale, dates, negotiate_locale, numbers
from babel.support import NullTranslations
from fastapi import Request

from factorprism.core.translations import load_translations

LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文"}
COOKIE = "prism_lang"
FOLDER = Path(__file__).parent / "translations"
_MISSING = "–"


@dataclass(frozen=True)
class Language:
    """One language: `gettext` for messages, the rest for numbers (fractions, not per cents)."""

    code: str
    locale: Locale
    translations: NullTranslations

    @property
    def gettext(self) -> Callable[[str], str]:
        return self.translations.ugettext

    @property
    def ngettext(self) -> Callable[[str, str, int], str]:
        return self.translations.ungettext

    def percent(self, value: float | None, digits: int = 1, *, signed: bool = False) -> str:
        """Write the fraction `value` in per cent; a dash for None and NaN."""
        return self._write(value, digits, "%", signed)

    def number(self, value: float | None, digits: int = 0, *, signed: bool = False) -> str:
        """Write `value` with `digits` decimals; a dash for None and NaN."""
        return self._write(value, digits, "", signed)

    def _write(self, value: float | None, digits: int, unit: str, signed: bool) -> str:
        if value is None or not math.isfinite(value):
            return _MISSING
        shape = "#,##0" + ("." + "0" * digits if digits else "") + unit
        pattern = f"+{shape};-{shape}" if signed else shape
        return numbers.format_decimal(value, pattern, self.locale).replace("-", "\N{MINUS SIGN}")

    def day(self, value: date | None, shape: str = "medium") -> str:
        """Write a session: ``medium`` is a date, ``full`` names the weekday too."""
        return _MISSING if value is None else dates.format_date(value, shape, self.locale)

    def moment(self, value: datetime | None) -> str:
        """Write a naive UTC moment, to the minute."""
        if value is None:
            return _MISSING
        return f"{dates.format_date(value, 'medium', self.locale)} {value:%H:%M} UTC"


@lru_cache
def load_languages() -> Mapping[str, Language]:
    """Read every catalogue once; English needs none, since the messages are English."""
    return {
        code: Language(code, Locale.parse(code), load_translations(FOLDER, code))
        for code in LANGUAGES
    }


def language_of(request: Request) -> Language:
    """Return the language of ``?lang=``, else of the cookie, else of the browser."""
    known = load_languages()
    for wanted in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if wanted in known:
            return known[wanted]
    accepted = [
        part.split(";")[0].strip().replace("-", "_")
        for part in request.headers.get("accept-language", "").split(",")
    ]
    return known[negotiate_locale(accepted, list(known)) or "en"]
