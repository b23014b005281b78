"""``siphonwatch migrate``."""

from __future__ import annotations

import click
from siphonwatch.streams.commands.options import STORE, configured
from siphonwatch.streams.common.config import Config


@click.command()
@configured(*STORE)
def migrate(settings: Config) -> None:
    """Copy a store of the version before into this version's layout. Stop the workers first."""
    from siphonwatch.streams.common import prior
    from siphonwatch.streams.common.errors import UsageError
    from siphonwatch.streams.stores import configured_store
    from siphonwatch.streams.stores.redis import RedisStore
    from siphonwatch.streams.stores.redis.migrate import migrate as copy

    store = configured_store(settings, settings.decision_topic)
    if not isinstance(store, RedisStore):
        raise UsageError("only a Redis store has versions: there is nothing to migrate")
    store.ping()
    done = copy(store, prior.load(settings.prior), settings.detection())
    click.echo(
        f"copied {done.accounts:,} accounts, {done.panes} open panes of {done.partitions} partitions and {done.rulings} rulings; "
        "not taken over: which requests were counted lately, and what the population looked like"
    )
