"""What PostgreSQL's programs and the operating system say becomes one sentence and a remedy."""

from __future__ import annotations

import errno

import pytest

from factorprism.services._cluster import from_os_error, from_output


@pytest.mark.parametrize(
    ("output", "sentence", "remedy"),
    [
        (
            "creating directory ... ok\nFATAL:  could not write to file: No space left on device\n"
            "child process exited with exit code 1\n",
            "could not write to file",
            "disk is full",
        ),
        ('FATAL:  could not extend file "x": wrote only 1 of 2', "extend", "disk is full"),
        ("LOG:  x\nFATAL:  database files are incompatible\n", "incompatible", ""),
        ("initdb: error: could not access: Permission denied", "Permission denied", "permitted"),
        (
            "backend> ERROR:  role is missing\nSTATEMENT:  ALTER ROLE x PASSWORD 'open-sesame'\n"
            "backend> \n",
            "role is missing",
            "",
        ),
        ("STATEMENT:  ALTER ROLE x PASSWORD 'open-sesame'", "it said nothing", ""),
        ("", "it said nothing", ""),
    ],
)
def test_the_telling_line_of_a_program_is_found(output: str, sentence: str, remedy: str) -> None:
    error = from_output(output, "initdb failed")
    assert error.message.startswith("initdb failed: ")
    assert sentence in error.message
    assert remedy in error.remedy
    assert "\n" not in error.message
    assert "open-sesame" not in str(error)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EACCES, "FACTORPRISM_HOME"),
        (errno.EROFS, "read-only"),
    ],
)
def test_a_refusal_of_the_operating_system_has_a_remedy(number: int, remedy: str) -> None:
    error = from_os_error(OSError(number, "refused", "/some/file"), "cannot start")
    assert error.message == "cannot start: refused /some/file"
    assert remedy in error.remedy
