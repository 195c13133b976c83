"""Where a command's minutes went: the table that `factorprism run` ends with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from factorprism.cli.embedded import say

# Parts that took less stand together in one line.
LEAST_SECONDS = 0.5
REST, ALL = "all else", "altogether"

OnStep = Callable[[str, float], None]


@dataclass(frozen=True)
class Part:
    """Seconds by the clock, and of the processor in this process; None for another process."""

    name: str
    seconds: float
    processor: float | None


@dataclass
class Timings:
    """Collects the time of a command's parts from its beginning on."""

    _parts: list[Part] = field(default_factory=list)
    _begun: float = field(default_factory=time.perf_counter)
    _begun_processor: float = field(default_factory=time.process_time)

    @contextmanager
    def whole(self, sentence: str) -> Iterator[None]:
        """Print `sentence` with the body's time once it has ended well; steps add themselves."""
        started = time.perf_counter()
        yield
        say(f"{time.perf_counter() - started:6.1f} s  {sentence}")

    @contextmanager
    def part(self, name: str, sentence: str) -> Iterator[None]:
        """Print as `whole` does, and add the body as one part under `name`."""
        started, processor = time.perf_counter(), time.process_time()
        with self.whole(sentence):
            yield
        seconds, used = time.perf_counter() - started, time.process_time() - processor
        self._parts.append(Part(name, seconds, used))

    def steps(self, pipeline: str, tell: OnStep = lambda name, seconds: None) -> OnStep:
        """Return what `run_pipeline` calls after each step: it adds the step and calls `tell`."""
        marks = [time.process_time()]

        def add(step: str, seconds: float) -> None:
            marks.append(time.process_time())
            self._parts.append(Part(f"{pipeline} {step}", seconds, marks[-1] - marks[-2]))
            tell(step, seconds)

        return add

    def add_elsewhere(self, name: str, seconds: float) -> None:
        """Add what another process has done, and what was waited for."""
        self._parts.append(Part(name, seconds, None))

    def lines(self) -> list[str]:
        """Return the table: the parts in their order, what is left, and the sum at the end."""
        whole = Part(
            ALL,
            time.perf_counter() - self._begun,
            time.process_time() - self._begun_processor,
        )
        shown = [part for part in self._parts if part.seconds >= LEAST_SECONDS]
        rest = Part(
            REST,
            max(0.0, whole.seconds - sum(part.seconds for part in shown)),
            max(0.0, (whole.processor or 0.0) - sum(part.processor or 0.0 for part in shown)),
        )
        head = f"{'where the time went':<32}{'seconds':>10}{'share':>8}{'processor':>12}"
        return [head, *(_line(part, whole.seconds) for part in (*shown, rest, whole))]


def _line(part: Part, seconds: float) -> str:
    processor = "elsewhere" if part.processor is None else f"{part.processor:.1f} s"
    share = part.seconds / seconds if seconds else 0.0
    return f"{part.name:<32}{part.seconds:>8.1f} s{share:>8.0%}{processor:>12}"
