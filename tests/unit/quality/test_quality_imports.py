"""What the gate costs a process: no library before the first check, no noise, no connection."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import logging, sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"{event} {arguments}")
sys.addaudithook(refuse)
logging.basicConfig(level=logging.INFO)
import factorprism.quality as quality
assert "great_expectations" not in sys.modules
import numpy as np
from factorprism.market.panels import FactorPanel
days = np.arange("2020-01-01", "2020-03-01", dtype="datetime64[D]")
panel = FactorPanel("000300.SH", days, ("A",), np.full((60, 1), np.nan, np.float32))
quality.check_factors([panel], {"A": (0.0, 1.0)}, 0.05)
"""


def test_the_library_is_imported_late_silently_and_asks_no_server():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
