"""What an experiment writes: a page, tables with their intervals, pictures, both times."""

from __future__ import annotations

import csv

import pytest

from factorprism.experiments import (
    Estimate,
    Experiment,
    ExperimentSize,
    Result,
    ResultTable,
    conduct,
)
from factorprism.experiments.report import flatten, format_table
from factorprism.learning import TrainingSettings

NAN = float("nan")
ROWS = (
    {"network": "base_rate", "parameters": 0, "AUC": Estimate(0.5, 0.5, 0.5), "p": NAN},
    {"network": "inception", "parameters": 452993, "AUC": Estimate(0.53, 0.41, 0.62), "p": 0.25},
)


def draw(path):
    path.write_bytes(b"a picture")
    return path


@pytest.fixture
def experiment():
    seen = []

    def ask(history, size, tell):
        seen.append(size.settings.seed)
        tell("asked")
        return Result(
            tables=(
                ResultTable("", "Figures", ROWS),
                ResultTable("times", "Wall times", ROWS, of_times=True),
            ),
            verdict=f"No skill shown with seed {seen[-1]}.",
            remarks=("A remark.",),
            figures={"": draw, "pairs": draw},
        )

    quick = ExperimentSize(60, TrainingSettings(), ("inception",), cut="one epoch")
    full = ExperimentSize(600, TrainingSettings(), ("inception",))
    return Experiment("asking", "Is it so?", quick, full, ask)


def test_the_files_have_docs_ready_names_and_a_quick_size_spares_the_full_one(
    experiment, history, tmp_path
):
    lines = []
    options = {"seed": 5, "threads": 1, "tell": lines.append}
    full = conduct(experiment, history, tmp_path, quick=False, **options)
    assert sorted(path.name for path in full.files) == [
        "experiment-asking-pairs.png",
        "experiment-asking-times.csv",
        "experiment-asking.csv",
        "experiment-asking.md",
        "experiment-asking.png",
    ]
    quick = conduct(experiment, history, tmp_path, quick=True, **options)
    assert not set(quick.files) & set(full.files)
    assert all(path.is_file() for path in (*full.files, *quick.files))
    assert lines == ["asked", "asked"]


def test_the_page_says_the_question_the_answer_what_was_cut_and_both_times(
    experiment, history, tmp_path
):
    options = {"seed": 5, "threads": 1, "tell": lambda line: None}
    quick = conduct(experiment, history, tmp_path, quick=True, **options)
    for text in (
        "Is it so?",
        "**No skill shown with seed 5.**",
        "proves the path, not the question",
        "one epoch",
        "- A remark.",
        "stated for two idle cores: 60 s",
        "000300.SH, 000905.SH",
    ):
        assert text in quick.page
    written = (tmp_path / "experiment-asking-quick.md").read_text()
    assert written.startswith(quick.page)
    assert "![experiment-asking-quick-pairs](experiment-asking-quick-pairs.png)" in written
    full = conduct(experiment, history, tmp_path, quick=False, **options)
    assert "proves the path" not in full.page
    assert "10 min" in full.page


def test_a_csv_row_holds_the_ends_of_an_interval_and_nothing_for_nan(experiment, history, tmp_path):
    conduct(experiment, history, tmp_path, quick=False, seed=5, threads=1, tell=lambda line: None)
    with (tmp_path / "experiment-asking.csv").open() as stream:
        first, second = csv.DictReader(stream)
    assert (second["AUC"], second["AUC lower"], second["AUC upper"]) == ("0.53", "0.41", "0.62")
    assert (first["p"], second["p"]) == ("", "0.25")


def test_markdown_shows_intervals_in_brackets_and_dashes_for_nan():
    lines = format_table(ResultTable("", "Figures", ROWS)).splitlines()
    assert lines[0] == "| network | parameters | AUC | p |"
    assert lines[1] == "|---|---:|---:|---:|"
    assert lines[2] == "| base_rate | 0 | 0.5 | - |"
    assert lines[3] == "| inception | 452,993 | 0.5300 [0.4100, 0.6200] | 0.25 |"
    assert flatten({"x": Estimate(NAN, NAN, NAN)}) == {"x": "", "x lower": "", "x upper": ""}


def test_rows_of_other_columns_and_empty_tables_are_refused():
    with pytest.raises(ValueError, match="rows"):
        ResultTable("", "Figures", ({"a": 1}, {"b": 2}))
    with pytest.raises(ValueError, match="rows"):
        ResultTable("", "Figures", ())
