"""Where every stage keeps and finds its rows: PostgreSQL, behind the ports of the core."""

from factorprism.warehouse._backup import Backup, back_up, list_backups, restore
from factorprism.warehouse._calendar import read_trading_days
from factorprism.warehouse._postgres import PostgresWarehouse

__all__ = [
    "Backup",
    "PostgresWarehouse",
    "back_up",
    "list_backups",
    "read_trading_days",
    "restore",
]
