"""What workers say of a store that is not as it was written."""

from __future__ import annotations

from siphonwatch.streams.stores.base import Fault
from siphonwatch.streams.worker.metrics import Metrics
from siphonwatch.streams.worker.recovery import report
from structlog.testing import capture_logs


def test_many_alike_are_one_line_and_all_are_counted() -> None:
    metrics = Metrics()
    faults = [Fault("missing", "accounts", f"shard {shard}") for shard in range(256)] + [Fault("unreadable", "context", "judge")]
    with capture_logs() as said:
        report(metrics, faults)
    assert [(one["kind"], one["key"], one.get("more")) for one in said] == [("missing", "shard 0", 255), ("unreadable", "judge", None)]
    assert metrics.registry.get_sample_value("siphonwatch_store_faults_total", {"kind": "missing", "what": "accounts"}) == 256
