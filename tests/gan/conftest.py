"""What all tests of networks share."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def _same_random_numbers():
    """Start each test with the same random numbers, whichever ran before it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
