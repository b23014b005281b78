"""A configuration makes the detector's settings, or says which of its own is wrong."""

from __future__ import annotations

import pytest
from siphonwatch.streams.common import config
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.errors import UsageError

NUMBERS = sorted(name for name, field in Config.model_fields.items() if field.annotation is float)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_a_number_without_an_end_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"setting {name} is wrong"):
        config.load(None, **{name: value})


def test_the_ends_of_what_it_takes_are_settings_of_the_detector() -> None:
    for given in ({"tick_seconds": 1, "lateness_seconds": 0, "accounts_most": 256}, {"ahead_hours": 1e-9, "behind_hours": 1e-9}):
        config.load(None, **given).detection()
