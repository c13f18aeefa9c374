"""Settles statements of one report that contradict each other, and says so."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Final

from cds_service.domain.facts import Conflict, ConflictKind, Span, TextFinding
from cds_service.domain.vocabulary import Certainty, FindingId, Qualifier, Section, Status
from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.words import cut, fold

_SERIOUSNESS: Final = {Status.PRESENT: 2, Status.POSSIBLE: 1, Status.ABSENT: 0}
_CONCLUDING: Final = frozenset({Section.IMPRESSION, Section.ADDENDUM})
_JOINTS: Final = frozenset({FindingId.FACET, FindingId.SACROILIAC})
_CONTACTED: Final = frozenset({FindingId.CORD, FindingId.ROOT})
_SHAPING: Final = ("deform", "flatten", "indent", "distort", "abflach", "eindell", "aplatiz", "amprent")
_PRESSING: Final = ("compres", "imping", "displac", "kompr", "verlager", "comprim", "deplas")
# a denial with one of these words denies that kind or place only
_PLACES: Final = frozenset({Qualifier.EPIDURAL, Qualifier.PARAVERTEBRAL, Qualifier.PREVERTEBRAL, Qualifier.PSOAS})
_NARROWING: Final = _PLACES | {Qualifier.ACUTE, Qualifier.PATHOLOGIC, Qualifier.MALIGNANT, Qualifier.BURST}
# how a narrative ends a suspicion, not how a description denies a finding
_REJECTING: Final = ("ruled out", "excluded", "ausgeschlossen", "exclus", "infirm")
# findings that are only suspected of being fresh, and settled once they are old
_PASSING: Final = frozenset({FindingId.FRACTURE, FindingId.FRACTURE_LINE, FindingId.HEIGHT_LOSS, FindingId.CONTUSION})
# a disease ruled out in a year that is named was ruled out then
_YEAR: Final = re.compile(r"\b(?:19|20)\d\d\b")
# the word beside what is denied, and no more characters than it may have
_NEW: Final = frozenset(map(fold, ("new", "neue", "neuer", "neues", "neuen", "neuem", "nou", "noua", "noi")))
_NEAR: Final = 48
_REST: Final = load_grammar().sentences["rest"]


def settle(
    findings: Sequence[TextFinding], emergency: frozenset[FindingId]
) -> tuple[list[TextFinding], list[Conflict]]:
    """Return the findings that stand, and the conflicts.

    Of an emergency finding the more serious statement stands; otherwise the impression outranks the findings section.
    Two statements of one section both stand, and a denial beside a statement at the same place is a conflict.
    """
    findings = _without_denied_contact(findings)
    findings = _without_rejected(findings)
    denials = _Denials(findings)
    joints = {(f.text_index, f.sentence_span.start) for f in findings if f.finding in _JOINTS}
    dropped: set[int] = set()
    conflicts: list[Conflict] = []
    by_finding: dict[FindingId, list[int]] = {}
    for number, finding in enumerate(findings):
        if finding.status in _SERIOUSNESS:
            by_finding.setdefault(finding.finding, []).append(number)
    for members in by_finding.values():
        if len({findings[n].status for n in members}) < 2 or len(members) > 40:  # noqa: PLR2004
            continue
        for one, two in combinations(members, 2):
            if findings[one].status is findings[two].status:
                continue
            if findings[one].finding is FindingId.EDEMA and any(
                (findings[n].text_index, findings[n].sentence_span.start) in joints for n in (one, two)
            ):
                # edema beside a facet joint is not what "no marrow edema" of the bodies denies
                continue
            _settle_pair(findings, (one, two), emergency, denials, dropped, conflicts)
    kept = [finding for number, finding in enumerate(findings) if number not in dropped]
    return kept, list(dict.fromkeys(conflicts))


def _without_denied_contact(findings: Sequence[TextFinding]) -> list[TextFinding]:
    """Take contact with the cord back where compression is denied for the same level."""
    denied = {
        level
        for finding in findings
        if finding.finding is FindingId.CORD
        and finding.status is Status.ABSENT
        and finding.certainty is Certainty.CERTAIN
        and not _denies_shape_only(finding)
        for level in finding.levels
    }
    uncompressed = {
        _sentence_of(f)
        for f in findings
        if f.finding in _CONTACTED and f.status is Status.ABSENT and not _denies_shape_only(f)
    }
    touched = {
        _sentence_of(f)
        for f in findings
        if f.finding in _CONTACTED and f.status is Status.POSSIBLE and Qualifier.CONTACT_ONLY in f.qualifiers
    }
    kept = []
    for finding in findings:
        contact = Qualifier.CONTACT_ONLY in finding.qualifiers and finding.status is Status.POSSIBLE
        if finding.status is Status.ABSENT and _denies_shape_only(finding) and _sentence_of(finding) in touched:
            # "contacts the cord without deforming it" is contact still
            continue
        if contact and _sentence_of(finding) in uncompressed:
            continue
        if contact and finding.finding is FindingId.CORD and finding.levels and denied:
            levels = tuple(level for level in finding.levels if level not in denied)
            if levels:
                kept.append(replace(finding, levels=levels))
        else:
            kept.append(finding)
    return kept


def _without_rejected(findings: Sequence[TextFinding]) -> list[TextFinding]:
    """Take a suspicion back that a later sentence of the same text says was ruled out, or is old at that place."""
    rejected = [
        f
        for f in findings
        # a past infection or tumour makes the suspicion of another one stronger, not weaker
        if (f.status is Status.HISTORICAL and f.levels and f.finding in _PASSING)
        or (
            f.status is Status.ABSENT
            and not (f.finding not in _PASSING and _YEAR.search(f.sentence))
            and f.cue is not None
            and any(part in fold(f.cue) for part in _REJECTING)
            and " " in f.cue
        )
    ]
    return [
        f
        for f in findings
        if f.status is not Status.POSSIBLE
        or not any(
            r.finding is f.finding
            and r.text_index == f.text_index
            and r.sentence_span.start > f.sentence_span.start
            and (
                not r.levels
                or (not f.levels and r.status is Status.ABSENT)
                or bool(f.levels and set(f.levels) <= set(r.levels))
            )
            for r in rejected
        )
    ]


class _Denials:
    """What the denials of a report say, by their sentence and worked out once for each."""

    def __init__(self, findings: Sequence[TextFinding]) -> None:
        self._by_sentence: dict[Span, list[TextFinding]] = {}
        self._of_rest: dict[str, bool] = {}
        for finding in findings:
            if finding.status is Status.ABSENT:
                self._by_sentence.setdefault(finding.sentence_span, []).append(finding)

    def is_of_rest(self, denial: TextFinding) -> bool:
        """Tell "no other fracture", which speaks of the rest."""
        known = self._of_rest.get(denial.sentence)
        if known is None:
            known = any(word.startswith(_REST) for word in cut(denial.sentence).words)
            self._of_rest[denial.sentence] = known
        return known

    def narrows(self, denial: TextFinding, other: TextFinding, kinds: frozenset[Qualifier] = _NARROWING) -> bool:
        """Tell whether a denial is of one kind or place only: "no acute fracture", "no epidural tumour"."""
        said = frozenset[Qualifier]().union(
            *(
                f.qualifiers
                for f in self._by_sentence[denial.sentence_span]
                if f.span.start <= denial.span.end and denial.span.start <= f.span.end
            )
        )
        return bool((said & kinds) - other.qualifiers)


def _denies_shape_only(finding: TextFinding) -> bool:
    """Tell "without deforming the cord" from the denial of compression."""
    start = finding.span.start - finding.sentence_span.start
    said = finding.sentence[start : start + finding.span.end - finding.span.start].lower()
    return any(word in said for word in _SHAPING) and not any(word in said for word in _PRESSING)


def _sentence_of(finding: TextFinding) -> tuple[FindingId, int, int]:
    return finding.finding, finding.text_index, finding.sentence_span.start


def _settle_pair(
    findings: Sequence[TextFinding],
    pair: tuple[int, int],
    emergency: frozenset[FindingId],
    denials: _Denials,
    dropped: set[int],
    conflicts: list[Conflict],
) -> None:
    one, two = (findings[number] for number in pair)
    if not _same_place(one, two, denials):
        return
    absent, other = (one, two) if one.status is Status.ABSENT else (two, one)
    loser = _loser(one, two, emergency)
    # "no epidural tumour" in the conclusion takes no metastasis of the bone back
    spared = absent.status is Status.ABSENT and loser is not None and (one, two)[loser] is other
    if loser is not None and not (spared and denials.narrows(absent, other, _PLACES)):
        dropped.add(pair[loser])
    if absent.status is Status.ABSENT and one.sentence != two.sentence and not denials.narrows(absent, other):
        levels = tuple(dict.fromkeys((*one.levels, *two.levels)))
        conflicts.append(Conflict(ConflictKind.STATUS, one.finding, (one.sentence, two.sentence), levels))


def _same_place(one: TextFinding, two: TextFinding, denials: _Denials) -> bool:
    """Tell whether two statements speak of the same place; "no other ..." speaks of the rest."""
    if one.sentence_span == two.sentence_span and one.text_index == two.text_index:
        return False
    if one.levels and two.levels and not set(one.levels) & set(two.levels):
        return False
    return not any(
        said.status is Status.ABSENT and (denials.is_of_rest(said) or _is_of_new(said)) for said in (one, two)
    )


def _is_of_new(denial: TextFinding) -> bool:
    """Tell "no new edema" and "no new enhancing lesion", which do not deny what is known."""
    start = denial.span.start - denial.sentence_span.start
    end = start + denial.span.end - denial.span.start
    before = _behind_denial(denial, cut(denial.sentence[max(0, start - _NEAR) : start]).words)
    after = cut(denial.sentence[end : end + _NEAR]).words[:1]
    said = cut(denial.sentence[start:end]).words
    return not _NEW.isdisjoint((*before, *said, *after))


def _behind_denial(denial: TextFinding, before: Sequence[str]) -> Sequence[str]:
    """Return the words from the denial up to what it denies, or the last of them where it stands elsewhere."""
    cue = cut(denial.cue).words if denial.cue else ()
    places = [n for n, word in enumerate(before) if word in cue]
    return before[places[-1] :] if places else before[-1:]


def _loser(one: TextFinding, two: TextFinding, emergency: frozenset[FindingId]) -> int | None:
    concluding = (one.section in _CONCLUDING, two.section in _CONCLUDING)
    if one.finding in emergency:
        if concluding[0] == concluding[1]:
            return None
        return 0 if _SERIOUSNESS[one.status] < _SERIOUSNESS[two.status] else 1
    if concluding[0] == concluding[1]:
        return None
    earlier = 1 if concluding[0] else 0
    loser = (one, two)[earlier]
    winner = (one, two)[1 - earlier]
    narrower = bool(loser.levels) and not winner.levels and Status.ABSENT in {loser.status, winner.status}
    return None if narrower else earlier
