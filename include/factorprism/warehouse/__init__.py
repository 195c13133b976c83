"""Where every stage keeps and finds its rows: PostgreSQL, behind the ports of the core."""

from factorprism.warehouse._overview import ForecastLine, JudgedForecasts, Record
from factorprism.warehouse._postgres import PostgresWarehouse

__all__ = ["ForecastLine", "JudgedForecasts", "PostgresWarehouse", "Record"]
