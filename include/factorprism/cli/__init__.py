"""The command line: the same pipelines as in Airflow, and the embedded services.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 withheld or gate failed.
"""

from factorprism.cli.main import main

__all__ = ["main"]
