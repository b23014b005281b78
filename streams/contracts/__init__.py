"""Contract tests: what any format, source, store or sink must do, as classes of pytest tests to derive from.

Ours run in ``tests/contract/``, those of other packages where their authors put them (see ``docs/extending.md``). Needs pytest.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in ("format", "sink", "source", "store")))

from siphonwatch.streams.contracts.format import FormatContract  # noqa: E402
from siphonwatch.streams.contracts.sink import SinkContract  # noqa: E402
from siphonwatch.streams.contracts.source import SourceContract  # noqa: E402
from siphonwatch.streams.contracts.store import StoreContract  # noqa: E402

__all__ = ["FormatContract", "SinkContract", "SourceContract", "StoreContract"]
