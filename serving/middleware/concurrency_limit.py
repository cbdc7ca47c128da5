"""How many requests one worker handles at once."""


class ConcurrencyLimit:
    """The limit of one route, or of several that share it."""

    def __init__(self, most: int) -> None:
        self._most, self._active = most, 0

    def acquire(self) -> bool:
        """Count a request; return False, and count nothing, if the limit is reached."""
        free = self._active < self._most
        self._active += free
        return free

    def release(self) -> None:
        self._active -= 1
