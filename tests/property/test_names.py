"""A sidecar, which has no pandas, knows names by the same hashes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from siphonwatch.detector.request.columns import hash_strings
from siphonwatch.detector.request.names import name_hash


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=80), min_size=1, max_size=20))
def test_one_name_is_hashed_as_a_column_of_them(names: list[str]) -> None:
    assert [name_hash(name) for name in names] == hash_strings(names).tolist()
