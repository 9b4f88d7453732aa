"""``python -m omapush.cli`` is ``omapush``."""

from omapush.cli import main

main()
