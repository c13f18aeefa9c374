"""Turns readings into the labels of the annotation guideline, for rows of a corpus file."""

from bisect import bisect_right
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from cds_service.domain.facts import Reading, ReportText, TextFinding
from cds_service.domain.vocabulary import FindingId, Language, Qualifier, Section, Status
from cds_service.knowledge.findings import CorpusLabel
from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.language import declared
from cds_service.reading.levels import find_levels
from cds_service.reading.pathway import edema_of, pathway_of
from cds_service.reading.placing import topic_of
from cds_service.reading.read import Reader
from cds_service.reading.words import cut, fold

_LABELLED: Final = frozenset({Status.PRESENT, Status.ABSENT, Status.POSSIBLE, Status.HISTORICAL, Status.OTHER_PERSON})
_STATING: Final = frozenset({Section.FINDINGS, Section.IMPRESSION, Section.ADDENDUM, Section.BODY})
_EDEMA: Final = ("edema", "oedema", "odem", "ödem", "edem")
_INFLAMED: Final = ("iliitis", "ileitis", "itis", "ilit", "erosi")
_LESS: Final = ("less likely", "less favo", "weniger wahrscheinlich", "mai putin probabil", "mai puțin probabil")
# "stenosis at L4-5 without evidence of cord impingement" denies it of the cord, not of one level
_OF_THE_CANAL: Final = frozenset(
    {
        FindingId.CORD, FindingId.CORD_SIGNAL, FindingId.CAUDA, FindingId.CANAL_STENOSIS, FindingId.ABSCESS_EPIDURAL,
        FindingId.SPINAL_HEMATOMA,
    }
)  # fmt: skip
_DENYING: Final = ("no", "not", "without", "ohne", "kein", "nicht", "fara", "nu", "nici")
_SPARED: Final = ("involv", "beteiligt", "betroffen", "afectat", "interesat", "spared", "ausgespart")
_HARDWARE: Final = ("hardware", "implant", "osteosynth", "osteosint", "fremdmaterial", "metall")
_SAC: Final = ("thecal", "dural", "dura", "duralsa", "csf", "sac")
_COMPONENT: Final = ("component", "komponente", "anteil")
_INDENTING: Final = ("indent", "compress", "displac", "komprim", "verlager", "compri", "deplas", "amprent")
_NERVES: Final = ("cauda", "equina", "conus", "root", "cord", "nerv", "faser", "radacin")
_CROWDED: Final = ("crowd", "clump", "redundant")
_PRESSED: Final = ("compres", "imping", "kompr")
_SWELLING: Final = frozenset({FindingId.EDEMA, FindingId.EDEMA_ENDPLATE})
_OF_VERTEBRAE: Final = frozenset({"vertebral_fracture", "postoperative_change"})
_EXPLAINING: Final = frozenset({FindingId.MODIC1, FindingId.MODIC2, FindingId.MODIC3, FindingId.HEMANGIOMA})
_SIGNALS: Final = frozenset({FindingId.MARROW_SIGNAL, FindingId.T1_LOW})
_SWOLLEN: Final = ("edem", "odem")
_JOINTS: Final = ("facet", "iliit", "ileit", "ilitis", "sacroil", "sakroil", "iliosa")
_BREAKS: Final = ("fractur", "fraktur")
_BROKEN: Final = frozenset({FindingId.FRACTURE, FindingId.HEIGHT_LOSS})
_DIRECTIONS: Final = ("retro", "antero", "latero", "ventro", "dorso")
_REST: Final = load_grammar().sentences["rest"]
_NORMAL: Final = ("normal", "unremark", "unauff", "regelrecht")
_NAMING: Final = ("iliit", "ileit", "arthrit", "artrit", "inflam", "ilit")
_COMPLICATIONS: Final = (
    "loosen", "fail", "complic", "migrat", "malposit", "broken", "locker", "bruch", "dislok", "fehllag", "kompli",
    "mobiliz", "ruptur", "deteriorare", "deplas",
)  # fmt: skip


class CorpusReader:
    """Reads corpus rows ``{"id", "text", "language"?, "title"?}`` and answers ``{"id", "pred"}``."""

    def __init__(self, reader: Reader, labels: Mapping[str, CorpusLabel]) -> None:
        self._reader = reader
        self._by_finding: dict[FindingId, list[str]] = {}
        self._denied_by: dict[FindingId, list[str]] = {}
        for name, label in labels.items():
            for finding in label.findings:
                self._by_finding.setdefault(finding, []).append(name)
            for finding in label.denied_by:
                self._denied_by.setdefault(finding, []).append(name)

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to one row; raise ValueError when it has no id or no text."""
        identifier, reading = self.reading(row)
        return {"id": identifier, "pred": self.answer(reading)}

    def reading(self, row: Mapping[str, Any]) -> tuple[str, Reading]:
        """Return the id and the reading of one row; raise ValueError when it has no id or no text."""
        identifier, text = row.get("id"), row.get("text")
        if not (isinstance(identifier, str) and isinstance(text, str)):
            raise ValueError("a row needs an id and a text")  # noqa: TRY004 - a broken row is reported, not a bug
        tag, title = row.get("language"), row.get("title")
        language = declared(tag) if isinstance(tag, str) else None
        reading = self._reader.read(
            [ReportText(text, "text", language)], title=title if isinstance(title, str) else "", declared=language
        )
        return identifier, reading

    def answer(self, reading: Reading) -> dict[str, Any]:
        """Return findings in label names with their levels, pathway and edema of a reading."""
        pairs = self._pairs(reading)
        findings = [
            {"finding": name, "status": status, "levels": list(levels)} for (name, status), levels in pairs.items()
        ]
        return {"findings": findings, "pathway": pathway_of(pairs, reading), "edema": edema_of(pairs)}

    def _pairs(self, reading: Reading) -> dict[tuple[str, str], tuple[str, ...]]:
        """Return (label, status) with merged levels, in reading order."""
        pairs: dict[tuple[str, str], dict[str, None]] = {}
        # the signals that a sentence lists beside a Modic change or a hemangioma are those of that
        explained = {
            (f.text_index, f.sentence_span.start)
            for f in reading.findings
            if f.finding in _EXPLAINING and f.status is Status.PRESENT
        }
        stated = {f.finding for f in reading.findings if f.status is Status.PRESENT}
        for finding in reading.findings:
            if finding.status not in _LABELLED or finding.section not in _STATING:
                continue
            if _denies_kind_only(finding, stated):
                continue
            here = (finding.text_index, finding.sentence_span.start)
            if finding.finding in _SIGNALS and finding.status is not Status.ABSENT and here in explained:
                continue
            status = _stated(finding)
            for name in self._labels(finding):
                if name == "postoperative_change" and status is Status.ABSENT and not _denies_hardware(finding):
                    continue
                pairs.setdefault((name, status.value), {}).update(dict.fromkeys(_own_levels(finding)))
            if finding.status is Status.PRESENT:
                for name in self._denied(finding):
                    pairs.setdefault((name, Status.ABSENT.value), {}).update(dict.fromkeys(finding.levels))
        _simplify(pairs)
        return {key: tuple(levels) for key, levels in pairs.items()}

    def _labels(self, finding: TextFinding) -> list[str]:
        if finding.finding in _SWELLING and Qualifier.BY_SIGNAL in finding.qualifiers:
            return ["marrow_signal_abnormality"]
        if finding.finding is FindingId.SACROILIAC and _names_edema(finding):
            return ["bone_marrow_edema"]
        if _is_unnamed(finding):
            return []
        if finding.finding is FindingId.PARAVERTEBRAL_EDEMA and _fills_canal(finding):
            return ["epidural_abscess"]
        if finding.finding is FindingId.CAUDA and _is_of_sac(finding):
            return ["spinal_canal_stenosis"]
        return ["vertebral_fracture"] if _denies_break(finding) else self._by_finding.get(finding.finding, [])

    def _denied(self, finding: TextFinding) -> list[str]:
        """Return the labels that a finding denies; discs that are "not involved" have no inflammatory signal."""
        names = self._denied_by.get(finding.finding, [])
        start = finding.span.start - finding.sentence_span.start
        said = finding.sentence[start : start + finding.span.end - finding.span.start].lower()
        if finding.finding is FindingId.DISC_NORMAL and any(word in said for word in _SPARED):
            return ["disc_inflammatory_signal"]
        return names


def _denies_break(finding: TextFinding) -> bool:
    """Tell "no pathologic fracture", which names none; "osteoporotic rather than", "non-pathologic" name one."""
    if finding.finding is not FindingId.MALIGNANCY_STATED or finding.status is not Status.ABSENT:
        return False
    preferring = finding.cue is not None and finding.cue.lower().endswith(("than", "non"))
    return not preferring and any(word in _said(finding) for word in _BREAKS)


def _names_edema(finding: TextFinding) -> bool:
    """Tell edema beside a sacroiliac joint, which is sacroiliitis by the guideline only where the text says so."""
    start = finding.span.start - finding.sentence_span.start
    said = finding.sentence[start : start + finding.span.end - finding.span.start].lower()
    return any(word in said for word in _EDEMA) and not any(word in said for word in _INFLAMED)


def _own_levels(finding: TextFinding) -> tuple[str, ...]:
    """Return the levels of a finding; what is denied of the canal after a place is said of all of it."""
    if finding.status is not Status.ABSENT or not finding.levels or finding.finding not in _OF_THE_CANAL:
        return finding.levels
    words = cut(finding.sentence)
    first = bisect_right(words.starts, finding.span.start - finding.sentence_span.start) - 1
    groups = [group for group in find_levels(words, finding.language) if not group.root]
    mine = [group for group in groups if set(group.levels) & set(finding.levels)]
    if not mine or topic_of(words, mine[:1], (0, len(words))) or any(group.last >= first for group in mine):
        return finding.levels
    between = words.words[mine[-1].last + 1 : first + 1]
    return () if any(word.startswith(_DENYING) for word in between) else finding.levels


def _denies_kind_only(finding: TextFinding, stated: AbstractSet[FindingId]) -> bool:
    """Tell "no facet dislocation" beside a slip, "heights preserved" beside a broken arch: one kind is denied.

    A denial of the rest, or of a level, is one of other places.
    """
    if finding.status is not Status.ABSENT or finding.levels:
        return False
    if any(word.startswith(_REST) for word in cut(finding.sentence).words):
        return False
    if finding.finding is FindingId.MALALIGNMENT:
        return FindingId.SPONDYLOLISTHESIS in stated
    if finding.finding is FindingId.SPONDYLOLISTHESIS:
        return finding.finding in stated and _said(finding).startswith(_DIRECTIONS)
    return finding.finding in _BROKEN and finding.cue is None and FindingId.FRACTURE in stated


def _denies_hardware(finding: TextFinding) -> bool:
    """Tell "no hardware" from the denial of a complication, which says nothing about the operation."""
    sentence = finding.sentence.lower()
    named = finding.finding is FindingId.IMPLANT and any(word in sentence for word in _HARDWARE)
    return named and not any(word in sentence for word in _COMPLICATIONS)


def _is_unnamed(finding: TextFinding) -> bool:
    """Tell what the guideline has no name for: an infection of no part, and edema beside a sacroiliac joint."""
    start = finding.span.start - finding.sentence_span.start
    said = fold(finding.sentence[start : start + finding.span.end - finding.span.start])
    if finding.finding is FindingId.MODIC1:
        # "erosive Osteochondrose" is a degenerated disc by name; the endplates are the reader's thought
        return "chondros" in said and "modic" not in said
    if finding.finding is FindingId.FACET:
        return "septisch" in fold(finding.sentence)
    named = fold(finding.sentence) if said.startswith("septi") else said
    if finding.finding is FindingId.INFECTION_STATED and any(word in named for word in _JOINTS):
        return True
    if finding.finding is FindingId.INFECTION_STATED:
        return finding.language is Language.RO and said.startswith("infec") and " " not in said
    if finding.finding is not FindingId.SACROILIAC:
        return False
    # "no erosion" denies a sign of sacroiliitis, not the disease, unless the joints are called normal
    judged = any(word in said for word in _NAMING) or any(word in finding.sentence.lower() for word in _NORMAL)
    sign = finding.status is Status.ABSENT and "erosi" in said and not judged
    return sign or any(word in said for word in (*_SWOLLEN, "unscharf"))


def _fills_canal(finding: TextFinding) -> bool:
    """Tell the epidural component of an infection that presses on the sac: phlegmon by the guideline."""
    sentence = finding.sentence.lower()
    component = any(word in _said(finding) for word in _COMPONENT)
    return component and Qualifier.EPIDURAL in finding.qualifiers and any(word in sentence for word in _INDENTING)


def _is_of_sac(finding: TextFinding) -> bool:
    """Tell compression of the thecal sac, which the guideline counts as a narrow canal."""
    said = _said(finding)
    return any(word in said for word in _SAC) and not any(word in said for word in _NERVES)


def _is_crowded(finding: TextFinding) -> bool:
    """Tell roots that only lie close: crowding is no compression by the guideline."""
    said = _said(finding)
    return any(word in said for word in _CROWDED) and not any(word in said for word in _PRESSED)


def _said(finding: TextFinding) -> str:
    start = finding.span.start - finding.sentence_span.start
    return fold(finding.sentence[start : start + finding.span.end - finding.span.start])


def _stated(finding: TextFinding) -> Status:
    """Return the status of the label: an irregular endplate is one by the guideline, for the rules only perhaps.

    What is "less likely" still stands in the differential.
    """
    if (
        finding.status is Status.ABSENT
        and finding.cue
        and any(less in " ".join(finding.cue.lower().split()) for less in _LESS)
    ):
        return Status.POSSIBLE
    if finding.finding is FindingId.ENDPLATE_EROSION and finding.status is Status.POSSIBLE and finding.cue is None:
        return Status.PRESENT
    if finding.finding is FindingId.CAUDA and finding.status is Status.PRESENT and _is_crowded(finding):
        return Status.POSSIBLE
    return finding.status


def _simplify(pairs: dict[tuple[str, str], dict[str, None]]) -> None:
    """Leave out what the guideline leaves to a closer name."""
    if ("bone_marrow_edema", "present") in pairs:
        pairs.pop(("marrow_signal_abnormality", "present"), None)
    for (name, _), levels in pairs.items():
        # "Spondylodese L4-S1 mit Cage L4/5": the stretch holds the segment
        for level in [n for n in levels if "-" in n and name in _OF_VERTEBRAE and levels.keys() >= set(n.split("-"))]:
            del levels[level]
    for name, status in list(pairs):
        stated = pairs.get((name, "present"))
        if status == "possible" and stated is not None and (not stated or set(pairs[name, status]) <= set(stated)):
            del pairs[name, status]
