"""Warnings that a peer can cause as often as it likes, written once a second at the most."""

import logging
import time

INTERVAL = 1.0
"""Seconds between two: a flood must not fill a disk, and a person must still see that it goes on."""


class Sparing:
    """Calls like ``logger.warning``; what comes too soon is counted and told with the next one."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._next = 0.0
        self._held_back = 0

    def __call__(self, text: str, *arguments: object) -> None:
        now = time.monotonic()
        if now < self._next:
            self._held_back += 1
            return
        self._next = now + INTERVAL
        if self._held_back:
            text += f" (and {self._held_back} more since the last warning)"
            self._held_back = 0
        self._logger.warning(text, *arguments)
