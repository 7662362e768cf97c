"""How many inputs a test gets, and how they are drawn."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz import manners

# Inputs of all tests together in a long run; without it each test takes as many as it says.
FUZZ = int(os.environ.get("FUZZ") or 0)
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
# Of these in a run of all tests, which has to be over in minutes.
_SHARE = 0.6
os.environ["SEED"] = str(SEED)  # for the workers of a run in several processes


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "inputs(number): how many inputs a test is worth")
    manners.keep_standard_error()


def pytest_report_header() -> str | None:
    return f"fuzz: {FUZZ} inputs, SEED={SEED}" if FUZZ else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marks = (item.get_closest_marker("inputs") for item in items)
    total = sum(mark.args[0] for mark in marks if mark)
    config.stash[_TIMES] = FUZZ / total if FUZZ and total else _SHARE


_TIMES = pytest.StashKey[float]()


@pytest.fixture
def fuzz(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return a function that runs a check on random inputs, as many as the test's mark says."""
    mark = request.node.get_closest_marker("inputs")
    examples = max(1, round(mark.args[0] * request.config.stash[_TIMES]))

    def run(inputs: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
        @settings(
            max_examples=examples,
            derandomize=not FUZZ,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        @given(inputs)
        def hold(x: Any) -> None:
            try:
                check(x)
            except AssertionError as error:
                raise AssertionError(f"{error}\nat {manners.text(x)}") from error

        (seed(SEED)(hold) if FUZZ else hold)()

    return run
