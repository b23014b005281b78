"""A provider's own list of banned accounts becomes its prior, and a shadow says where it differs before it is switched."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.judging.shadow import difference
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.streams.common import prior
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.demo.traffic import encode
from siphonwatch.streams.formats import decoder
from siphonwatch.streams.replay.run import replay
from siphonwatch.streams.training import provider

WORLD = World(accounts=250, days=1.0, prevalence=0.15, seed=31, harvests=("naive", "reasoning"))


def test_a_log_and_a_list_become_a_prior_that_ranks_that_log_better(tmp_path: Path) -> None:
    traffic = simulate(WORLD)
    log = tmp_path / "log.jsonl"
    log.write_bytes(b"".join(encode(request) + b"\n" for request in traffic.requests))
    banned = tmp_path / "banned.txt"
    banned.write_text("".join(f"{account}\n" for account, label in traffic.labels.items() if label.label == "harvest"))
    said = provider.labels(banned)
    made, harvesting, others = provider.train(provider.read([log], decoder("auto"), 10**6), said, weight=3)
    assert harvesting == sum(label.label == "harvest" for label in traffic.labels.values())
    assert harvesting + others == len(traffic.labels)
    path = tmp_path / "prior.json"
    path.write_bytes(msgspec.json.encode(made))
    present, shadow = Engine(prior.load()), Engine(prior.load(path))
    replay([log], present, decoder("auto"), shadow=shadow)

    def gap(engine: Engine) -> float:
        _, records = engine.accounts.known()
        evidence = records["own"]
        truth = np.array([traffic.labels[account].label == "harvest" for account in engine.accounts.ids])
        judged = evidence > -90
        pairs = evidence[judged & truth][:, None] > evidence[judged & ~truth][None, :]
        return float(pairs.mean())

    assert gap(shadow) > gap(present)
    differ = difference(present, shadow)
    assert not set(differ.only_present) & set(differ.only_shadow)
    assert {account for account, row in present.accounts.index.items()} == set(shadow.accounts.ids)


def test_labels_are_a_list_or_an_object(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    path.write_text("# banned in spring\na\n\n b \n")
    assert provider.labels(path) == {"a": "harvest", "b": "harvest"}
    path.write_text(json.dumps({"a": "harvest", "b": {"label": "benign", "kind": "office"}}))
    assert provider.labels(path) == {"a": "harvest", "b": "benign"}
    for text, hint in (('{"a": "evil"}', "harvest and benign"), ("{", "one banned account a line")):
        path.write_text(text)
        with pytest.raises(UsageError, match=hint):
            provider.labels(path)


def test_too_few_banned_accounts_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 5"):
        provider.train(simulate(WORLD).requests[:500], {}, 1)
