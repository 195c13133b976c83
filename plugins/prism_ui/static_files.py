"""The style sheet, the script and the chart library: read once, addressed by their content."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    "": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class StaticFile:
    """One file as it is sent; `version` follows from its content."""

    kind: str
    version: str
    body: bytes
    zipped: bytes


@lru_cache
def load_static_files() -> dict[str, StaticFile]:
    """Return the files by their path below the folder; no other path can be asked for."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file() and path.suffix in KINDS:
            body = path.read_bytes()
            found[path.relative_to(FOLDER).as_posix()] = StaticFile(
                KINDS[path.suffix],
                hashlib.sha256(body).hexdigest()[:12],
                body,
                gzip.compress(body, 9, mtime=0),
            )
    return found


def static_address(path: str) -> str:
    """Return the address of the file at `path`, relative to a page."""
    return f"static/{path}?v={load_static_files()[path].version}"
