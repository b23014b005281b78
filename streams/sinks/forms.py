"""How a finding is written where it leaves the program."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.sinks.cef import cef
from siphonwatch.streams.sinks.ecs import ecs
from siphonwatch.streams.sinks.ocsf import ocsf
from siphonwatch.streams.sinks.stix import stix

FORMS: dict[str, Callable[[bytes], bytes]] = {"native": lambda finding: finding, "ocsf": ocsf, "ecs": ecs, "cef": cef, "stix": stix}
LINKED: dict[str, Callable[[bytes, str], bytes]] = {"ecs": ecs, "cef": cef, "stix": stix}  # those that hold a link to the desk


def form_of(asked: Mapping[str, Sequence[str]], usual: str, never: Collection[str] = ()) -> Callable[[bytes], bytes]:
    """The form that a sink's address asks for (``format=``), with links to its ``desk=``; ``UsageError`` lists the known ones."""
    name, desk = asked.get("format", [usual])[0], asked.get("desk", [""])[0]
    if name not in FORMS or name in never:
        raise UsageError(f"sinks: format={name} is not known here; known are {', '.join(each for each in FORMS if each not in never)}")
    if desk and name in LINKED:
        linked = LINKED[name]
        return lambda finding: linked(finding, desk)
    return FORMS[name]
