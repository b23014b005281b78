"""What the log holds at all: which fields no record ever had, and so which features are off."""

from __future__ import annotations

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
        self._met: set[str] = set()

    def look(self, batch: RequestBatch) -> None:
        """Note what a batch holds."""
        if not len(batch) or len(self._met) == len(self.FIELDS):
            return
        self.requests += len(batch)
        found = {
            "text": batch.text.prompt.any(),
            "tokens": batch.tokens_out.any(),
            "parameters": (batch.max_tokens > 0).any() or (batch.temperature == batch.temperature).any(),
            "source_ip": batch.address.any(),
            "user_agent": batch.agent.any(),
            "payment_fingerprint": batch.payment.any(),
            "account_created_at": batch.created.any(),
            "rate_limit": batch.rpm.any() or batch.tpm.any(),
            "end_user_id": batch.end_user.any(),
        }
        self._met |= {name for name, there in found.items() if there}

    @property
    def not_logged(self) -> list[str]:
        """Fields that no record had, once there were enough to say so."""
        return [name for name in self.FIELDS if name not in self._met] if self.requests >= self._enough else []

    @property
    def features_off(self) -> list[str]:
        """Features that need what is not logged."""
        missing = set(self.not_logged)
        return [feature.name for feature in FEATURES if missing & set(feature.fields)]
