"""A service's processes: launched together, kept alive, ended together, and nobody else's."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from factorprism.core.errors import ServiceError
from factorprism.services._group import ProcessGroup, lives, tail
from factorprism.services._logs import LOG_BYTES_MAX
from factorprism.services._plan import Plan
from factorprism.services._ports import choose_port
from loopback_ports import takes
from waiting import eventually

pytestmark = pytest.mark.slow  # starts processes and waits for them

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(300)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('up', flush=True); time.sleep(300)",
]


@pytest.fixture
def group(tmp_path: Path) -> Iterator[ProcessGroup]:
    group = ProcessGroup(tmp_path / "processes.json", ("GROUP_TEST_HOME", str(tmp_path)))
    yield group
    group.stop(1.0)


def plan_of(
    folder: Path,
    *,
    report: list[str] | None = None,
    ports: dict[str, int] | None = None,
    **components: list[str],
) -> Plan:
    return Plan("The test's", components, str(folder), report=report or [], ports=ports or {})


def logs_say_up(folder: Path, *names: str) -> Callable[[], bool]:
    return lambda: all("up" in tail(folder / f"{name}.log") for name in names)


def test_components_write_their_own_logs_and_end_together(
    group: ProcessGroup, tmp_path: Path
) -> None:
    group.launch(plan_of(tmp_path, one=SLEEPER, two=SLEEPER), os.environ)
    eventually(logs_say_up(tmp_path, "one", "two"))
    members = group.members()
    assert os.getpid() not in {process.pid for process in members}
    assert sum(process.cmdline()[:2] == SLEEPER[:2] for process in members) == 2
    group.stop(10.0)
    assert group.members() == []
    assert not any(lives(process) for process in members)


def test_a_component_that_ends_is_started_again(group: ProcessGroup, tmp_path: Path) -> None:
    once = [sys.executable, "-c", f"open({str(tmp_path / 'count')!r}, 'a').write('x')"]
    group.launch(plan_of(tmp_path, one=once), os.environ)
    count = tmp_path / "count"
    eventually(lambda: count.exists() and len(count.read_text()) >= 2)


def component(group: ProcessGroup, name: str = "one") -> psutil.Process:
    eventually(lambda: bool(group.kept().get(name) and group.kept()[name].pid))
    return psutil.Process(group.kept()[name].pid)


def test_a_killed_component_is_back_within_seconds_and_its_end_is_on_record(
    group: ProcessGroup, tmp_path: Path
) -> None:
    group.launch(plan_of(tmp_path, one=SLEEPER, two=SLEEPER), os.environ)
    first, other = component(group), component(group, "two")
    killed = time.monotonic()
    first.kill()
    eventually(lambda: group.kept()["one"].pid not in (0, first.pid))
    assert time.monotonic() - killed < 15  # by the first wait, of a second, and not the longest
    assert (group.kept()["one"].ends, group.kept()["one"].last) == (1, "was ended by SIGKILL")
    assert group.kept()["two"].pid == other.pid
    assert lives(other)


def test_what_a_dead_component_leaves_ends_with_it_and_what_others_have_stays(
    group: ProcessGroup, tmp_path: Path
) -> None:
    # The child leads a process group of its own, as Airflow's tasks do.
    parent = (
        "import subprocess, sys, time; child = subprocess.Popen(['sleep', '300'], process_group=0);"
        "open(sys.argv[1], 'w').write(str(child.pid)); time.sleep(300)"
    )
    files = [tmp_path / "one.child", tmp_path / "two.child"]
    one, two = ([sys.executable, "-c", parent, str(file)] for file in files)
    group.launch(plan_of(tmp_path, one=one, two=two), os.environ)
    eventually(lambda: all(file.exists() and file.read_text() for file in files))
    orphan, kept = (psutil.Process(int(file.read_text())) for file in files)
    component(group).kill()
    eventually(lambda: not lives(orphan))
    assert lives(kept)


def test_a_keeper_asked_to_end_takes_its_components_along(
    group: ProcessGroup, tmp_path: Path
) -> None:
    group.launch(plan_of(tmp_path, one=SLEEPER), os.environ)
    process = component(group)
    assert group.is_kept()
    (keeper,) = set(group.members()) - {process}
    keeper.terminate()
    eventually(lambda: not lives(process) and not lives(keeper))
    assert not group.is_kept()


def test_a_keeper_whose_record_is_gone_ends_with_its_components(
    group: ProcessGroup, tmp_path: Path
) -> None:
    group.launch(plan_of(tmp_path, one=SLEEPER), os.environ)
    process, members = component(group), group.members()
    group.record.unlink()
    eventually(lambda: not any(lives(member) for member in [process, *members]))
    assert not group.record.exists()


def test_a_keeper_whose_home_was_made_anew_leaves_it_to_the_new_keeper(
    group: ProcessGroup, tmp_path: Path
) -> None:
    group.launch(plan_of(tmp_path, one=SLEEPER), os.environ)
    component(group)
    old = group.members()
    group.launch(plan_of(tmp_path, one=SLEEPER), os.environ)
    eventually(lambda: not any(lives(member) for member in old))
    assert lives(component(group))
    assert group.is_kept()


def test_a_keeper_that_was_killed_is_missed(group: ProcessGroup, tmp_path: Path) -> None:
    group.launch(plan_of(tmp_path, one=SLEEPER), os.environ)
    process = component(group)
    (keeper,) = set(group.members()) - {process}
    keeper.kill()
    eventually(lambda: not lives(keeper))
    assert group.members() == [process]
    assert not group.is_kept()


def test_an_end_is_reported_until_the_report_has_arrived(
    group: ProcessGroup, tmp_path: Path
) -> None:
    reported = tmp_path / "reported"
    report = [sys.executable, "-c", f"import sys; open({str(reported)!r}, 'a').write(sys.argv[2])"]
    group.launch(plan_of(tmp_path, report=report, one=SLEEPER), os.environ)
    component(group).kill()
    eventually(lambda: reported.exists() and "was ended by SIGKILL at 20" in reported.read_text())
    assert reported.read_text().startswith("The test's one was ended by SIGKILL at ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_ends_no_keeper(group: ProcessGroup, tmp_path: Path) -> None:
    (tmp_path / "keeper.log").symlink_to("/dev/full")
    group.launch(plan_of(tmp_path, one=SLEEPER), os.environ)
    first = component(group)
    first.kill()
    eventually(lambda: group.kept()["one"].pid not in (0, first.pid))
    assert group.is_kept()


def test_a_component_whose_log_cannot_be_written_is_tried_again_and_stops_no_other(
    group: ProcessGroup, tmp_path: Path
) -> None:
    (tmp_path / "one.log").mkdir()
    group.launch(plan_of(tmp_path, one=SLEEPER, two=SLEEPER), os.environ)
    component(group, "two")
    (tmp_path / "one.log").rmdir()
    component(group, "one")
    assert "one cannot be started: " in (tmp_path / "keeper.log").read_text()


def test_what_could_not_be_written_down_is_written_down_later(
    group: ProcessGroup, tmp_path: Path
) -> None:
    group.launch(plan_of(tmp_path, one=SLEEPER), os.environ)
    first, roster = component(group), tmp_path / "kept.json"
    roster.unlink()
    roster.mkdir()
    first.kill()
    eventually(lambda: "kept.json cannot be written" in (tmp_path / "keeper.log").read_text())
    roster.rmdir()
    eventually(lambda: bool(group.kept()))
    assert group.kept()["one"].ends == 1


def test_a_fault_in_one_check_does_not_end_the_keeper(group: ProcessGroup, tmp_path: Path) -> None:
    report = ["no such\0program"]  # an error that nobody has foreseen
    group.launch(plan_of(tmp_path, report=report, one=SLEEPER), os.environ)
    first = component(group)
    first.kill()
    eventually(lambda: group.kept()["one"].pid not in (0, first.pid))
    eventually(lambda: "a check failed and is repeated" in (tmp_path / "keeper.log").read_text())
    assert group.is_kept()


def test_a_component_that_does_not_listen_is_forced(group: ProcessGroup, tmp_path: Path) -> None:
    group.launch(plan_of(tmp_path, one=STUBBORN), os.environ)
    eventually(logs_say_up(tmp_path, "one"))
    group.stop(0.3)
    assert group.members() == []


def test_a_strangers_session_of_the_same_number_is_left_alone(
    group: ProcessGroup, tmp_path: Path
) -> None:
    with subprocess.Popen(["sleep", "300"], start_new_session=True) as stranger:
        try:
            record = {"session": stranger.pid, "keeper": stranger.pid, "began": time.time() - 3600}
            group.record.write_text(json.dumps(record))
            assert group.members() == []
            assert not group.is_kept()
            group.stop(1.0)
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_long_log_is_put_aside(group: ProcessGroup, tmp_path: Path) -> None:
    with (tmp_path / "one.log").open("w") as log:
        log.truncate(LOG_BYTES_MAX + 1)
    group.launch(plan_of(tmp_path, one=SLEEPER), os.environ)
    eventually(logs_say_up(tmp_path, "one"))
    assert (tmp_path / "one.log.1").exists()
    assert (tmp_path / "one.log").stat().st_size < 100


@pytest.mark.parametrize("name", ["keeper", "one"])
def test_a_log_that_grows_too_long_while_all_run_is_put_aside_and_goes_on(
    group: ProcessGroup, tmp_path: Path, name: str
) -> None:
    talker = [
        sys.executable,
        "-c",
        "import time\nwhile True: print('up', flush=True); time.sleep(1)",
    ]
    group.launch(plan_of(tmp_path, one=talker, two=SLEEPER), os.environ)
    eventually(logs_say_up(tmp_path, "one", "two"))
    log = tmp_path / f"{name}.log"
    with log.open("ab") as file:
        file.truncate(LOG_BYTES_MAX + 1)
    eventually(lambda: log.stat().st_size < 100)
    assert (tmp_path / f"{name}.log.1").stat().st_size > LOG_BYTES_MAX
    component(group, "two").kill()
    said = {"keeper": "The test's two was ended by SIGKILL", "one": "up"}[name]
    eventually(lambda: said in log.read_text())
    assert b"\0" not in log.read_bytes()


LISTENER = """
import socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("up", flush=True)
time.sleep(300)
"""


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    """A program, this one, that listens on a port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_port_that_another_program_holds_is_named_once_and_waited_for(
    group: ProcessGroup, tmp_path: Path, stranger: socket.socket
) -> None:
    port = stranger.getsockname()[1]
    listener = [sys.executable, "-c", LISTENER, str(port)]
    plan = plan_of(tmp_path, ports={"one": port}, one=listener, two=SLEEPER)
    group.launch(plan, os.environ)
    held = f"port {port} is held by {psutil.Process().name()} (process {os.getpid()})"
    eventually(lambda: group.blocked() == {"one": held})
    with pytest.raises(ServiceError, match=re.escape(f"The test's one cannot start: {held}")) as no:
        group.require_ports("The test's")
    assert "End that program" in no.value.remedy
    assert (group.kept()["one"].pid, group.kept()["one"].ends) == (0, 0)
    assert lives(component(group, "two"))
    time.sleep(1.5)
    log = (tmp_path / "keeper.log").read_text()
    assert log.count(f"The test's one waits: {held}. End that program") == 1
    stranger.close()
    assert group.blocked() == {}
    eventually(logs_say_up(tmp_path, "one"))
    assert group.kept()["one"].waits_for == 0


def test_nobody_waits_for_a_port_once_the_keeper_has_ended(
    group: ProcessGroup, tmp_path: Path, stranger: socket.socket
) -> None:
    port = stranger.getsockname()[1]
    group.launch(plan_of(tmp_path, ports={"one": port}, one=SLEEPER), os.environ)
    eventually(lambda: bool(group.blocked()))
    group.stop(10.0)
    assert group.blocked() == {}


def test_a_port_that_was_taken_while_its_owner_was_dead_is_reported_with_the_death(
    group: ProcessGroup, tmp_path: Path
) -> None:
    port, reported = choose_port(), tmp_path / "reported"
    report = [
        sys.executable,
        "-c",
        f"import sys; open({str(reported)!r}, 'a').write(sys.argv[2] + '|')",
    ]
    listener = [sys.executable, "-c", LISTENER, str(port)]
    group.launch(plan_of(tmp_path, report=report, ports={"one": port}, one=listener), os.environ)
    eventually(logs_say_up(tmp_path, "one"))
    component(group).kill()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        eventually(lambda: takes(other, port))
        other.listen()
        eventually(lambda: reported.exists() and reported.read_text().endswith("|"))
    (alert,) = reported.read_text().strip("|").split("|")
    assert alert.startswith("The test's one was ended by SIGKILL at ")
    assert f"The test's one waits: port {port} is held by " in alert
    assert "End that program" in alert
    eventually(lambda: component(group).is_running())
