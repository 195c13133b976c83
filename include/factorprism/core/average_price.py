"""What a day's amount over its volume may be: by it the units of both are proved.

A source proves a file's units by it, and the gate what is merged, by the same limits.
"""

from __future__ import annotations

# CNY a share over an index's constituents.
AVERAGE_PRICE_RANGE = (1.5, 300.0)
# How far outside the day's low and high, of these: an amount and a volume are rounded.
AVERAGE_PRICE_TOLERANCE = 0.005
