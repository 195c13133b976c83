"""What leaves, when and how often: real receivers, a real table, receivers that fail, rivals."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from factorprism.alerts import AppriseSink, Delivery, Wording
from factorprism.core.alerts import Alert
from factorprism.core.ledger import Head

SESSION = date(2025, 12, 31)
FAULT = Alert("daily hs300", "critical", "forecast withheld", SESSION)
DRIFT = Alert("drift hs300", "warning", "3 of 16 factors have drifted", SESSION)
TITLE = "factorprism 2025-12-31: No forecast for hs300"
OVER = "factorprism 2025-12-31: hs300 has a forecast again"
DIGEST = "factorprism 2025-12-31: digest of hs300"


@pytest.fixture
def build(warehouse: Any) -> Callable[[str], Delivery]:
    def build(addresses: str) -> Delivery:
        return Delivery(warehouse.alerts, AppriseSink(addresses), Wording(), warehouse.lock)

    return build


def test_a_fault_and_its_end_leave_once_each(warehouse, build, webhook) -> None:
    delivery = build(webhook.url)
    warehouse.alerts.raise_alert(FAULT)
    delivery.tell()
    delivery.tell()
    warehouse.alerts.raise_alert(FAULT)
    delivery.tell()
    warehouse.alerts.resolve_alert(FAULT.key, "issued again")
    delivery.tell()
    delivery.tell()
    assert webhook.titles == [TITLE, OVER]
    assert warehouse.alerts.list_pending() == []


def test_what_could_not_be_delivered_leaves_once_the_way_is_open(
    warehouse, build, webhook, mailbox
) -> None:
    delivery = build(f"{webhook.url} {mailbox.url}")
    webhook.status, mailbox.refuses = 500, True
    warehouse.alerts.raise_alert(FAULT)
    delivery.tell()
    (entry,) = warehouse.alerts.list_pending()
    assert (entry.notified_at, entry.tries) == (None, 1)
    mailbox.refuses = False
    delivery.tell()
    delivery.tell()
    assert (webhook.titles, mailbox.titles) == ([], [TITLE])
    webhook.status = 200
    delivery.tell()
    delivery.tell()
    assert (webhook.titles, mailbox.titles) == ([TITLE], [TITLE])
    assert warehouse.alerts.list_pending() == []
    assert warehouse.alerts.list_open_alerts() == [FAULT]


def test_an_address_that_is_down_is_tried_once_a_round(warehouse, build, webhook) -> None:
    webhook.status = 500
    for number in range(3):
        warehouse.alerts.raise_alert(replace(FAULT, key=f"disk {number}"))
    build(webhook.url).tell()
    assert webhook.requests == 1


def test_whoever_was_notified_of_a_fault_is_notified_of_its_end(
    warehouse, build, webhook, mailbox
) -> None:
    delivery = build(f"{webhook.url} {mailbox.url}")
    webhook.status = 500
    warehouse.alerts.raise_alert(FAULT)
    delivery.tell()
    warehouse.alerts.resolve_alert(FAULT.key, "issued again")
    webhook.status = 200
    delivery.tell()
    assert mailbox.titles == [TITLE, OVER]
    assert webhook.titles == [OVER]


def test_a_fault_that_ended_before_anybody_was_notified_waits_for_the_digest(
    warehouse, build, webhook
) -> None:
    delivery = build(webhook.url)
    webhook.status = 500
    warehouse.alerts.raise_alert(FAULT)
    delivery.tell()
    warehouse.alerts.resolve_alert(FAULT.key, "issued again")
    webhook.status = 200
    delivery.tell()
    assert webhook.titles == []
    delivery.tell_digest("hs300", SESSION)
    assert webhook.titles == [DIGEST]
    assert "hs300 has a forecast again: issued again" in webhook.messages[0].body
    assert warehouse.alerts.list_pending() == []


def test_the_digest_leaves_once_a_session_and_only_with_news(warehouse, build, webhook) -> None:
    delivery = build(webhook.url)
    delivery.tell_digest("hs300", SESSION)
    warehouse.alerts.raise_alert(DRIFT)
    delivery.tell()
    assert webhook.titles == []
    delivery.tell_digest("hs300", SESSION)
    warehouse.alerts.record_event(Alert("revised x", "info", "1 value was revised", SESSION))
    delivery.tell_digest("hs300", SESSION)
    assert webhook.titles == [DIGEST]
    delivery.tell_digest("hs300", date(2026, 1, 5))
    assert webhook.titles == [DIGEST, "factorprism 2026-01-05: digest of hs300"]
    assert "1 value was revised" in webhook.messages[1].body
    assert "Still open:\n- The factors of hs300 have drifted" in webhook.messages[1].body
    delivery.tell_digest("hs300", date(2026, 1, 6))
    assert len(webhook.titles) == 2


def test_the_last_rows_of_the_ledger_leave_once_a_week_without_news(
    warehouse, build, webhook, run_sql
) -> None:
    delivery, head = build(webhook.url), Head("hs300", 3, "ab" * 32)
    delivery.tell_digest("hs300", SESSION)
    assert webhook.titles == []
    delivery.tell_digest("hs300", SESSION, [head])
    delivery.tell_digest("us", SESSION, [head])
    delivery.tell_digest("hs300", date(2026, 1, 5), [head])
    assert webhook.titles == [DIGEST]
    assert f"- hs300:3:{head.row_hash}" in webhook.messages[0].body
    run_sql("UPDATE prism.alerts SET notified_at = notified_at - interval '8 days'")
    delivery.tell_digest("us", date(2026, 1, 8), [head])
    assert webhook.titles == [DIGEST, "factorprism 2026-01-08: digest of us"]


def test_rows_of_the_ledger_that_nobody_took_leave_at_the_next_occasion(
    warehouse, build, webhook
) -> None:
    delivery, head = build(f"operators={webhook.url}"), Head("hs300", 3, "ab" * 32)
    webhook.status = 500
    delivery.tell_digest("hs300", SESSION, [head])
    webhook.status = 200
    warehouse.alerts.raise_alert(DRIFT)  # news for others alone
    delivery.tell_digest("hs300", date(2026, 1, 5), [head])
    assert webhook.titles == ["factorprism 2026-01-05: digest of hs300"]


def test_a_digest_that_one_address_refused_goes_to_it_alone(
    warehouse, build, webhook, mailbox
) -> None:
    delivery = build(f"{webhook.url} {mailbox.url}")
    warehouse.alerts.raise_alert(DRIFT)
    webhook.status = 500
    delivery.tell_digest("hs300", SESSION)
    webhook.status = 200
    delivery.tell_digest("hs300", SESSION)
    delivery.tell_digest("hs300", SESSION)
    assert (webhook.titles, mailbox.titles) == ([DIGEST], [DIGEST])
    assert warehouse.alerts.list_pending() == []


def test_each_audience_is_notified_of_its_own(warehouse, build, webhook, mailbox) -> None:
    delivery = build(f"operators={webhook.url} researchers={mailbox.url}")
    warehouse.alerts.raise_alert(FAULT)
    warehouse.alerts.raise_alert(DRIFT)
    delivery.tell()
    delivery.tell_digest("hs300", SESSION)
    assert (webhook.titles, mailbox.titles) == ([TITLE], [DIGEST])


def test_an_event_is_kept_once_and_has_no_end(warehouse, build, webhook) -> None:
    event = Alert("rollback hs300 m", "info", "m follows n", SESSION)
    assert warehouse.alerts.record_event(event)
    assert not warehouse.alerts.record_event(event)
    delivery = build(webhook.url)
    delivery.tell()
    delivery.tell()
    assert webhook.titles == ["factorprism 2025-12-31: The champion was rolled back: hs300 m"]
    assert warehouse.alerts.list_open_alerts() == []


def test_without_an_address_news_waits_for_one(warehouse, build, webhook) -> None:
    warehouse.alerts.raise_alert(FAULT)
    build("").tell()
    build(webhook.url).tell()
    assert webhook.titles == [TITLE]


def test_an_address_that_cannot_be_read_is_logged_and_costs_nothing(
    warehouse, build, caplog
) -> None:
    warehouse.alerts.raise_alert(FAULT)
    build("carrier-pigeon://secret").tell()
    assert "address 1 for alerts is not one that Apprise knows" in caplog.text
    assert "secret" not in caplog.text


def test_an_alert_of_a_later_session_outlives_an_earlier_one_that_went_well(warehouse) -> None:
    warehouse.alerts.raise_alert(FAULT)
    warehouse.alerts.raise_alert(replace(FAULT, session=date(2026, 1, 5)))
    assert not warehouse.alerts.resolve_alert(FAULT.key, "well", through=SESSION)
    assert warehouse.alerts.resolve_alert(FAULT.key, "well", through=date(2026, 1, 5))


RIVAL = """
import sys
from pathlib import Path
from datetime import date
from factorprism.core.config import Config
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run, open_ports
config = Config(home=Path(sys.argv[1]), warehouse_url=sys.argv[2], alerts_url=sys.argv[3])
with open_ports(config) as ports:
    run = Run(date(2025, 12, 31), find_signal(config), config, ports)
    ports.warehouse.alerts.list_open_alerts()
    assert ports.delivery.sink.addresses
    print("ready", flush=True)
    sys.stdin.readline()
    run.raise_alert("daily hs300", "forecast withheld")
"""


def test_two_processes_that_raise_the_same_alert_at_once_send_one_message(
    migrated_url, webhook, tmp_path
) -> None:
    webhook.seconds = 1.0  # long enough for both to be at it, were they not kept apart
    command = [sys.executable, "-c", RIVAL, str(tmp_path), migrated_url, webhook.url]
    rivals = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for rival in rivals:
        assert rival.stdout.readline() == "ready\n"
    for rival in rivals:
        rival.stdin.write("go\n")
        rival.stdin.flush()
    for rival in rivals:
        rival.communicate(timeout=120)
        assert rival.returncode == 0
    assert webhook.titles == [TITLE]
