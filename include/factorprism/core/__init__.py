"""What every room shares: calendar, configuration, frame schemas, ports and errors."""
