"""What a clinical rule is: a stable id, a sentence, its references, and a pure function from facts to signals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from cds_service.domain.assessment import Cause, Pathway, RuleResult, Signal

if TYPE_CHECKING:
    from cds_service.rules.context import RuleContext


# Most rules do not fire for a patient, and say so in the same few words each time.
_MOST_WORDS = 2048
_PAIR = 2


@dataclass(slots=True, unsafe_hash=True)
class Found:
    """One thing a rule found: the value it argues for and the facts that made it."""

    value: str
    causes: tuple[Cause, ...]


@dataclass(slots=True, unsafe_hash=True)
class Outcome:
    """What a rule function returns: what it found (nothing: not fired), why, and which unknown facts could matter."""

    found: tuple[Found, ...]
    why: str
    missing: tuple[str, ...] = ()


def fired(value: str, causes: Iterable[Cause], why: str, *, missing: tuple[str, ...] = ()) -> Outcome:
    """Outcome of a rule that argues for one value."""
    return Outcome((Found(value, tuple(causes)),), why, missing)


@lru_cache(maxsize=_MOST_WORDS)
def quiet(why: str, *missing: str) -> Outcome:
    """Outcome of a rule that did not fire; ``missing`` names unknown facts that could have changed it."""
    return Outcome((), why, missing)


def when(value: str, causes: Iterable[Cause], yes: str, no: str) -> Outcome:
    """Outcome of a rule that fires exactly when it has causes."""
    known = tuple(causes)
    return fired(value, known, yes) if known else quiet(no)


RuleFunction = Callable[["RuleContext"], Outcome]


@dataclass(frozen=True, slots=True)
class Rule:
    """One clinical rule. ``variable`` is the state variable it argues about; its docstring is the clinical sentence."""

    id: str
    pathway: Pathway
    variable: str
    evidence: tuple[str, ...]
    function: RuleFunction

    @property
    def sentence(self) -> str:
        """The rule in words, as a clinician reads it, on one line."""
        return " ".join((self.function.__doc__ or "").split())

    def apply(self, context: RuleContext) -> tuple[RuleResult, tuple[Signal, ...]]:
        """Run the rule; every outcome gives a result for the explanation, and one signal for each thing found.

        An exception of the function is not caught: an assessment with a failed rule must not look complete.
        """
        outcome = self.function(context)
        found = outcome.found
        if not found:
            return _not_fired(self.id, outcome.why, outcome.missing), ()
        signals = tuple([Signal(self.id, self.variable, each.value, each.causes) for each in found])
        causes = found[0].causes if len(found) == 1 else tuple([cause for each in found for cause in each.causes])
        return RuleResult(
            self.id, fired=True, why=outcome.why, missing=outcome.missing, causes=distinct(causes)
        ), signals


@lru_cache(maxsize=_MOST_WORDS)
def _not_fired(rule_id: str, why: str, missing: tuple[str, ...]) -> RuleResult:
    return RuleResult(rule_id, fired=False, why=why, missing=missing)


def distinct(causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """Causes without repeats, each where it stood first."""
    return causes if len(causes) < _PAIR else tuple(dict.fromkeys(causes))


def rule(id_: str, pathway: Pathway, variable: str, *evidence: str) -> Callable[[RuleFunction], Rule]:
    """Make a rule of a function; the rule still has to be listed in the catalogue to be used."""

    def make(function: RuleFunction) -> Rule:
        return Rule(id_, pathway, variable, evidence, function)

    return make
