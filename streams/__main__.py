"""``python -m streams`` is the ``siphonwatch`` command."""

from streams.cli import main

main()
