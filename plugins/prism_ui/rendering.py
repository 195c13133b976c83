"""Turns a template and what it shows into HTML, in one language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from factorprism.core.publication import punctuality_of, split_delay
from factorprism.targets.headline import read_headline
from prism_ui.languages import LANGUAGES, Language
from prism_ui.navigation import PAGES
from prism_ui.static_files import static_address

FOLDER = Path(__file__).parent / "templates"


@lru_cache
def environment_of(language: Language) -> Environment:
    """Return the environment of `language`: everything escaped, nothing undefined let through."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        language.gettext, language.ngettext, newstyle=True
    )
    environment.globals.update(
        pages=PAGES, languages=LANGUAGES, language=language, static=static_address
    )
    environment.filters.update(
        percent=language.percent,
        number=language.number,
        day=language.day,
        moment=language.moment,
        punctuality=punctuality_of,
        hours_minutes=split_delay,
        headline=read_headline,
    )
    return environment


def render(template: str, language: Language, context: Mapping[str, Any]) -> str:
    """Return the HTML of `template` (a file of ``templates``)."""
    return environment_of(language).get_template(template).render(context)
