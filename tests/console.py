"""The command line as tests call it: in this process, or in one of its own where that matters."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from subprocess import CompletedProcess

import pytest

from factorprism.cli import main

PROGRAM = [sys.executable, "-c", "from factorprism.cli import main; main()"]
Settings = Mapping[str, str]


def call(settings: Settings, *arguments: str) -> CompletedProcess[str]:
    """Run a command in this process, as one that starts with `settings` would, to its end."""
    out, err = io.StringIO(), io.StringIO()
    with _settings(settings, arguments), _own_log(), redirect_stdout(out), redirect_stderr(err):
        code = _exit_code()
    return CompletedProcess([*arguments], code, out.getvalue(), err.getvalue())


def start(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    """Start a command in a process of its own, whose output is read by its `communicate`."""
    return subprocess.Popen(
        [*PROGRAM, *arguments],
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def spawn(
    settings: Settings, *arguments: str, timeout: float | None = 300
) -> CompletedProcess[str]:
    """Run a command in a process of its own to its end."""
    process = start(settings, *arguments)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return CompletedProcess([*arguments], process.returncode, out, err)


@contextmanager
def _settings(settings: Settings, arguments: tuple[str, ...]) -> Iterator[None]:
    before = dict(os.environ)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["factorprism", *arguments])
        os.environ.update(settings)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


@contextmanager
def _own_log() -> Iterator[None]:
    """Let the command set up its log as in a fresh process, and take that away again."""
    loggers = logging.getLogger(), logging.getLogger("factorprism")
    held = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    loggers[0].handlers.clear()
    try:
        yield
    finally:
        for logger, handlers, level in held:
            for handler in set(logger.handlers) - set(handlers):
                handler.close()
            logger.handlers[:] = handlers
            logger.setLevel(level)


def _exit_code() -> int:
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0
