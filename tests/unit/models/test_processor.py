"""What tells one machine's processor from another's."""

from __future__ import annotations

import pytest

from factorprism.models import _processor
from factorprism.models._processor import count_cores, name_processor, read_model

EPYC = """processor\t: 0
vendor_id\t: AuthenticAMD
model name\t: AMD EPYC 7R13 Processor
cpu MHz\t\t: 2650.000
processor\t: 1
model name\t: AMD EPYC 7R13 Processor
"""
GRAVITON = """processor\t: 0
BogoMIPS\t: 2100.00
CPU implementer\t: 0x41
CPU part\t: 0xd40
"""


@pytest.mark.parametrize(
    ("cpuinfo", "model"),
    [(EPYC, "AMD EPYC 7R13 Processor"), (GRAVITON, "0x41 0xd40"), ("", ""), ("nonsense", "")],
)
def test_the_model_is_read_as_the_system_has_it(cpuinfo: str, model: str) -> None:
    assert read_model(cpuinfo) == model


def test_machines_of_other_models_or_cores_have_other_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = []
    for model, cores in (("EPYC", 2), ("EPYC", 64), ("Xeon", 2), ("Xeon", 1)):
        monkeypatch.setattr(_processor, "_find_model", lambda model=model: model)
        monkeypatch.setattr(_processor, "count_cores", lambda cores=cores: cores)
        names.append(name_processor.__wrapped__())
    assert names == ["EPYC, 2 cores", "EPYC, 64 cores", "Xeon, 2 cores", "Xeon, 1 core"]


def test_this_machine_has_a_name_with_its_cores() -> None:
    assert not name_processor().startswith("unknown")
    assert f", {count_cores()} core" in name_processor()
