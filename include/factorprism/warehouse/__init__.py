"""Where every stage keeps and finds its rows: PostgreSQL, behind the ports of the core."""

from factorprism.warehouse._calendar import read_trading_days
from factorprism.warehouse._postgres import PostgresWarehouse

__all__ = ["PostgresWarehouse", "read_trading_days"]
