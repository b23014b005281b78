"""What the log holds: in what share of requests each field stands, which no record ever had, and so which features are off."""

from __future__ import annotations

import numpy as np
from siphonwatch.detector.request.columns import RequestBatch
from siphonwatch.detector.scoring.features import FEATURES

ENOUGH = 200  # requests before anything is said to be missing


class Coverage:
    """Fields met so far in what one worker read."""

    FIELDS = (
        "text", "tokens", "parameters", "source_ip", "user_agent", "payment_fingerprint", "account_created_at", "rate_limit", "end_user_id",
    )  # fmt: skip

    def __init__(self, enough: int = ENOUGH) -> None:
        self.requests, self._enough = 0, enough
        self._met = dict.fromkeys(self.FIELDS, 0)

    def look(self, batch: RequestBatch) -> None:
        """Note what a batch holds."""
        if not len(batch):
            return
        self.requests += len(batch)
        found = {
            "text": batch.text.prompt != 0,
            "tokens": batch.tokens_out != 0,
            "parameters": (batch.max_tokens > 0) | (batch.temperature == batch.temperature),
            "source_ip": batch.address != 0,
            "user_agent": batch.agent != 0,
            "payment_fingerprint": batch.payment != 0,
            "account_created_at": batch.created != 0,
            "rate_limit": (batch.rpm != 0) | (batch.tpm != 0),
            "end_user_id": batch.end_user != 0,
        }
        for name, there in found.items():
            self._met[name] += int(np.count_nonzero(there))

    @property
    def shares(self) -> dict[str, float]:
        """Field -> share of requests that had it."""
        return {name: count / max(self.requests, 1) for name, count in self._met.items()}

    @property
    def not_logged(self) -> list[str]:
        """Fields that no record had, once there were enough to say so."""
        return [name for name in self.FIELDS if not self._met[name]] if self.requests >= self._enough else []

    @property
    def features_off(self) -> list[str]:
        """Features that need what is not logged."""
        missing = set(self.not_logged)
        return [feature.name for feature in FEATURES if missing & set(feature.fields)]
