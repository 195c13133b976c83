"""The steps that bring a database to the newest schema; they only ever go forward."""

# The newest of `versions`; kept here so that an up-to-date database is known without Alembic.
HEAD = "0009"
