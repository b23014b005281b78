"""``siphonwatch desk``."""

from __future__ import annotations

from pathlib import Path

import click
from siphonwatch.streams.commands.options import STORE, configured
from siphonwatch.streams.common.config import Config


@click.command()
@click.option("--replay", type=click.Path(path_type=Path), help="a finished replay instead: the folder that `replay --keep` wrote")
@configured(*STORE, "desk_host", "desk_port", "prior", "shadow_prior", "report_key", "log_level")
def desk(settings: Config, replay: Path | None) -> None:
    """Serve the analyst's pages. Tokens come from the environment, a file, or SIPHONWATCH_SECRETS_DIR."""
    from siphonwatch.streams.desk.web.serve import serve

    serve(settings, replay)
