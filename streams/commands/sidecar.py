"""``siphonwatch sidecar``."""

from __future__ import annotations

import click
from siphonwatch.streams.commands.options import STORE, configured
from siphonwatch.streams.common.config import Config


@click.command()
@configured(
    *STORE, "decision_host", "decision_port", "decision_grpc_port", "decision_account_header", "decision_fail", "decision_dry_run",
    "decision_degrade",
    "throttle_rpm", "http_port", "log_level",
)  # fmt: skip
def sidecar(settings: Config) -> None:
    """Answer a gateway whether a request may go on. Secrets come from the environment, a file, or SIPHONWATCH_SECRETS_DIR."""
    from siphonwatch.streams.sidecar.serve import serve

    serve(settings)
