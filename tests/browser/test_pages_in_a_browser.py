"""Every page in a real browser, as viewer and as operator, light and dark, wide and narrow."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from default_signal import DAILY

PAGES = ("today", "image", "record", "data", "models", "lineage")
# The innermost elements that stick out of the window, for whoever reads a failure.
WIDEST = """() => [...document.querySelectorAll("main *")]
  .filter(one => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".scroll"))
  .map(one => `${one.tagName}.${one.className}: ${one.textContent.trim().slice(0, 40)}`)
  .slice(-5)"""
SERIOUS = ("serious", "critical")


# Each two of a user, a width and a theme meet once.
@pytest.mark.parametrize(
    ("user", "width", "theme"),
    [
        ("viewer", 1280, "light"),
        ("viewer", 390, "dark"),
        ("admin", 1280, "dark"),
        ("admin", 390, "light"),
    ],
)
def test_every_page_is_sound(
    house: Any,
    open_tab: Callable[..., Any],
    user: str,
    width: int,
    theme: str,
    tmp_path: Path,
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with open_tab(user, width=width, theme=theme) as tab:
        for slug in PAGES:
            page = tab.open(f"/prism/{slug}?session=2024-07-03")
            assert page.locator("h1").count() == 1, slug
            assert page.locator(f'nav a[aria-current="page"][href*="{slug}"]').count() == 1
            root = "document.documentElement"
            beyond = page.evaluate(f"{root}.scrollWidth - {root}.clientWidth")
            assert beyond <= 0, (slug, beyond, page.evaluate(WIDEST))
            for details in page.locator("details").all():
                details.evaluate("one => { one.open = true }")
            found = Axe().run(page).response["violations"]
            grave = [
                (one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in SERIOUS
            ]
            assert grave == [], slug
            page.screenshot(path=tmp_path / f"{slug}.png", full_page=True)
            assert (tmp_path / f"{slug}.png").stat().st_size > 10_000
        assert tab.complaints == []


def test_the_pages_are_found_from_airflow_after_its_own_login(
    house: Any, open_tab: Callable[..., Any]
) -> None:
    with open_tab("") as tab:
        page = tab.open("/")
        page.get_by_label(re.compile("username", re.I)).fill("viewer")
        page.locator('input[type="password"]').fill(house.airflow.passwords()["viewer"])
        page.get_by_role("button", name=re.compile("sign in", re.I)).click()
        page.get_by_role("link", name="Prism").first.click()
        frame = page.frame_locator("iframe")
        frame.get_by_role("heading", level=1).wait_for()
        menu = frame.get_by_role("navigation", name="Pages")
        menu.get_by_role("link", name="Track record").click()
        frame.get_by_role("heading", level=1, name="Track record").wait_for()


def test_the_tab_of_a_run_shows_the_session_of_the_run(
    house: Any, open_tab: Callable[..., Any]
) -> None:
    with open_tab("viewer") as tab:
        page = tab.open(f"/dags/{DAILY}/runs/manual__the_evening/plugin/prism-dag-run")
        frame = page.frame_locator("iframe")
        frame.get_by_role("heading", level=1).wait_for()
        shown = frame.locator("main").inner_text()
    assert re.search("3 Jul 2024|Jul 3, 2024|2024-07-03", shown), shown[:400]


def test_languages_themes_and_days_are_chosen_on_the_page(open_tab: Callable[..., Any]) -> None:
    with open_tab("viewer", locale="en-GB") as tab:
        page = tab.open("/prism/today")
        page.get_by_role("link", name="中文").click()
        page.wait_for_load_state("networkidle")
        assert page.locator("html").get_attribute("lang").startswith("zh")
        assert re.search("[\u4e00-\u9fff]", page.locator("h1").inner_text())
        tab.open("/prism/record")  # a cookie remembers the choice
        assert page.locator("html").get_attribute("lang").startswith("zh")

        before = page.evaluate("getComputedStyle(document.body).backgroundColor")
        for _ in range(2):
            page.locator("[data-theme-switch]").click()
        themes = {before, page.evaluate("getComputedStyle(document.body).backgroundColor")}
        page.locator("[data-theme-switch]").click()
        themes.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert len(themes) == 2
        assert tab.complaints == []


def test_the_image_is_read_by_mouse_and_by_keyboard(open_tab: Callable[..., Any]) -> None:
    with open_tab("viewer") as tab:
        page = tab.open("/prism/image?session=2024-07-03")
        readout, map_ = page.locator("#readout"), page.locator("canvas[data-channel]").first
        map_.hover(position={"x": 40, "y": 40})
        by_mouse = readout.inner_text()
        map_.focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowDown")
        by_keyboard = readout.inner_text()
        assert by_mouse
        assert by_keyboard
        assert by_mouse != by_keyboard
        assert tab.complaints == []


def test_a_viewer_is_offered_no_decision(house: Any, open_tab: Callable[..., Any]) -> None:
    with open_tab("viewer") as tab:
        page = tab.open(f"/prism/models?model={house.challenger}")
        assert house.challenger in page.locator("main").inner_text()
        assert page.locator('a[href*="decide"], form').count() == 0
        answer = page.goto(f"{house.address}/prism/decide?action=promote&model={house.challenger}")
        assert answer.status == 403


def decide(page: Any, action: str, model: str, reason: str) -> Any:
    """Fill in and send the form of `page`; return the heading of the worker's answer."""
    page.goto(page.url.partition("/prism/")[0] + f"/prism/decide?action={action}&model={model}")
    page.locator("textarea").fill(reason)
    page.locator("button.danger").click()
    page.wait_for_url("**/decision?**")
    title = page.locator("h1").filter(has_not_text="A worker decides")
    title.wait_for(timeout=240_000)
    return title.inner_text()


def test_a_model_whose_file_was_altered_is_refused_on_the_page(
    house: Any, open_tab: Callable[..., Any]
) -> None:
    file = house.bundle / "model.keras"
    kept = file.read_bytes()
    with open_tab("admin") as tab:
        page = tab.open("/prism/models")
        try:
            file.write_bytes(kept + b"!")
            assert decide(page, "promote", house.challenger, "it looks better") == "Refused"
        finally:
            file.write_bytes(kept)
        reported = page.locator("main").inner_text()
        assert f"model.keras of model {house.challenger} was altered" in reported
        assert "Nothing was written." in reported
        page = tab.open("/prism/models")
        assert house.champion in page.locator("section[aria-labelledby=champion]").inner_text()
        assert tab.complaints == []


def test_an_operator_promotes_and_rolls_back_from_the_page(
    house: Any, open_tab: Callable[..., Any]
) -> None:
    with open_tab("admin") as tab:
        page = tab.open("/prism/models")
        for action, model, reason in (
            ("promote", house.challenger, "it reads <b>openings</b> better"),
            ("roll_back", house.champion, "its figures were better after all"),
        ):
            assert decide(page, action, model, reason) == "The champion is chosen"
            page = tab.open("/prism/models")
            held = page.locator("section[aria-labelledby=champion]").inner_text()
            assert model in held
            ledger = page.locator("section[aria-labelledby=ledger]").inner_text()
            assert reason in ledger
            assert "admin" in ledger
        assert tab.complaints == []
