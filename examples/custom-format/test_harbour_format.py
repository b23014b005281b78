"""Harbour's format does what every format must."""

from pathlib import Path

import pytest
from siphonwatch.streams.contracts import FormatContract


class TestHarbour(FormatContract):
    """See :class:`FormatContract`."""

    @pytest.fixture
    def name(self) -> str:
        """The name of the entry point."""
        return "harbour"

    @pytest.fixture
    def records(self) -> list[bytes]:
        """Records as Harbour writes them."""
        return (Path(__file__).parent / "harbour.jsonl").read_bytes().splitlines()
