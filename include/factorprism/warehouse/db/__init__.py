"""The plumbing of the warehouse: connection, locks, bulk, migrations, roles, backups."""
