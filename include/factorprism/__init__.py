"""Index factors as images, read by a network every trading evening, kept in an honest ledger."""

__version__ = "0.1.0"
