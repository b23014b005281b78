"""Hashes of what can be tried one by one are keyed by a secret, and verdicts rest on which of them are equal, not on the key."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.request.columns import batch, hash_strings
from siphonwatch.detector.request.request import Request, epoch_ms
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.detector.sketch.fold import fold
from siphonwatch.streams.common import prior

ONE, OTHER = bytes(range(16)), bytes(range(16, 32))
NETWORK = [f"203.0.{third}.{fourth}" for third in range(256) for fourth in range(256)]


def within_the_samples(requests: list[Request]) -> list[Request]:
    """The same traffic with no more addresses, payments and agents an account than a row keeps: then nothing is drawn by hash."""
    seen: dict[str, dict[str, list[str | None]]] = defaultdict(lambda: defaultdict(list))
    for request in requests:
        known = seen[request.account_id]
        for name, most in (("source_ip", 2), ("payment_fingerprint", 2), ("user_agent", 2)):
            value = getattr(request, name)
            if value not in known[name] and len(known[name]) < most:
                known[name].append(value)
            if value not in known[name]:
                setattr(request, name, known[name][-1])
    return requests


def judged(requests: list[Request], key: bytes) -> Engine:
    engine = Engine(prior.load())
    for start in range(0, len(requests), 8192):
        part = requests[start : start + 8192]
        engine.process(batch(part, [epoch_ms(request.timestamp) for request in part], key))
    return engine


@pytest.mark.slow
def test_verdicts_do_not_depend_on_the_key() -> None:
    hydra = World(accounts=700, days=2.0, prevalence=0.05, seed=1, harvests=("hydra",), variety=0.0)
    requests = within_the_samples(simulate(hydra).requests)
    found = [judged(requests, key) for key in (b"", ONE, OTHER)]
    assert found[0].verdicts
    assert found[0].context.campaigns
    levels = {account: verdict.level for account, verdict in found[0].verdicts.items()}
    for engine in found[1:]:
        assert {account: verdict.level for account, verdict in engine.verdicts.items()} == levels
        for account, verdict in engine.verdicts.items():  # which values stand for a whole group is drawn by hash
            assert verdict.evidence == pytest.approx(found[0].verdicts[account].evidence, abs=0.05)
        assert [each.members for each in engine.context.campaigns] == [each.members for each in found[0].context.campaigns]


def test_a_row_tells_no_address_to_whoever_has_no_key() -> None:
    request = Request(
        "1", 1.79e9, "a", "m", source_ip="203.0.113.77", user_agent="curl/8.7.1", payment_fingerprint="pm_77", organization_id="org_77"
    )
    owner = np.zeros(1, np.int64)
    public, keyed, other = (fold(batch([request], [1_790_000_000_000], key), owner, 1) for key in (b"", ONE, OTHER))
    tried = set((hash_strings(NETWORK) >> np.uint64(32)).tolist())
    for name in ("address", "block", "payment", "agent"):
        kept = [set(row["slots"][f"sample_{name}"].ravel().tolist()) - {0} for row in (public, keyed, other)]
        assert all(kept)
        assert not kept[0] & kept[1]
        assert not kept[1] & kept[2]
    assert len({int(row["organization"][0]) for row in (public, keyed, other)}) == 3
    kept = [set(row["slots"]["sample_address"].ravel().tolist()) - {0} for row in (public, keyed)]
    assert kept[0] <= tried, "with a public key an address is found by trying"
    assert not kept[1] & tried
    for name in ("opening", "ending", "habit", "system"):
        assert (public["slots"][f"sample_{name}"] == keyed["slots"][f"sample_{name}"]).all()


@pytest.mark.parametrize("key", [b"", ONE])
def test_equal_strings_have_equal_hashes_and_nothing_has_none(key: bytes) -> None:
    values = ["a", None, "", "b", "a", "\ud800"] if key else ["a", None, "", "b", "a"]
    found = hash_strings(values, key).tolist()
    assert found[0] == found[4] != found[3]
    assert found[1] == found[2] == 0
    assert 0 not in (found[0], found[3])
