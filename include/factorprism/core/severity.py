"""How much a finding or an alert matters, gravest first; stored by these words."""

from __future__ import annotations

CRITICAL, WARNING, INFO = "critical", "warning", "info"
SEVERITIES = (CRITICAL, WARNING, INFO)
