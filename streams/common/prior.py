"""The shipped prior, as a file beside the detector."""

from __future__ import annotations

from importlib import resources

import msgspec
from siphonwatch.detector.scoring.model import Prior


def load() -> Prior:
    """The prior that ships with this version."""
    return msgspec.json.decode(resources.files("siphonwatch.detector.scoring").joinpath("prior.json").read_bytes(), type=Prior)
