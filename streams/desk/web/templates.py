"""Pages from templates: everything that is shown is escaped, and names of clients are made printable."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from siphonwatch.streams.common.printable import printable
from siphonwatch.streams.common.times import day
from starlette.responses import HTMLResponse, Response

SIGN = {"clear": "○", "watch": "◔", "throttle": "◑", "block": "●"}
SAID = {True: "harvest", False: "benign", None: "allowed"}

environment = Environment(
    loader=PackageLoader("siphonwatch.streams.desk.web", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _span(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


environment.filters |= {
    "name": printable,
    "long": lambda text: printable(text, 2000), "day": day, "path": lambda text: quote(str(text), safe=""), "size": _size,
    "sign": lambda level: SIGN.get(level, ""), "said": lambda harvest: SAID[harvest], "span": _span, "count": lambda number: f"{number:,}",
    "money": lambda cost: f"{cost:,.2f}",
}  # fmt: skip


def render(template: str, status: int = 200, **values: Any) -> Response:
    """A page."""
    return HTMLResponse(environment.get_template(template).render(**values), status)
