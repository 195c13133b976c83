"""Bytes into text: which encoding a file is in."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from charset_normalizer import from_bytes

from factorprism.sources.files._refusal import FileRefused

# A byte order mark decides. That of UTF-32 begins with that of UTF-16 and comes first.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with mark"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
# What files of other kinds begin with.
OTHER_KINDS = {
    b"PAR1": "Parquet",
    b"\x1f\x8b": "compressed",
}
# Where neither UTF-8 nor GB18030 fits, the library chooses among these.
OTHERS = ["big5", "cp1252", "cp1251", "cp1250", "shift_jis", "euc_kr"]
# ASCII text in UTF-16 has a NUL in every other byte, and in no other encoding of text any. A few
# Chinese characters have one in the other byte.
NUL_SHARE = 0.4
STRAY_NUL_SHARE = 0.1
REMEDY = "Save the file as UTF-8, or name its encoding in files.toml."


@dataclass(frozen=True)
class Text:
    """A file's characters, with line ends as ``\\n``, and the encoding they were in."""

    text: str
    encoding: str


def decode(data: bytes, encoding: str | None = None) -> Text:
    """Return the text of `data`; `encoding`, where it is known, is not questioned.

    Raises `FileRefused` for bytes that no encoding fits, and for NUL characters.
    """
    for begin, kind in OTHER_KINDS.items():
        if data.startswith(begin):
            raise FileRefused(f"the file is {kind} and no text", remedy="Save it as CSV.")
    found = _decode_as(data, encoding, encoding.upper()) if encoding else _detect(data)
    text = found.text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        line, character = _locate(text[: text.index("\0")])
        raise FileRefused(
            f"character {character} is a NUL byte, where text is expected",
            line=line,
            remedy="The file is damaged; fetch or export it again.",
        )
    return Text(text, found.encoding)


def _detect(data: bytes) -> Text:
    for mark, encoding, name in MARKS:
        if data.startswith(mark):
            return _decode_as(data, encoding, name)
    if wide := _detect_utf_16(data):
        return _decode_as(data, wide, "UTF-16 without mark")
    for encoding, name in (("utf-8", "UTF-8"), ("gb18030", "GB18030")):
        try:
            return Text(data.decode(encoding), name)
        except UnicodeDecodeError:
            continue
    best = from_bytes(data, cp_isolation=OTHERS).best()
    if best is None:
        raise _no_encoding(data)
    return _decode_as(data, best.encoding, best.encoding)


def _detect_utf_16(data: bytes) -> str | None:
    half = max(len(data) // 2, 1)
    shares = [data[offset::2].count(0) / half for offset in range(2)]
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if shares[offset] > NUL_SHARE and shares[1 - offset] < STRAY_NUL_SHARE:
            return encoding
    return None


def _decode_as(data: bytes, encoding: str, name: str) -> Text:
    try:
        return Text(data.decode(encoding), name)
    except UnicodeDecodeError as exc:
        line, character = _locate(data[: exc.start].decode(encoding, errors="ignore"))
        raise FileRefused(
            f"character {character}, byte 0x{data[exc.start]:02x}, is no {name}",
            line=line,
            remedy=REMEDY,
        ) from exc


def _no_encoding(data: bytes) -> FileRefused:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as exc:
        line, character = _locate(data[: exc.start].decode("utf-8"))
        return FileRefused(
            f"character {character}, byte 0x{data[exc.start]:02x}, is neither UTF-8 nor GB18030",
            line=line,
            remedy=REMEDY,
        )
    return FileRefused("the file is no text", remedy=REMEDY)


def _locate(before: str) -> tuple[int, int]:
    """Return line and character, both from 1, of what follows `before`."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")
