"""One module a page, each with a `router`; `app.create_app` puts them together."""
