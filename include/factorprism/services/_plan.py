"""What a keeper keeps up, what has become of it, and which keeper is in charge: the JSON between a
service and the parent of its processes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from factorprism.core.files import PRIVATE, write_atomic
from factorprism.services._files import read_stripped


@dataclass(frozen=True)
class Plan:
    """The processes of one service.

    ``components`` are commands by the names of their logs in the folder ``logs``; ``title`` says
    whose they are in a sentence. ``ports`` names the loopback port of each that listens on one.
    ``server_home`` is the home whose PostgreSQL is kept up too and comes first, empty for none.
    ``report`` is the command by which an operator is notified, with the further words ``raise
    SENTENCE`` or ``resolve``; nobody is notified where it is empty.
    """

    title: str
    components: Mapping[str, Sequence[str]]
    logs: str
    server_home: str = ""
    report: Sequence[str] = ()
    ports: Mapping[str, int] = field(default_factory=dict)

    def encode(self) -> str:
        """Return the plan as one line."""
        return json.dumps(asdict(self))


def recorded_keeper(record: Path) -> int:
    """Return the process id of the keeper that `record` names, 0 for none."""
    return int(json.loads(read_stripped(record) or "{}").get("keeper", 0))


@dataclass(frozen=True)
class ComponentState:
    """What has become of one component: its process, 0 for none just now, and how often it ended.

    ``last`` says how it ended the last time; ``waits_for`` is the port that another program holds,
    0 for none.
    """

    pid: int = 0
    ends: int = 0
    last: str = ""
    waits_for: int = 0


@dataclass(frozen=True)
class Roster:
    """What the keeper remembers of its components, in the file `path`."""

    path: Path
    kept: dict[str, ComponentState] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Roster:
        """Return what stands in `path`, nothing where there is no such file."""
        held = json.loads(read_stripped(path) or "{}")
        return cls(path, {name: ComponentState(**values) for name, values in held.items()})

    def save(self) -> None:
        written = {name: asdict(kept) for name, kept in self.kept.items()}
        write_atomic(self.path, json.dumps(written) + "\n", mode=PRIVATE)
