"""What workers say to each other about shards: values as they were, nothing that runs, and errors that say who failed."""

from __future__ import annotations

import io

import msgspec
import numpy as np
import pytest
from siphonwatch.detector.judging.census import Census
from siphonwatch.detector.judging.shard import Judged, Named, Shard
from siphonwatch.detector.scoring.population import Population
from siphonwatch.detector.scoring.spectrum import spectrum
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.streams.common import prior
from siphonwatch.streams.common.errors import Behind, Fenced, Moved, Unavailable
from siphonwatch.streams.contracts.samples import findings, rows
from siphonwatch.streams.stores.memory import MemoryStore
from siphonwatch.streams.worker import wire
from siphonwatch.streams.worker.keeper import CALLS, OF_SHARDS, Keeper
from siphonwatch.streams.worker.metrics import Metrics

from tests.services.judges import two_keepers


@pytest.mark.parametrize("function", [*CALLS.values(), *OF_SHARDS.values()], ids=lambda function: function.__name__)
def test_whatever_may_be_asked_says_the_types_of_its_values(function: object) -> None:
    hints = wire._hints(function)  # type: ignore[arg-type]
    assert "return" in hints
    for name, wanted in hints.items():
        assert wire._decoder(wanted) is not None, name


def test_rows_counts_and_findings_come_as_they_were() -> None:
    population = Population()
    population.counts[3, 5] = 7
    census = Census(population, *(spectrum(np.array([1.5, -2.25, 1.5])) for _ in range(4)))
    found = wire.result(Shard.census, wire.packed(census))
    assert (found.population.counts == population.counts).all()
    assert found.current.quantiles([0.5]) == census.current.quantiles([0.5])
    named = wire.result(Shard.fetch, wire.packed(Named(["a", "b"], rows(2), np.zeros(2, [("evidence", "<f8"), ("level", "u1")]))))
    assert (named.names, named.rows.tobytes(), named.rows.dtype) == (["a", "b"], rows(2).tobytes(), rows(2).dtype)
    judged = Judged(findings(), np.array([1, 2**63 + 1], np.uint64), {4: [("a", rows(1), 60)]})
    back = wire.result(Keeper.judge, wire.packed(judged))
    assert (back.findings, back.met.tolist()) == (findings(), [1, 2**63 + 1])
    assert back.together[4][0][1].tobytes() == rows(1).tobytes()


def test_an_array_that_holds_objects_is_refused() -> None:
    file = io.BytesIO()
    np.save(file, np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(msgspec.ValidationError, match="allow_pickle"):
        wire.result(Shard.fetch, msgspec.msgpack.encode({"names": [], "rows": file.getvalue(), "records": file.getvalue()}))


def test_an_error_is_raised_where_it_was_asked() -> None:
    for error in (Moved("m"), Fenced("f")):
        raised = wire.raised("w", wire.failed(error))
        assert (type(raised), str(raised)) == (type(error), str(error))
    behind = wire.raised("w", wire.failed(Behind("b", "pane", 3, "missing")))
    assert isinstance(behind, Behind)
    assert (str(behind), behind.what, behind.partition, behind.kind) == ("b", "pane", 3, "missing")
    other = wire.raised("w", wire.failed(ZeroDivisionError("z")))
    assert isinstance(other, Unavailable)
    assert "w, which keeps a part of the accounts, failed (ZeroDivisionError: z)" in str(other)


def test_a_question_that_nobody_may_ask_is_answered_with_an_error() -> None:
    keeper = Keeper(MemoryStore(), prior.load(), DEFAULT, Metrics())
    keeper.assign({0}, 1)
    for call in ("leave", "__init__", "judged"):
        asked = keeper.message(msgspec.msgpack.encode(wire.Ask("1" + call, "x", [keeper.name], "present", call, msgspec.Raw(b"\x80"))))
        assert asked is not None
        assert msgspec.msgpack.decode(asked[1], type=wire.Answer).error[0] == "KeyError"
    assert keeper.message(msgspec.msgpack.encode(wire.Ask("2", "x", ["another"], "present", "begin", msgspec.Raw(b"\x80")))) is None


def test_an_answer_of_another_version_is_waited_out() -> None:
    store = MemoryStore()
    keepers, keeper, others = two_keepers(store, "leader")
    keeper.begin("leader", "")
    store.answer("leader-1", msgspec.msgpack.encode(wire.Answer(others.name, msgspec.Raw(wire.packed({"accounts": "many"})))))
    with pytest.raises(Unavailable, match="run one version"):
        keepers.begin("")
