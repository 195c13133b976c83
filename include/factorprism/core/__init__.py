"""What every room shares: settings, universes, signals, calendars, records, ports and errors."""
