"""The default signal of the tests, by the names of its DAGs."""

from __future__ import annotations

SIGNAL = "hs300-direction-14"
DAILY, WEEKLY = f"daily-{SIGNAL}", f"weekly-{SIGNAL}"
