"""One line of the table that ``make bench`` prints, for what is counted once and not timed in turns."""

from dataclasses import asdict, dataclass


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
