"""Where every stage keeps and finds its rows: PostgreSQL, one repository a family of tables."""

from factorprism.warehouse.calendar import CalendarRepository, read_trading_days
from factorprism.warehouse.db.backup import Backup, back_up, list_backups, restore
from factorprism.warehouse.findings import FindingRepository
from factorprism.warehouse.forecasts import list_values
from factorprism.warehouse.postgres import PostgresWarehouse

__all__ = [
    "Backup",
    "CalendarRepository",
    "FindingRepository",
    "PostgresWarehouse",
    "back_up",
    "list_backups",
    "list_values",
    "read_trading_days",
    "restore",
]
