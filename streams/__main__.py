"""``python -m streams`` is the ``siphonwatch`` command."""

from siphonwatch.streams.commands.main import main

main()
