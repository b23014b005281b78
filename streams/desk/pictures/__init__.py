"""Pictures as inline SVG: the same on a page and in a report, without a script.

Colours are classes of ``desk.css``, so that they follow dark and light; nothing is told by colour alone.
"""
