"""Messages reach a real webhook and a real mail server on loopback; a dead one costs nothing."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from factorprism.alerts import AppriseSink, build_sink
from factorprism.alerts.addresses import parse_addresses
from factorprism.core.alerts import Message
from factorprism.core.config import load_config
from factorprism.core.errors import ConfigurationError

MESSAGE = Message("factorprism 2025-12-31: No forecast for hs300", "close above high")


def send(sink: AppriseSink, message: Message = MESSAGE) -> list[bool]:
    return [sink.send(address, message) for address in sink.addresses]


def test_a_webhook_takes_a_fault_and_its_end(webhook: Any) -> None:
    sink = AppriseSink(webhook.url)
    assert send(sink) == [True]
    assert send(sink, Message("over", "again", recovered=True)) == [True]
    first, second = webhook.messages
    assert (first.title, first.body) == (MESSAGE.title, MESSAGE.body)
    assert (first.type, second.type) == ("warning", "success")


def test_a_mail_server_takes_a_message_in_chinese(mailbox: Any) -> None:
    sink = AppriseSink(mailbox.url)
    assert send(sink, Message("hs300 没有预测", "数据不完整\n交易日: 2025-12-31")) == [True]
    (mail,) = mailbox.messages
    assert mail.title == "hs300 没有预测"
    assert mail.body.splitlines()[:2] == ["数据不完整", "交易日: 2025-12-31"]


@pytest.mark.parametrize("status", [500, 404])
def test_a_webhook_that_refuses_has_not_taken_it(webhook: Any, status: int) -> None:
    webhook.status = status
    assert send(AppriseSink(webhook.url)) == [False]
    assert webhook.requests >= 1


def test_a_mail_server_that_refuses_has_not_taken_it(mailbox: Any) -> None:
    mailbox.refuses = True
    assert send(AppriseSink(mailbox.url)) == [False]


def test_no_log_line_shows_an_address(webhook: Any, caplog: pytest.LogCaptureFixture) -> None:
    webhook.status = 500
    with caplog.at_level(logging.DEBUG):
        send(AppriseSink(webhook.url))
        send(AppriseSink("json://user:hidden-word@127.0.0.1:1/hook"))
    assert "did not take the message" in caplog.text
    assert "hidden-word" not in caplog.text
    assert str(webhook.server_port) not in caplog.text


def test_each_address_is_for_all_or_for_one_audience_and_is_called_by_its_service() -> None:
    text = "json://one/  operators=json://two/x?a=b\nresearchers=mailto://u:p@three.example"
    first, second, third = parse_addresses(text)
    assert first.audiences == {"operators", "researchers"}
    assert (second.audiences, second.url) == ({"operators"}, "json://two/x?a=b")
    assert third.audiences == {"researchers"}
    assert first.label.startswith("1 ")
    assert "u:p" not in repr(third)


def test_an_address_that_apprise_does_not_know_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_addresses("json://one/ carrier-pigeon://secret")
    assert str(caught.value).startswith("address 2 ")
    assert "secret" not in str(caught.value)


def test_without_an_address_there_is_nowhere_to_send() -> None:
    assert build_sink(load_config({})).addresses == ()
