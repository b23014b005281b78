"""Names as a person may safely see them. Clients choose names.

With markup, control and bidirectional characters, formulas, or a megabyte long.

What is stored, looked up and sent to machines stays the name itself; only what is shown goes through here.
"""

from __future__ import annotations

import unicodedata

from rich.markup import escape
from rich.text import Text

LONGEST = 96  # characters shown
MARKS = 3  # combining marks shown in a row
HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # categories that a terminal acts on, or shows as nothing
FORMULA = ("=", "+", "-", "@", "\t", "\r", "|", "%")  # how a cell begins that a spreadsheet computes


def printable(name: object, longest: int = LONGEST) -> str:
    """A name in one line, what cannot be seen written as its code point, cut in its middle where it is too long."""
    text = str(name)
    size = len(text)
    if size > longest:
        text = f"{text[: longest * 2 // 3]}…{text[-longest // 4 :]}"
    if text.isascii() and text.isprintable():
        return f"{text} ({size:,} characters)" if size > longest else text
    shown, marks = [], 0
    for each in text:
        kind = unicodedata.category(each)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if kind in HIDDEN or marks > MARKS:
            code = ord(each)
            shown.append(f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}")
        else:
            shown.append(" " if kind == "Zs" else each)
    made = "".join(shown)
    return f"{made} ({size:,} characters)" if size > longest else made


def cell(name: object, longest: int = LONGEST) -> Text:
    """The same for a cell of a table: text in which nothing is markup."""
    return Text(printable(name, longest))


def within_markup(name: object, longest: int = LONGEST) -> str:
    """The same for a line that has markup of its own."""
    return escape(printable(name, longest))


def for_csv(value: object) -> object:
    """A value that no spreadsheet computes: a text that begins like a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA) else value
