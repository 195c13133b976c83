"""The champion on a real ledger and a real registry: promoted, rolled back, refused, each in one
row."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from console import call
from default_signal import SIGNAL
from factorprism.core.errors import ArtefactError, FactorPrismError, PromotionError
from factorprism.core.ledger import ForecastState
from factorprism.core.models import Promotion
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run, open_ports, run_pipeline, weekly
from factorprism.pipelines.champions import champion_at, load_verified
from factorprism.pipelines.decisions import decide
from factorprism.pipelines.promotions import (
    compare_models,
    list_models,
    promote_model,
    roll_back,
    show_model,
)
from factorprism.warehouse import PostgresWarehouse
from sql import execute
from worlds import RIVALS, Recipe, World, copy_world, read_rivals

AS_OF, NEXT = date(2024, 6, 28), date(2024, 7, 1)


@dataclass(frozen=True)
class House:
    """A world with a champion and two rivals that nobody has evaluated yet."""

    place: Any
    first: str
    rivals: tuple[str, str]

    def cli(self, *arguments: str) -> CompletedProcess[str]:
        return call(self.place.environ, *arguments)


@pytest.fixture
def house(postgres: Any, open_world: Callable[[Recipe], World], tmp_path: Path) -> Iterator[House]:
    place = copy_world(postgres, open_world(RIVALS), tmp_path / "home")
    rivals = read_rivals(place.home)
    with closing(PostgresWarehouse(place.config.warehouse_url)) as warehouse:
        held = {record.model_id for record in warehouse.models.list_models(SIGNAL)}
    (first,) = held - {*rivals}
    yield House(place, first, rivals)
    postgres.drop_database(place.owner_url)


@pytest.fixture
def run(house: House) -> Iterator[Run]:
    with open_ports(house.place.config) as ports:
        yield Run(AS_OF, find_signal(house.place.config), house.place.config, ports)


def ledger(run: Run) -> list[Promotion]:
    return run.ports.warehouse.models.list_promotions("hs300-direction-14")


def aliases(run: Run) -> tuple[str | None, str | None]:
    registry = run.ports.registry
    return registry.get_alias("hs300-direction-14", "champion"), registry.get_alias(
        "hs300-direction-14", "challenger"
    )


def test_a_rollback_is_one_row_and_the_next_forecast_is_by_the_earlier_model(
    house: House, run: Run
) -> None:
    rival = house.rivals[0]
    promote_model(run, rival, "its loss is lower")
    before = ledger(run)
    decision = roll_back(run, reason="its probabilities look too bold")

    assert ledger(run) == [*before, decision]
    assert (decision.kind, decision.candidate_id, decision.previous_id) == (
        "rollback",
        house.first,
        rival,
    )
    assert decision.reason == "By hand: its probabilities look too bold"
    assert aliases(run) == (house.first, rival)
    run_pipeline("daily", replace(run, session=NEXT))
    (row,) = run.ports.warehouse.forecasts.load_forecasts()
    assert (row.model_id, row.state) == (house.first, ForecastState.ISSUED)


def test_a_model_promoted_by_hand_makes_the_next_forecast(house: House, run: Run) -> None:
    decision = promote_model(run, house.rivals[0], "a person's choice")

    assert (decision.kind, decision.number) == ("manual", 0)
    assert aliases(run) == (house.rivals[0], house.first)
    run_pipeline("daily", replace(run, session=NEXT))
    (row,) = run.ports.warehouse.forecasts.load_forecasts()
    assert row.model_id == house.rivals[0]


def test_decisions_of_one_evening_are_rows_of_their_own_and_the_last_is_in_force(
    house: House, run: Run
) -> None:
    rival = house.rivals[0]
    for _ in range(2):
        promote_model(run, rival, "once more")
        assert champion_at(run, AS_OF) == rival
        roll_back(run)
        assert champion_at(run, AS_OF) == house.first

    by_hand = [item for item in ledger(run) if item.kind != "contest"]
    # Decision 0 on the first champion is the contest that it won on the same evening.
    assert [(item.candidate_id, item.number) for item in by_hand] == [
        (rival, 0),
        (house.first, 1),
        (rival, 1),
        (house.first, 2),
    ]
    assert by_hand[-1].reason == f"By hand: back from {rival} to {house.first}."


def test_a_second_rollback_goes_back_one_further_and_not_forward(house: House, run: Run) -> None:
    for rival in house.rivals:
        promote_model(run, rival, "better")
    assert roll_back(run).champion_id == house.rivals[0]
    assert roll_back(run).champion_id == house.first
    with pytest.raises(
        PromotionError, match="was the first champion of hs300-direction-14: there is nobody"
    ):
        roll_back(run)


def test_a_rollback_to_a_named_model_takes_any_former_champion(house: House, run: Run) -> None:
    for rival in house.rivals:
        promote_model(run, rival, "better")
    assert roll_back(run, house.first).champion_id == house.first
    assert roll_back(run, house.rivals[1]).champion_id == house.rivals[1]
    assert roll_back(run).champion_id == house.first


def test_a_model_that_was_never_champion_cannot_become_it_again(house: House, run: Run) -> None:
    before = ledger(run)
    with pytest.raises(PromotionError, match="was never champion of hs300-direction-14"):
        roll_back(run, house.rivals[0])
    with pytest.raises(PromotionError, match="is champion already"):
        promote_model(run, house.first, "it is good")
    with pytest.raises(PromotionError, match="needs a reason"):
        promote_model(run, house.rivals[0], " ")
    with pytest.raises(PromotionError, match="inception-none is not in the warehouse"):
        promote_model(run, "inception-none", "why not")
    assert ledger(run) == before


@pytest.mark.parametrize("damage", ["altered", "removed"])
def test_a_damaged_bundle_is_refused_and_the_ledger_unchanged(
    house: House, run: Run, damage: str
) -> None:
    rival = house.rivals[0]
    promote_model(run, rival, "better")
    weights = run.ports.registry.fetch_bundle(house.first) / "model.keras"
    assert weights.is_relative_to(house.place.home)
    if damage == "altered":
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    else:
        weights.unlink()
    before = ledger(run)

    with pytest.raises(PromotionError, match=f"{house.first} cannot become champion") as caught:
        roll_back(run)
    assert "\n" not in caught.value.message
    assert ledger(run) == before
    assert aliases(run) == (rival, house.first)
    assert show_model(run, house.first).refusal


def test_a_model_of_another_universe_is_refused_and_the_forecast_withheld(
    house: House, run: Run
) -> None:
    models = run.ports.warehouse.models
    stranger = replace(
        models.load_model(house.rivals[0]), model_id="stranger", signal="us-direction-14"
    )
    models.save_model(stranger)
    with pytest.raises(PromotionError, match="forecasts us-direction-14, not hs300-direction-14"):
        promote_model(run, "stranger", "why not")
    # Even where the ledger was written by other hands.
    (won,) = ledger(run)
    models.append_promotion(
        replace(won, candidate_id="stranger", champion_id="stranger", previous_id=house.first)
    )
    with pytest.raises(ArtefactError, match="forecasts us-direction-14"):
        run_pipeline("daily", replace(run, session=NEXT))
    (row,) = run.ports.warehouse.forecasts.load_forecasts()
    assert row.state is ForecastState.WITHHELD
    assert "forecasts us-direction-14, not hs300-direction-14" in row.reason


def test_verified_files_of_another_universe_are_refused_whatever_the_record_says(
    house: House, run: Run
) -> None:
    elsewhere = replace(run, signal=find_signal(run.config, "us-direction-14"))
    refusal = "forecasts hs300-direction-14, not us-direction-14"
    with pytest.raises(ArtefactError, match=refusal):
        load_verified(elsewhere, house.first)
    url = house.place.config.warehouse_url
    execute(url, "UPDATE prism.models SET signal = 'us-direction-14'")
    with pytest.raises(ArtefactError, match="forecasts us-direction-14, not hs300-direction-14"):
        load_verified(run, house.first)
    files = "forecast direction of hs300 over 14 sessions, and the signal is us-direction-14"
    with pytest.raises(ArtefactError, match=files):
        load_verified(elsewhere, house.first)


def test_a_model_that_knows_later_sessions_or_reads_other_images_is_refused(
    house: House, run: Run
) -> None:
    models = run.ports.warehouse.models
    record = models.load_model(house.rivals[0])
    models.save_model(replace(record, model_id="later", trained_through=NEXT))
    models.save_model(replace(record, model_id="fewer", factors=record.factors[:3]))
    with pytest.raises(PromotionError, match="trained on data through 2024-07-01, after session"):
        promote_model(run, "later", "it knows more")
    with pytest.raises(PromotionError, match="reads other images than hs300-direction-14 has now"):
        promote_model(run, "fewer", "it reads less")


def test_a_decision_as_of_an_earlier_session_would_rewrite_history(house: House, run: Run) -> None:
    earlier = replace(run, session=date(2024, 6, 27))
    with pytest.raises(PromotionError, match="the ledger has a decision as of 2024-06-28"):
        promote_model(earlier, house.rivals[0], "better")


def test_a_comparison_decides_nothing_and_writes_nothing(house: House, run: Run) -> None:
    before = run.ports.warehouse.fingerprints()  # type: ignore[attr-defined]
    paired = compare_models(run, house.first, house.rivals[0])
    assert run.ports.warehouse.fingerprints() == before  # type: ignore[attr-defined]

    numbers = paired.numbers
    assert numbers["n_sessions"] == 120
    assert numbers["gain_lower"] <= numbers["gain"] <= numbers["gain_upper"]
    assert {item.model_id for item in paired.evaluations} == {house.first, house.rivals[0]}
    # The bundle holds what an estimate of the return needs.
    assert "r2_skill" in {item.metric for item in paired.evaluations}
    record = run.ports.warehouse.models.load_model(house.first)
    assert paired.first > record.trained_through


def contest_context(house: House, **changes: Any) -> dict[str, Any]:
    return {
        "candidate_id": house.rivals[0],
        "previous_id": house.first,
        "promoted": True,
        "reason": "The candidate is better.",
        "numbers": {"gain": 0.1},
    } | changes


@pytest.mark.parametrize(
    ("changes", "promoted", "kind", "reason"),
    [
        ({}, True, "contest", "The candidate is better."),
        (
            {"approval": {"approved": True, "by": "vera"}},
            True,
            "contest",
            "The candidate is better. Approved by vera.",
        ),
        (
            {"approval": {"approved": False, "by": "vera"}},
            False,
            "manual",
            "The champion stays: vera rejected the promotion. The candidate is better.",
        ),
        (
            {"approval": {"approved": False, "by": ""}},
            False,
            "contest",
            "The champion stays: nobody approved the promotion in time. The candidate is better.",
        ),
    ],
)
def test_the_row_says_what_a_person_has_decided(
    house: House, run: Run, changes: dict[str, Any], promoted: bool, kind: str, reason: str
) -> None:
    context = weekly.promote(run, contest_context(house, **changes))

    row = ledger(run)[-1]
    assert (row.promoted, row.kind, row.reason) == (promoted, kind, reason)
    champion, other = (house.rivals[0], house.first) if promoted else (house.first, house.rivals[0])
    assert context["champion_id"] == champion_at(run, AS_OF) == champion
    assert aliases(run) == (champion, other)


def test_a_champion_of_another_hand_is_not_replaced_by_an_older_evaluation(
    house: House, run: Run
) -> None:
    promote_model(run, house.rivals[1], "while the approval was awaited")
    for outcome in (True, False):
        weekly.promote(run, contest_context(house, promoted=outcome))
        assert champion_at(run, AS_OF) == house.rivals[1]
    assert f"{house.rivals[1]} became champion after the candidate was evaluated" in (
        ledger(run)[-1].reason
    )


def test_a_week_that_is_run_again_does_not_undo_a_rollback(house: House, run: Run) -> None:
    weekly.promote(run, contest_context(house))
    roll_back(run)
    before = ledger(run)
    context = weekly.promote(run, contest_context(house))

    assert ledger(run) == before
    assert aliases(run) == (house.first, house.rivals[0])
    assert (context["champion_id"], context["promoted"]) == (house.first, False)
    assert context["reason"] == f"{house.first} is champion by a later decision in the ledger."


def test_a_failed_leak_check_leaves_no_champion(house: House, run: Run) -> None:
    (run.config.home / "universes.toml").write_text('[nobody]\ntarget = "000300.SH"\n')
    empty = replace(run, signal=find_signal(run.config, "nobody-direction-14"))
    record = run.ports.warehouse.models.load_model(house.rivals[0])
    run.ports.warehouse.models.save_model(replace(record, model_id="new", signal=empty.signal.name))
    refused = {"candidate_id": "new", "previous_id": "", "promoted": False}
    with pytest.raises(FactorPrismError, match="no model new is registered"):
        weekly.promote(
            empty, contest_context(house, **refused, reason="Nobody becomes champion: x.")
        )
    (row,) = empty.ports.warehouse.models.list_promotions("nobody-direction-14")
    assert (row.champion_id, row.promoted) == ("", False)
    assert champion_at(empty, AS_OF) is None


def test_the_list_marks_champion_and_challenger(house: House, run: Run) -> None:
    promote_model(run, house.rivals[0], "better")
    marks = {status.record.model_id: status.mark for status in list_models(run)}
    assert marks == {house.rivals[0]: "champion", house.first: "challenger", house.rivals[1]: ""}


def test_the_commands_print_what_they_did(house: House) -> None:
    rival, session = house.rivals[0], ("--session", AS_OF.isoformat())
    done = house.cli("models", "promote", rival, "--reason", "better", *session)
    assert done.returncode == 0, done.stderr
    assert f"2024-06-28 manual: {rival} becomes champion after {house.first}" in done.stdout

    listed = json.loads(house.cli("models", "list", "--format", "json").stdout)
    assert {row["model_id"]: row["mark"] for row in listed}[rival] == "champion"
    assert all("base rate" in row["sentence"] for row in listed)

    back = house.cli("models", "rollback", *session)
    assert f"2024-06-28 rollback: {house.first} becomes champion after {rival}" in back.stdout
    again = house.cli("models", "rollback", *session)
    assert again.returncode == 1
    assert len(again.stderr.strip().splitlines()) == 2
    assert "there is nobody to go back to" in again.stderr

    shown = json.loads(house.cli("models", "show", house.first, "--format", "json").stdout)
    assert shown["refusal"] == ""
    assert [row["kind"] for row in shown["decisions"]] == ["contest", "manual", "rollback"]


def test_the_tables_of_models_say_what_each_has_shown(house: House) -> None:
    listed = house.cli("models", "list").stdout
    table, *_ = listed.split("\n\n")
    assert all(model in table for model in (house.first, *house.rivals))
    assert re.search(rf"\nchampion {house.first}: .* base rate", listed)

    shown = house.cli("models", "show", house.first).stdout
    facts = dict(re.findall(r"^(\w[\w ]*?) {2,}(.+)$", shown, re.MULTILINE))
    assert (facts["model"], facts["status"]) == (house.first, "champion")
    assert facts["universe"] == "hs300, horizon 14 sessions"
    assert facts["bundle"] == "verified"
    assert re.search(r"\nwalk_forward, \d+ sessions from \S+ to \S+:\n", shown)
    assert re.search(r"log_loss +.+\d to \d", shown)
    assert f"contest: {house.first} becomes champion" in shown


def test_a_comparison_is_printed_with_intervals_and_a_sentence(house: House) -> None:
    done = house.cli("models", "compare", house.first, house.rivals[0], "--session", str(AS_OF))
    assert done.returncode == 0, done.stderr
    assert "log_loss" in done.stdout
    assert "over 120 sessions from" in done.stdout
    assert "95% interval of the gain" in done.stdout.replace("\n", " ")


def ask(house: House, action: str, model_id: str, **changes: Any) -> dict[str, Any]:
    """What the page hands to the step ``decide``."""
    asked = {
        "action": action,
        "model_id": model_id,
        "champion_id": house.first,
        "reason": "it reads the open better",
        "by": "Mei Lin",
    }
    return {**asked, **changes}


def test_a_decision_asked_for_on_the_page_stands_under_the_name_of_who_asked(
    house: House, run: Run
) -> None:
    before, rival = ledger(run), house.rivals[0]
    answer = decide(run, ask(house, "promote", rival))

    assert answer["decided"]
    (row,) = ledger(run)[len(before) :]
    assert (row.kind, row.champion_id) == ("manual", rival)
    assert row.reason == "By hand: it reads the open better (decided by Mei Lin)"
    assert aliases(run) == (rival, house.first)

    back = decide(run, ask(house, "roll_back", house.first, champion_id=rival))
    assert back["decided"]
    assert [item.kind for item in ledger(run)[len(before) :]] == ["manual", "rollback"]


def test_the_same_decision_attempted_again_leaves_one_row_and_fixes_the_aliases(
    house: House, run: Run
) -> None:
    before, asked = len(ledger(run)), ask(house, "promote", house.rivals[0])
    decide(run, asked)
    run.ports.registry.set_alias(
        "hs300-direction-14", "champion", house.first
    )  # cut off before this
    assert decide(run, asked)["decided"]
    assert len(ledger(run)) == before + 1
    assert aliases(run)[0] == house.rivals[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"champion_id": "inception-000000000000"}, "is champion now, not inception-0000"),
        ({"reason": " "}, "needs a reason"),
        ({"model_id": "inception-000000000000"}, "is not in the warehouse"),
    ],
)
def test_a_decision_that_cannot_be_taken_is_answered_in_a_sentence_and_writes_nothing(
    house: House, run: Run, changes: dict[str, Any], said: str
) -> None:
    before = ledger(run)
    answer = decide(run, {**ask(house, "promote", house.rivals[0]), **changes})
    assert not answer["decided"]
    assert said in answer["sentence"]
    assert ledger(run) == before


def test_an_unknown_action_is_no_decision(house: House, run: Run) -> None:
    with pytest.raises(ValueError, match=r"action: 'remove', allowed are promote, roll_back"):
        decide(run, ask(house, "remove", house.first))
