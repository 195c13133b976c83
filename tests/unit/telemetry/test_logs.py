"""Structured logs: one object a line with its session, pipeline and step, and no secret."""

from __future__ import annotations

import io
import json
import logging

import pytest

from factorprism.telemetry import bound, make_formatter, redact, secrets_of

ENVIRON = {"TUSHARE_TOKEN": "t0ken-of-the-vendor", "FACTORPRISM_ALERTS_URL": "json://u:p@h/x"}


@pytest.fixture
def logger():
    logger = logging.getLogger("factorprism.test_logs")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    yield logger
    logger.handlers.clear()
    logger.propagate = True


def listen(logger: logging.Logger, form: str) -> io.StringIO:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(make_formatter(form, secrets_of(ENVIRON)))
    logger.addHandler(handler)
    return stream


def test_a_line_of_json_says_where_it_comes_from(logger) -> None:
    stream = listen(logger, "json")
    with bound(session="2025-12-31", pipeline="daily", step="publish"):
        logger.info("行情: %d rows", 3)
    logger.warning("afterwards")
    first, second = map(json.loads, stream.getvalue().splitlines())

    assert list(first)[:3] == ["timestamp", "level", "event"]
    assert (first["level"], first["event"]) == ("info", "行情: 3 rows")
    assert (first["session"], first["pipeline"], first["step"]) == (
        "2025-12-31",
        "daily",
        "publish",
    )
    assert first["logger"] == "factorprism.test_logs"
    assert "step" not in second


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_shows_a_secret(logger, form: str) -> None:
    stream = listen(logger, form)
    try:
        raise RuntimeError("postgresql://prism:s3cret@db:5432/prism refused t0ken-of-the-vendor")
    except RuntimeError:
        logger.exception("cannot send to %s", ENVIRON["FACTORPRISM_ALERTS_URL"])
    said = stream.getvalue()

    assert "RuntimeError" in said
    assert "postgresql://prism:***@db:5432/prism refused ***" in said
    for secret in ("s3cret", "t0ken", "u:p@"):
        assert secret not in said


def test_each_address_of_alerts_is_a_secret_by_itself() -> None:
    setting = "operators=tgram://a-bot/a-chat  slack://a-token/b/c"
    secrets = secrets_of({"FACTORPRISM_ALERTS_URL": setting})
    said = redact("tgram://a-bot/a-chat answered 404, slack://a-token/b/c did not", secrets)
    assert said == "*** answered 404, *** did not"


def test_an_address_without_a_password_stays() -> None:
    plain = "see http://127.0.0.1:8080/dags or mail a@b.example at 18:30"

    assert redact(plain, ()) == plain
