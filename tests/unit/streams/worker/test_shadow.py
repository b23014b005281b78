"""A worker with a second prior beside the first says in its metrics where they differ; with the same prior they never do."""

from __future__ import annotations

import threading

from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.streams.common import prior
from siphonwatch.streams.demo.traffic import encode
from siphonwatch.streams.formats import decoder
from siphonwatch.streams.sinks import Sinks
from siphonwatch.streams.sources.memory import MemorySource
from siphonwatch.streams.stores import snapshot
from siphonwatch.streams.stores.memory import MemoryStore
from siphonwatch.streams.worker.metrics import Metrics
from siphonwatch.streams.worker.worker import Worker

from tests.services.process import wait_until


def test_the_same_prior_beside_itself_differs_nowhere() -> None:
    traffic = simulate(World(accounts=120, days=1.0, prevalence=0.3, seed=5, harvests=("naive", "reasoning")))
    store, metrics = MemoryStore(), Metrics()
    source = MemorySource([encode(request) for request in traffic.requests])
    worker = Worker(source, store, decoder("auto"), Sinks(), metrics, prior.load(), DEFAULT, idle_after=0.2, shadow=prior.load())
    thread = threading.Thread(target=worker.run)
    thread.start()

    def judged() -> bool:
        (position, *_), stored = store.positions(1)[0], store.context()
        return bool(position and stored) and snapshot.unpack_context(stored or b"", DEFAULT).closed >= (position.last if position else 0)

    wait_until(judged, 30, "everything to be judged")
    worker.stop()
    thread.join()
    flagged = sum(standing.level in ("throttle", "block") for standing in store.standings().values())
    values = {by: metrics.shadow.labels(by)._value.get() for by in ("both", "only_present", "only_shadow")}
    assert values == {"both": flagged, "only_present": 0, "only_shadow": 0}
