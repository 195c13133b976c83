"""Is it healthy? One list of checks; doctor, healthcheck, watch and the pages print parts of it."""

from factorprism.health.asking import PATIENCE_SECONDS, Question, ask, ask_at_once, list_questions
from factorprism.health.checks import CHECKS, DOCTOR, HEALTHCHECK, WATCH, Check, Scope, list_checks
from factorprism.health.freshness import Freshness, measure_freshness, read_freshness
from factorprism.health.result import CheckResult, Level, of_error
from factorprism.health.subject import Subject

__all__ = [
    "CHECKS",
    "DOCTOR",
    "HEALTHCHECK",
    "PATIENCE_SECONDS",
    "WATCH",
    "Check",
    "CheckResult",
    "Freshness",
    "Level",
    "Question",
    "Scope",
    "Subject",
    "ask",
    "ask_at_once",
    "list_checks",
    "list_questions",
    "measure_freshness",
    "of_error",
    "read_freshness",
]
