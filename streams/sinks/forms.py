"""How a finding is written where it leaves the program."""

from __future__ import annotations

from collections.abc import Callable

from siphonwatch.streams.sinks.ocsf import ocsf

FORMS: dict[str, Callable[[bytes], bytes]] = {"native": lambda finding: finding, "ocsf": ocsf}
