"""What a rule asks of a chart that holds nothing, so that it need not be asked where a chart holds none of that.

A rule is a function of the answers it gets. Where a chart holds none of the words that the rule asks an empty one for,
each answer is the empty one again, and so is what the rule says: that is worked out once and not for every patient. A
rule that looks at anything else than words on this way, such as the age or the day, is always run. Nobody has to say
anywhere what a rule is about.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cds_service.domain.assessment import RuleResult, Signal
from cds_service.rules.context import Basis, RuleContext
from cds_service.rules.lookup import DENIED, NAMED, ByWord, Charted, Stated
from cds_service.rules.rule import Rule

Combined = tuple[str, tuple[Signal, ...]]
Combine = Callable[[RuleContext, tuple[Signal, ...]], Combined]


class _Noted(ByWord[Any]):
    """Holds nothing, and notes the words that it is asked for, each behind a mark."""

    def __init__(self, asked: set[str], mark: str = "") -> None:
        super().__init__(())
        self._asked = asked
        self._mark = mark

    def of(self, words: Sequence[str]) -> tuple[Any, ...]:
        """Note the words."""
        self._asked.update([f"{self._mark}{word}" for word in words])
        return ()


class EmptyChart(RuleContext):
    """A chart that holds nothing and notes what it is asked for.

    ``unset`` are the values that variables have without any signal. What is no question by words is not here at all:
    asking for it raises AttributeError.
    """

    def __init__(self, basis: Basis, unset: dict[str, str]) -> None:
        self.asked: set[str] = set()
        self.thresholds = basis.thresholds
        self.organisms = basis.organisms
        self.values = unset
        self.kept = {}
        self.answers = {}
        self.variables_asked = 0
        nothing = _Noted(self.asked)
        named, denied = _Noted(self.asked, NAMED), _Noted(self.asked, DENIED)
        self._stated = Stated(named, nothing, nothing, denied)
        self._charted = Charted(nothing, nothing, nothing, nothing, nothing, nothing)
        self._edema = None
        self._recent_trauma = None

    def value(self, variable: str) -> str:
        """Value without any signal."""
        self.asked.add(variable)
        return self.values.get(variable, "")

    def fired(self, variable: str) -> tuple[Signal, ...]:
        """No signals."""
        self.asked.add(variable)
        return ()


@dataclass(slots=True, unsafe_hash=True)
class Silence:
    """What a rule says where a chart holds none of ``words``: it does not fire."""

    words: frozenset[str]
    result: RuleResult


def silence(rule: Rule, basis: Basis, unset: dict[str, str]) -> Silence | None:
    """Ask a rule about an empty chart; ``None`` where its answer there hangs on more than words."""
    chart = EmptyChart(basis, unset)
    try:
        result, signals = rule.apply(chart)
    except AttributeError:
        # it asked for what the empty chart does not have
        return None
    return None if signals else Silence(frozenset(chart.asked), result)


def value_unset(combine: Combine, basis: Basis, unset: dict[str, str]) -> tuple[str, frozenset[str] | None]:
    """Value that a combination gives without any signal and the words it asks for, ``None`` where it asks for more."""
    chart = EmptyChart(basis, unset)
    try:
        value, _ = combine(chart, ())
    except AttributeError:
        return "", None
    return value, frozenset(chart.asked)
