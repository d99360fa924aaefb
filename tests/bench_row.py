"""The lines of the table that ``make bench`` prints: what is counted once, and what is timed in turns."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median

Run = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Row:
    """Ours beside another's, in ``unit``. ``wanted`` is the highest ratio that is good."""

    what: str
    ours: float
    beside: str
    theirs: float
    unit: str
    wanted: float

    @property
    def ratio(self) -> float:
        """Ours in theirs; the same is 1, also when both are nothing."""
        return 1.0 if self.ours == self.theirs else self.ours / self.theirs if self.theirs else float("inf")

    def as_json(self) -> dict[str, object]:
        """All of it, and the verdict. A ratio to nothing is null: JSON has no infinity."""
        ratio = round(self.ratio, 3) if self.ratio != float("inf") else None
        return {**asdict(self), "ratio": ratio, "good": self.ratio <= self.wanted}

    def line(self) -> str:
        """In the columns of the table: what, ours, beside what, ratio."""
        word = "" if self.ratio <= self.wanted else f"  (wanted: at most {self.wanted:g})"
        ours, theirs = f"{self.ours:.2f} {self.unit}", f"{self.theirs:.2f} {self.unit}"
        return f"{self.what:<42} | {ours:>10} | {self.beside:<32} {theirs:>10} | {self.ratio:.2f}{word}"


@dataclass
class Timed:
    """One comparison. Seconds of each run; ``wanted`` is the highest ratio of medians that is good."""

    what: str
    beside: str
    wanted: float
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return median(self.ours) / median(self.theirs)

    def measure(self, ours: Run, theirs: Run, clean: Run) -> None:
        """One turn of each; who begins changes, so that neither always finds a warm machine."""
        turns = [(ours, self.ours), (theirs, self.theirs)]
        for run, seconds in turns if len(self.ours) % 2 == 0 else reversed(turns):
            began = time.monotonic()
            run()
            seconds.append(round(time.monotonic() - began, 3))
            clean()

    def longest(self) -> float:
        """Seconds that one more turn of each may take, cleaning included."""
        return 1.3 * (max(self.ours) + max(self.theirs))

    def as_json(self) -> dict[str, object]:
        medians = {"ours_median": median(self.ours), "theirs_median": median(self.theirs)}
        return {**asdict(self), **medians, "ratio": round(self.ratio, 3), "good": self.ratio <= self.wanted}

    def line(self) -> str:
        word = "" if self.ratio <= self.wanted else f"  (wanted: at most {self.wanted})"
        ours, theirs = f"{median(self.ours):.2f} s", f"{median(self.theirs):.2f} s"
        return f"{self.what:<42} | {ours:>8} | {self.beside:<32} {theirs:>8} | {self.ratio:.2f}{word}"
