"""The examples in the docstrings."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from nni_tuners import columns, designs, grid_search, quantiles


@pytest.mark.parametrize(
    "module", [columns, designs, grid_search, quantiles], ids=lambda module: module.__name__
)
def test_examples_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert (result.failed, result.attempted > 0) == (0, True)
