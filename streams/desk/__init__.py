"""What a person asks of a live store, and what a person decides."""

from __future__ import annotations

from siphonwatch.streams.common.config import Config
from siphonwatch.streams.desk.desk import AccountReport, Desk, FeatureLine


def open_desk(config: Config) -> Desk:
    """The desk on the store that the settings name; ``Unavailable`` where it does not answer."""
    from siphonwatch.streams.common import prior
    from siphonwatch.streams.stores import configured_store

    store = configured_store(config, config.decision_topic)
    store.ping()
    return Desk(store, prior.load(config.prior), config.detection(), config.privacy_account_key.get_secret_value())


__all__ = ["AccountReport", "Desk", "FeatureLine", "open_desk"]
