"""Judges a few words by the whole report: a "component" is a mass beside a tumour and inflammation beside infection."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from cds_service.domain.facts import StatedFact, TextFinding
from cds_service.domain.vocabulary import Certainty, ConditionGroup, FindingId, Qualifier, Section, Status, Trend
from cds_service.knowledge.grammar import load_grammar

_GRAMMAR: Final = load_grammar().refined
_STANDING: Final = frozenset({Status.PRESENT, Status.POSSIBLE})
_TUMOUR_SIGNS: Final = frozenset(
    {
        FindingId.MALIGNANCY_STATED, FindingId.TUMOR, FindingId.METASTASIS, FindingId.LYSIS, FindingId.EXPANSILE,
        FindingId.T1_REPLACED, FindingId.ATYPICAL_LESION, FindingId.FOCAL_LESION, FindingId.HEMANGIOMA,
    }
)  # fmt: skip
_INFLAMED: Final = frozenset(
    {
        FindingId.INFECTION_STATED, FindingId.ABSCESS_EPIDURAL, FindingId.ABSCESS_PARASPINAL, FindingId.DISC_FLUID,
        FindingId.DISC_ENHANCEMENT, FindingId.ENDPLATE_EROSION,
    }
)  # fmt: skip
_ENTITIES: Final = frozenset({FindingId.MALIGNANCY_STATED, FindingId.TUMOR, FindingId.METASTASIS})
# what a focus may be called in its own sentence
_NAMES_OF_A_FOCUS: Final = _ENTITIES | {
    FindingId.HEMANGIOMA, FindingId.INFECTION_STATED, FindingId.FRACTURE,
}  # fmt: skip
_SIGNALS: Final = frozenset({FindingId.MARROW_SIGNAL, FindingId.T1_LOW})
_DIFFERENTIAL: Final = 3
# letters between two sentences of one line
_NEXT_SENTENCE: Final = 2
_BENIGN: Final = _GRAMMAR["benign"]
_MALIGNANT: Final = _GRAMMAR["malignant"]
_WEIGHING: Final = frozenset(_GRAMMAR["weighing"])
_COMPONENT: Final = _GRAMMAR["component"]
_FAT: Final = _GRAMMAR["fat"]
_COLLECTION: Final = _GRAMMAR["collection"]
_PUS: Final = _GRAMMAR["pus"]
_SIGNS_OF_PUS: Final = _GRAMMAR["signs_of_pus"]
_ABSCESSES: Final = frozenset({FindingId.ABSCESS_EPIDURAL, FindingId.ABSCESS_PARASPINAL})
_BARE: Final = frozenset(_GRAMMAR["bare"])
_BREAKS: Final = _GRAMMAR["breaks"]
_DENSE: Final = _GRAMMAR["dense"]
_SHEATH: Final = _GRAMMAR["sheath"]
_TISSUE: Final = _GRAMMAR["tissue"]
_SPACE: Final = _GRAMMAR["space"]
_BONE: Final = _GRAMMAR["bone"]
_SWELLING: Final = _GRAMMAR["swelling"]
_SUPPURATING: Final = _GRAMMAR["suppurating"]
_SACROILIITIS: Final = _GRAMMAR["sacroiliitis"]
_SWOLLEN_JOINT: Final = _GRAMMAR["swollen_joint"]
_SOLID: Final = _GRAMMAR["solid"]


def refine(findings: Sequence[TextFinding], stated: Sequence[StatedFact] = ()) -> list[TextFinding]:
    """Return the findings with soft-tissue components read as what the report makes of them."""
    known = any(s.group is ConditionGroup.BONE_METASTASES and s.status is Status.PRESENT for s in stated)
    findings = _of_metastasis(_bloody(_differentials(findings)), known=known)
    findings = _with_answered_joints(_intradural(findings))
    findings = [_harmless(finding) for finding in _without_signal_of_hemangioma(findings)]
    infected = any(f.finding is FindingId.INFECTION_STATED and f.status in _STANDING for f in findings)
    suppurating = infected and any(
        f.finding is FindingId.ABSCESS_PARASPINAL and f.status in _STANDING for f in findings
    )
    tumorous = any(f.finding in _TUMOUR_SIGNS and f.status in _STANDING for f in findings)
    if not any(f.finding in _INFLAMED and f.status in _STANDING for f in findings) and not tumorous:
        # a component beside neither a tumour nor an inflammation is the mass that it is called
        return findings
    if tumorous and not infected:
        return [_solid(finding) for finding in findings]
    refined = []
    for finding in findings:
        if infected and finding.status is Status.ABSENT and _is_epidural_extension(finding):
            # "spondylodiscitis without epidural extension" denies the phlegmon
            refined.append(replace(finding, finding=FindingId.ABSCESS_EPIDURAL))
        elif finding.finding is FindingId.SOFT_MASS and finding.status in _STANDING and _is_component(finding):
            # "paravertebral abscess with an epidural component"; beside an abscess alone it may be granulation
            inside = suppurating and Qualifier.EPIDURAL in finding.qualifiers and _is_of_pus(finding)
            kind = FindingId.ABSCESS_EPIDURAL if inside else FindingId.PARAVERTEBRAL_EDEMA
            refined.append(replace(finding, finding=kind))
        else:
            refined.append(finding)
    return refined


def _solid(finding: TextFinding) -> TextFinding:
    """Read soft tissue in the canal as the mass that it is beside a tumour."""
    named = _named(finding)
    tissue = any(word in named for word in _TISSUE) and not any(word in named for word in _SWELLING)
    if (
        finding.finding is not FindingId.PARAVERTEBRAL_EDEMA
        or not tissue
        or Qualifier.EPIDURAL not in finding.qualifiers
    ):
        return finding
    return replace(finding, finding=FindingId.SOFT_MASS)


def _without_signal_of_hemangioma(findings: Sequence[TextFinding]) -> list[TextFinding]:
    """Leave out the signal that a haemangioma is told by: the marrow is not abnormal for that."""
    # an atypical one, or one beside a rival, explains nothing yet
    told = [
        f
        for f in findings
        if f.finding is FindingId.HEMANGIOMA and f.status in _STANDING and Qualifier.ATYPICAL not in f.qualifiers
    ]
    return [
        f
        for f in findings
        if not (
            f.status is Status.PRESENT
            and (f.finding in _SIGNALS or Qualifier.BY_SIGNAL in f.qualifiers)
            and any(_is_signal_of(f, hemangioma) for hemangioma in told)
        )
    ]


def _is_signal_of(signal: TextFinding, hemangioma: TextFinding) -> bool:
    """Tell a signal of the same sentence and place, or of the sentence before a typical haemangioma of that place.

    "T9 lesion, bright on T1 and T2, dark on STIR. Typical haemangioma." speaks of one thing; "L3 haemangioma, and L4 is
    hyperintense on STIR" of two.
    """
    if signal.text_index != hemangioma.text_index:
        return False
    if signal.sentence_span.start == hemangioma.sentence_span.start:
        parted = signal.levels and hemangioma.levels and not set(signal.levels) & set(hemangioma.levels)
        return not parted
    between = hemangioma.sentence_span.start - signal.sentence_span.end
    typical = Qualifier.TYPICAL in hemangioma.qualifiers and bool(signal.levels)
    return typical and signal.levels == hemangioma.levels and 0 <= between <= _NEXT_SENTENCE


def _intradural(findings: Sequence[TextFinding]) -> list[TextFinding]:
    """Read a mass that the report calls intradural as a tumour of the canal, not as one of the soft tissue."""
    sentences = {f.sentence for f in findings if f.status in _STANDING}
    if not any("intradural" in sentence.lower() for sentence in sentences):
        return list(findings)
    return [
        replace(f, finding=FindingId.TUMOR)
        if f.finding is FindingId.SOFT_MASS and f.status in _STANDING and "epidural" not in f.sentence.lower()
        else f
        for f in findings
    ]


def _bloody(findings: Sequence[TextFinding]) -> list[TextFinding]:
    """Read a collection that the same sentence calls a hematoma as blood and not as pus.

    Where the report concludes on a hematoma and names no infection, its collection is that blood.
    """
    if not any(f.finding is FindingId.INFECTION_STATED and f.status in _STANDING for f in findings):
        concluded = any(
            f.finding is FindingId.SPINAL_HEMATOMA and f.status in _STANDING and f.section is Section.IMPRESSION
            for f in findings
        )
        findings = [
            replace(f, finding=FindingId.SPINAL_HEMATOMA)
            if concluded and f.finding is FindingId.ABSCESS_EPIDURAL and f.status in _STANDING and _is_collection(f)
            else f
            for f in findings
        ]
    blood = {
        (f.text_index, f.sentence_span.start)
        for f in findings
        if f.finding is FindingId.SPINAL_HEMATOMA and (f.status is Status.PRESENT or _is_dense(f))
    }
    # a rim that enhances, gas, restricted diffusion or fever beside it, and infection anywhere, speak for pus
    inflamed = any(f.finding in _INFLAMED - _ABSCESSES and f.status in _STANDING for f in findings)
    lit = {(f.text_index, f.sentence_span.start) for f in findings if f.finding is FindingId.ENHANCEMENT}
    suspected = {
        (f.text_index, f.sentence_span.start)
        for f in findings
        if f.finding is FindingId.SPINAL_HEMATOMA
        and f.status is Status.POSSIBLE
        and not (inflamed or any(sign in f.sentence.lower() for sign in _SIGNS_OF_PUS))
    } - lit
    return [
        # "collection suggestive of a hematoma": no more than perhaps pus, and never less
        replace(f, status=Status.POSSIBLE, certainty=Certainty.POSSIBLE)
        if (f.text_index, f.sentence_span.start) in suspected
        and f.finding in _ABSCESSES
        and f.status is Status.PRESENT
        and _is_collection(f)
        else f
        for f in findings
        if not (
            (f.text_index, f.sentence_span.start) in blood
            and ((f.finding in _ABSCESSES and _is_collection(f)) or _is_of_blood(f))
        )
    ]


def _is_of_blood(finding: TextFinding) -> bool:
    """Tell the signal and the mass that a sentence describes its hematoma by: no word of bone stands with them."""
    named = _named(finding)
    if finding.finding in {FindingId.TUMOR, FindingId.SOFT_MASS}:
        return any(word in named for word in _SPACE) and "tumor" not in named
    return finding.finding in _SIGNALS and not any(word in named for word in _BONE)


def _is_dense(finding: TextFinding) -> bool:
    """Tell a collection that is dense on CT and may be a hematoma: no pus is."""
    sentence = finding.sentence.lower()
    return finding.status is Status.POSSIBLE and any(word in sentence for word in _DENSE)


def _is_collection(finding: TextFinding) -> bool:
    """Tell a collection that its sentence does not call pus."""
    pus = any(word in finding.sentence.lower() for word in _PUS)
    return any(word.startswith(_COLLECTION) for word in _named(finding).split()) and not pus


def _is_of_pus(finding: TextFinding) -> bool:
    """Tell a component whose own sentence speaks of pus."""
    return any(word in finding.sentence.lower() for word in _SUPPURATING)


def _with_answered_joints(findings: Sequence[TextFinding]) -> list[TextFinding]:
    """Mark edema beside a sacroiliac joint that the report itself takes for no sacroiliitis.

    It is answered where sacroiliitis is denied by name and the edema is slight or that of osteitis condensans.
    """
    named = [f for f in findings if f.finding is FindingId.SACROILIAC and any(w in _named(f) for w in _SACROILIITIS)]
    denied = any(f.status is Status.ABSENT for f in named) and not any(f.status in _STANDING for f in named)
    answered = []
    for finding in findings:
        if finding.finding is FindingId.SACROILIAC:
            slight = Qualifier.MILD in finding.qualifiers or "condensans" in finding.sentence.lower()
            swollen = any(word in _named(finding) for word in _SWOLLEN_JOINT)
            marked = {Qualifier.EXPLAINED_BENIGN} if denied and slight and swollen else frozenset()
            # what explains a signal of bone, as a worn joint, explains no inflamed one
            kept = (finding.qualifiers - {Qualifier.EXPLAINED_BENIGN}) | marked
            answered.append(replace(finding, qualifiers=kept))
        else:
            answered.append(finding)
    return answered


def _of_metastasis(findings: Sequence[TextFinding], *, known: bool) -> list[TextFinding]:
    """Read the bare words tumour and mass beside a metastasis as that metastasis, and a doubtful focus as perhaps one.

    ``known`` tells that the history names metastases of bone.
    """
    stated = any(f.finding is FindingId.METASTASIS and f.status is Status.PRESENT for f in findings)
    if not (stated or known):
        return list(findings)
    named = {(f.text_index, f.sentence_span.start) for f in findings if f.finding in _NAMES_OF_A_FOCUS}
    read: list[TextFinding] = []
    for finding in findings:
        bare = finding.finding is FindingId.TUMOR and finding.status is Status.PRESENT
        if stated and bare and _BARE.issuperset(_named(finding).split()):
            read.append(replace(finding, finding=FindingId.METASTASIS))
            continue
        read.append(finding)
        doubtful = finding.finding is FindingId.FOCAL_LESION and finding.status is Status.POSSIBLE
        if doubtful and not _is_benign(finding) and (finding.text_index, finding.sentence_span.start) not in named:
            read.append(replace(finding, finding=FindingId.METASTASIS))
    return read


def _is_benign(finding: TextFinding) -> bool:
    """Tell a focus that its sentence takes for harmless, without weighing it against anything or denying that."""
    words = [word.strip(".,;:()") for word in finding.sentence.lower().split()]
    called = any(word.startswith(_BENIGN) for word in words)
    return called and not any(word.startswith(_MALIGNANT) or word in _WEIGHING for word in words)


def _differentials(findings: Sequence[TextFinding]) -> list[TextFinding]:
    """Read three or more tumours in a row, named without a word of doubt, as the differential that they are."""
    entities: dict[tuple[int, int], set[int]] = {}
    for finding in findings:
        if finding.finding is FindingId.MALIGNANCY_STATED and finding.status is Status.PRESENT and _is_entity(finding):
            key = (finding.text_index, finding.sentence_span.start)
            entities.setdefault(key, set()).add(finding.span.start)
    listed = {key for key, starts in entities.items() if len(starts) >= _DIFFERENTIAL}
    return [
        replace(finding, status=Status.POSSIBLE, certainty=Certainty.PROBABLE)
        if (finding.text_index, finding.sentence_span.start) in listed
        and finding.finding in _ENTITIES
        and finding.status is Status.PRESENT
        else finding
        for finding in findings
    ]


def _is_entity(finding: TextFinding) -> bool:
    """Tell the name of a disease from a bare "tumour" and from a fracture that is called pathological."""
    named = _named(finding)
    return not _BARE.issuperset(named.split()) and not any(word in named for word in _BREAKS)


def _harmless(finding: TextFinding) -> TextFinding:
    """Mark tumours that are no question of malignancy: lipomas, and known nerve sheath tumours that do not grow."""
    if finding.finding is not FindingId.TUMOR:
        return finding
    named = _named(finding)
    settled = finding.trend is Trend.SAME or Qualifier.KNOWN in finding.qualifiers
    benign = any(word in named for word in _FAT) or (settled and any(word in named for word in _SHEATH))
    if not benign:
        return finding
    return replace(finding, qualifiers=finding.qualifiers | {Qualifier.EXPLAINED_BENIGN})


def _named(finding: TextFinding) -> str:
    start = finding.span.start - finding.sentence_span.start
    return finding.sentence[start : start + finding.span.end - finding.span.start].lower()


def _is_epidural_extension(finding: TextFinding) -> bool:
    words = _named(finding)
    extends = any(word in words for word in ("extensi", "ausdehn", "ausbreit"))
    return finding.finding is FindingId.SOFT_MASS and extends and ("epidural" in words or "peridural" in words)


def _is_component(finding: TextFinding) -> bool:
    words = _named(finding)
    return any(word in words for word in _COMPONENT) and not any(word in words for word in _SOLID)
