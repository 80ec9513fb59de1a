"""Offsets as runs: neighbours in one, so that thousands of them cost no more than the gaps between them."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class Runs:
    """A set of offsets, kept as spans `(first, last)` in ascending order, both ends in it."""

    def __init__(self, offsets: Iterable[int] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._number = 0
        for offset in sorted(set(offsets)):
            self.add(offset)

    def __len__(self) -> int:
        return self._number

    def __contains__(self, offset: int) -> bool:
        at = bisect_right(self._firsts, offset) - 1
        return at >= 0 and offset <= self._lasts[at]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._firsts, self._lasts, strict=True)

    def __reversed__(self) -> Iterator[tuple[int, int]]:
        return zip(reversed(self._firsts), reversed(self._lasts), strict=True)

    @classmethod
    def of(cls, spans: Iterable[tuple[int, int]]) -> "Runs":
        """These spans, in ascending order, none of them next to another."""
        runs = cls()
        for first, last in spans:
            runs._firsts.append(first)
            runs._lasts.append(last)
            runs._number += last - first + 1
        return runs

    @property
    def lowest(self) -> int | None:
        return self._firsts[0] if self._firsts else None

    @property
    def highest(self) -> int | None:
        return self._lasts[-1] if self._lasts else None

    def add(self, offset: int) -> None:
        """It is in the set from now on; nothing changes if it was."""
        firsts, lasts = self._firsts, self._lasts
        if lasts and lasts[-1] == offset - 1:  # records are taken in their order
            self._number += 1
            lasts[-1] = offset
            return
        after = bisect_right(firsts, offset)
        if after and offset <= lasts[after - 1]:
            return
        self._number += 1
        joins_before = after > 0 and lasts[after - 1] == offset - 1
        joins_after = after < len(firsts) and firsts[after] == offset + 1
        if joins_before and joins_after:
            lasts[after - 1] = lasts.pop(after)
            firsts.pop(after)
        elif joins_before:
            lasts[after - 1] = offset
        elif joins_after:
            firsts[after] = offset
        else:
            firsts.insert(after, offset)
            lasts.insert(after, offset)

    def remove(self, offset: int) -> None:
        """It is in the set no more; nothing changes if it was not."""
        firsts, lasts = self._firsts, self._lasts
        at = bisect_right(firsts, offset) - 1
        if at < 0 or offset > lasts[at]:
            return
        self._number -= 1
        first, last = firsts[at], lasts[at]
        if first == last:
            firsts.pop(at)
            lasts.pop(at)
        elif offset == first:
            firsts[at] = offset + 1
        elif offset == last:
            lasts[at] = offset - 1
        else:
            lasts[at] = offset - 1
            firsts.insert(at + 1, offset + 1)
            lasts.insert(at + 1, last)

    def drop_below(self, offset: int) -> None:
        """What is lower is in the set no more."""
        firsts, lasts = self._firsts, self._lasts
        while lasts and lasts[0] < offset:
            self._number -= lasts.pop(0) - firsts.pop(0) + 1
        if firsts and firsts[0] < offset:
            self._number -= offset - firsts[0]
            firsts[0] = offset
