"""Priors: the one that ships beside the model, or a provider's own from a file."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import msgspec
from siphonwatch.detector.scoring.features import NAMES
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.streams.common.errors import UsageError


def load(path: Path | None = None) -> Prior:
    """The prior that ships with this version, or the one at ``path``; ``UsageError`` where that is none of this version's."""
    if path is None:
        return msgspec.json.decode(resources.files("siphonwatch.detector.scoring").joinpath("prior.json").read_bytes(), type=Prior)
    try:
        prior = msgspec.json.decode(path.read_bytes(), type=Prior)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"prior {path} cannot be read ({error}): make one with `siphonwatch train`") from error
    if set(NAMES) - set(prior.weights):
        raise UsageError(f"prior {path} was made by another version: make it again with `siphonwatch train`")
    return prior
