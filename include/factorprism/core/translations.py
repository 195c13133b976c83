"""Messages in a reader's language: English in the code, other languages in gettext catalogues."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel.support import NullTranslations


@lru_cache
def load_translations(folder: Path, language: str) -> NullTranslations:
    """Return all catalogues of `language` below `folder` (``zh/LC_MESSAGES/*.po``) as one.

    A language without catalogues has the messages as they stand in the code. Read once a process.
    """
    # Imported here: they take a tenth of a second, and few processes write a message.
    from babel.messages.catalog import Catalog
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po
    from babel.support import Translations

    merged, compiled = Catalog(locale=language), io.BytesIO()
    for path in sorted((folder / language / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language):
                if message.id and message.string:
                    merged[message.id] = message
    write_mo(compiled, merged)
    compiled.seek(0)
    return Translations(compiled)
