"""What a log does not hold is said, once there is enough of it to say so, with the features that are off."""

from __future__ import annotations

from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Request, Usage
from siphonwatch.detector.scoring.features import FEATURES, NAMES, NEEDS_TEXT
from siphonwatch.streams.common.coverage import ENOUGH, Coverage


def test_nothing_is_said_too_soon_and_then_the_truth() -> None:
    bare = [Request(str(at), 1.79e9, "a", "m", source_ip="192.0.2.1", usage=Usage(1, 1)) for at in range(ENOUGH // 2)]
    columns = batch(bare, [1_790_000_000_000] * len(bare))
    seen = Coverage()
    seen.look(columns)
    assert seen.not_logged == []
    seen.look(columns)
    assert seen.not_logged == [
        "text", "parameters", "user_agent", "payment_fingerprint", "account_created_at", "rate_limit", "end_user_id",
    ]  # fmt: skip
    needing = {name for name, needs in zip(NAMES, NEEDS_TEXT, strict=True) if needs}
    assert needing <= set(seen.features_off)
    resting = {feature.name for feature in FEATURES if {"parameters", "account_created_at"} & set(feature.fields)}
    assert resting
    assert resting <= set(seen.features_off)
    others = {feature.name for feature in FEATURES if set(feature.fields) <= {"tokens", "source_ip"}}
    assert others
    assert not others & set(seen.features_off)


def test_what_comes_later_is_no_longer_missing() -> None:
    seen = Coverage(enough=1)
    seen.look(batch([Request("1", 1.79e9, "a", "m")], [1_790_000_000_000]))
    assert "text" in seen.not_logged
    seen.look(batch([Request("2", 1.79e9, "a", "m", prompt="what is a ferry")], [1_790_000_000_000]))
    assert "text" not in seen.not_logged
