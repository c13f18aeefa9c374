"""Decides whether Romanian "edem medular" is marrow or cord; where the words leave it open, both stay possible."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from cds_service.domain.facts import Conflict, ConflictKind, TextFinding
from cds_service.domain.vocabulary import Certainty, FindingId, Language, Status
from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.words import cut

_WORDS: Final = load_grammar().marrow_or_cord
_EDEMA: Final = frozenset({FindingId.EDEMA, FindingId.EDEMA_ENDPLATE, FindingId.EDEMA_DIFFUSE})
_CORD: Final = frozenset({FindingId.CORD, FindingId.CORD_SIGNAL})
_STANDING: Final = frozenset({Status.PRESENT, Status.POSSIBLE})
_SWELLING_BONES: Final = frozenset(
    {
        FindingId.FRACTURE, FindingId.FRACTURE_LINE, FindingId.HEIGHT_LOSS, FindingId.METASTASIS, FindingId.LYSIS,
        FindingId.INFECTION_STATED, FindingId.MARROW_SIGNAL, FindingId.CONTUSION, FindingId.FOCAL_LESION,
        FindingId.ENDPLATE_EROSION, FindingId.MODIC1,
        FindingId.MALIGNANCY_STATED, FindingId.OSTEOPOROSIS, FindingId.ABSCESS_EPIDURAL, FindingId.ABSCESS_PARASPINAL,
    }
)  # fmt: skip
_BELOW_CORD: Final = ("L3", "L4", "L5", "S")
# a denial this many words before a word takes it back
_REACH: Final = 3
_CORD_WORDS: Final = frozenset({"maduva", "maduvei", "cordonul", "cordonului", "mielonul", "mielonului"})
_OF_BONE: Final = ("osos", "osoas", "spongios", "vertebral", "subcondral")


def resolve(findings: Sequence[TextFinding]) -> tuple[list[TextFinding], list[Conflict]]:
    """Return the findings with a possible cord finding for each ambiguous "edem medular", and one conflict a sentence.

    Bone when the sentence names bone, or when the report denies a change of the cord; open when neither is so, or when
    the sentence also names canal or compression without denying it (clinical design: Romanian trap of "edem medular").
    """
    cord_is_normal = any(f.finding in _CORD and f.status is Status.ABSENT for f in findings)
    cord_is_ill = any(f.status is Status.PRESENT and _lies_in_cord(f) for f in findings)
    pressed = {status: _places(findings, status) for status in _STANDING}
    # a broken or infiltrated vertebra swells as well as the cord that it presses on
    bony = any(f.status in _STANDING and f.finding in _SWELLING_BONES for f in findings)
    kept: list[TextFinding] = []
    conflicts: list[Conflict] = []
    for finding in findings:
        beside = {status for status, places in pressed.items() if _lies_in(finding, places)}
        of_cord = cord_is_ill or (Status.PRESENT in beside and not bony and not _is_below_cord(finding))
        if _names_cord(finding) or (of_cord and _is_bare(finding)):
            kept.append(replace(finding, finding=FindingId.CORD_SIGNAL))
            continue
        if not _is_open(finding, cord_is_normal=cord_is_normal):
            kept.append(finding)
            continue
        kept.append(replace(finding, status=Status.POSSIBLE, certainty=Certainty.POSSIBLE))
        if finding.finding is FindingId.EDEMA:
            # where the cord is said to be touched or pressed anyway, it is its swelling that is in question
            kind = FindingId.CORD_SIGNAL if beside else FindingId.CORD
            doubtful = replace(finding, status=Status.POSSIBLE, certainty=Certainty.POSSIBLE, cue=None)
            kept.append(replace(doubtful, finding=kind))
            sentences = (finding.sentence,)
            conflicts.append(Conflict(ConflictKind.AMBIGUOUS_TERM, FindingId.CORD, sentences, finding.levels))
    return kept, list({conflict.sentences: conflict for conflict in conflicts}.values())


def _places(findings: Sequence[TextFinding], status: Status) -> frozenset[str | None]:
    """Return the levels of a cord that is said to be pressed, with None for one at no level."""
    cords = [f for f in findings if f.status is status and f.finding is FindingId.CORD]
    return frozenset(level for cord in cords for level in cord.levels or (None,))


def _is_below_cord(finding: TextFinding) -> bool:
    """Tell levels below the end of the cord, where only bone marrow can swell."""
    return bool(finding.levels) and all(level.startswith(_BELOW_CORD) for level in finding.levels)


def _lies_in(finding: TextFinding, places: frozenset[str | None]) -> bool:
    """Tell whether a finding shares a level with places, or one of both names none."""
    return bool(places) and (not finding.levels or None in places or not places.isdisjoint(finding.levels))


def _names_cord(finding: TextFinding) -> bool:
    """Tell "măduva este comprimată, cu edem medular": the cord is named in the sentence, and no bone."""
    if finding.language is not Language.RO or finding.finding is not FindingId.EDEMA:
        return False
    words = cut(finding.sentence).words
    cord = any(a in _CORD_WORDS and not _begins(b, _OF_BONE) for a, b in pairwise((*words, "")))
    named = any(_is_named(a, b) for a, b in pairwise(words))
    return cord and named and not any(_begins(word, _WORDS["bone"]) for word in words)


def _lies_in_cord(finding: TextFinding) -> bool:
    """Tell a tumour inside the cord: the swelling around it is that of the cord."""
    return finding.finding is FindingId.TUMOR and "intramedul" in finding.sentence.lower()


def _is_bare(finding: TextFinding) -> bool:
    """Tell "edem medular" in a sentence that names no bone."""
    if finding.language is not Language.RO or finding.finding is not FindingId.EDEMA:
        return False
    words = cut(finding.sentence).words
    named = any(_is_named(a, b) for a, b in pairwise(words))
    return named and not any(_begins(word, _WORDS["bone"]) for word in words if not word.startswith("perilezi"))


def _is_open(finding: TextFinding, *, cord_is_normal: bool) -> bool:
    if finding.language is not Language.RO or finding.finding not in _EDEMA or finding.status is not Status.PRESENT:
        return False
    words = cut(finding.sentence).words
    named = [n for n, (a, b) in enumerate(pairwise(words)) if _is_named(a, b)]
    # "edem medular osos" leaves nothing open
    if all(n + 2 < len(words) and _begins(words[n + 2], _OF_BONE) for n in named):
        return False
    canal = any(
        _begins(word, _WORDS["canal"])
        and not any(_begins(before, _WORDS["denying"]) for before in words[max(0, place - _REACH) : place])
        for place, word in enumerate(words)
    )
    bone = any(_begins(word, _WORDS["bone"]) for word in words)
    return canal or not (bone or cord_is_normal)


def _is_named(edema: str, of: str) -> bool:
    return _begins(edema, _WORDS["opening"]) and _begins(of, _WORDS["marrow"])


def _begins(word: str, beginnings: Iterable[str]) -> bool:
    return word.startswith(tuple(beginnings))
