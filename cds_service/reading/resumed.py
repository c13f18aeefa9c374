"""Leads what is left open back to what was denied: "no metastasis; the latter, however, cannot be excluded"."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from cds_service.domain.facts import TextFinding
from cds_service.domain.vocabulary import Certainty, FindingId, Status
from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.lexicon import Hit
from cds_service.reading.sentences import Sentence
from cds_service.reading.words import Gap, Words

_GRAMMAR: Final = load_grammar().resumed
_LATTER: Final = frozenset(_GRAMMAR["latter"])
_FORMER: Final = frozenset(_GRAMMAR["former"])
_THIS: Final = frozenset(_GRAMMAR["this"])
_CONTRAST: Final = frozenset(_GRAMMAR["contrast"])
_FILLING: Final = frozenset(_GRAMMAR["filling"])
_OBJECT: Final = frozenset(_GRAMMAR["object"])
_NOT: Final = frozenset(_GRAMMAR["not"])
# "more likely than", "favoured over", "wahrscheinlicher als", "mai probabil decât"
_OUTWEIGHING: Final = re.compile(r"\b(?:than|over|preference to|als|dec[aâ]t)$", re.IGNORECASE)
_LETTERS_BEHIND: Final = 160
# whose weight no words take away
_NOT_TO_BE_MISSED: Final = frozenset(
    {
        FindingId.ABSCESS_EPIDURAL, FindingId.ABSCESS_PARASPINAL, FindingId.CORD, FindingId.CORD_SIGNAL,
        FindingId.CAUDA,
    }
)  # fmt: skip
_EXCLUDED: Final = ("exclu", "ruled", "auszuschl", "ausgeschl", "ausschl")
_REACH: Final = 6


def reopened(
    findings: list[TextFinding], words: Words, cues: Sequence[Hit], sentences: Sequence[Sentence]
) -> list[TextFinding]:
    """Return the findings of one text; what was denied is possible where a later clause leaves it open.

    The clause stands in the same sentence or the next and names nothing itself.
    """
    openings = [(cue, at) for cue in cues if cue.name == "possible>" and (at := _leads_back(words, cue)) is not None]
    firsts = [sentence.first for sentence in sentences] if openings else []
    for cue, at in openings:
        here = bisect_right(firsts, at) - 1
        low = words.starts[firsts[max(here - 1, 0)]]
        near = [f for f in findings if low <= f.span.start and f.span.end <= words.starts[at]]
        if not near or _names_own(findings, words, (at, cue.last)):
            continue
        findings = _opened(findings, near, words, cue, former=words.words[at] in _FORMER)
    return findings


def _leads_back(words: Words, cue: Hit) -> int | None:
    """Return the pronoun or the word of contrast that "cannot be excluded" follows, if one leads back from it."""
    excluded = any(words.words[n].startswith(_EXCLUDED) for n in range(cue.first, cue.last + 1))
    denied = not _NOT.isdisjoint(words.words[cue.first : cue.last + 1])
    outright = excluded and denied
    after = cue.last + 1
    if after < len(words) and words.words[after] in _OBJECT and words.gaps[after] <= Gap.COMMA:
        # "but it cannot be excluded that the patient moved"
        return None
    contrast = None
    for index in range(cue.first - 1, max(cue.first - 1 - _REACH, -1), -1):
        word = words.words[index]
        if words.gaps[index + 1] > Gap.COMMA:
            break
        if word in _LATTER or word in _FORMER or (outright and word in _THIS):
            return index
        if outright and word in _CONTRAST:
            # it may stand between a pronoun and the verb as well: "diese ist aber nicht auszuschließen"
            contrast = index
        elif word not in _FILLING:
            break
    return contrast


def _names_own(findings: Sequence[TextFinding], words: Words, clause: tuple[int, int]) -> bool:
    """Tell "but an abscess cannot be excluded" and "aber nicht auszuschließen ist ein Abszess"."""
    end = min(words.following("segment", Gap.SOFT)[clause[1]], clause[1] + 1 + _REACH)
    first, last = words.starts[clause[0]], words.ends[end - 1]
    return any(first <= f.span.start < last for f in findings)


def _opened(
    findings: list[TextFinding], near: Sequence[TextFinding], words: Words, cue: Hit, *, former: bool
) -> list[TextFinding]:
    """Return the findings with the last or, with ``former``, the first that was named before made possible.

    What was denied with it in one breath is left open with it.
    """
    last = max(near, key=lambda f: (f.span.start, f.span.end))
    if former:
        last = min((f for f in near if f.sentence_span == last.sentence_span), key=lambda f: f.span.start)
    if not _is_left_out(last) or last.cue is None:
        return findings
    text = words.text[words.starts[cue.first] : words.ends[cue.last]]
    return [
        replace(f, status=Status.POSSIBLE, certainty=Certainty.POSSIBLE, cue=text)
        if _is_left_out(f) and f.sentence_span == last.sentence_span and f.cue == last.cue
        else f
        for f in findings
    ]


def _is_left_out(finding: TextFinding) -> bool:
    return finding.status is Status.ABSENT or finding.certainty is Certainty.UNLIKELY


def outweighed(findings: Sequence[TextFinding], text: str) -> list[TextFinding]:
    """Return the findings of one text, unlikely where another is "more likely than" them.

    What must not be missed stays possible, and so does what the words behind it leave open.
    """
    return [
        replace(f, certainty=Certainty.UNLIKELY)
        if f.certainty is Certainty.POSSIBLE
        and f.cue is not None
        and _OUTWEIGHING.search(f.cue)
        and f.finding not in _NOT_TO_BE_MISSED
        and not any(stem in text[f.span.end : f.span.end + _LETTERS_BEHIND].lower() for stem in _EXCLUDED)
        else f
        for f in findings
    ]
