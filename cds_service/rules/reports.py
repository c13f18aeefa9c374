"""Which report leads: the latest spine MRI with something to say that no later MRI of the same region replaced."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cds_service.domain.assessment import FindingCause
from cds_service.domain.facts import ConflictKind, Provenance, Reading, Report, TextFinding
from cds_service.domain.vocabulary import BodyRegion, Certainty, FindingId, Modality, Section, Status
from cds_service.rules.levels import bodies
from cds_service.rules.polarity import Weight, weight

SPINE_REGIONS = frozenset(
    {
        BodyRegion.CERVICAL,
        BodyRegion.THORACIC,
        BodyRegion.LUMBAR,
        BodyRegion.THORACOLUMBAR,
        BodyRegion.WHOLE_SPINE,
        BodyRegion.SACRUM,
        BodyRegion.SACROILIAC,
        BodyRegion.SPINE,
    }
)
PRELIMINARY = frozenset({"registered", "partial", "preliminary"})
# A report in one of these states replaces the earlier text of the same examination.
CORRECTED = frozenset({"amended", "corrected", "appended"})
_NEVER = datetime.min.replace(tzinfo=UTC)
_WHOLE = frozenset({BodyRegion.WHOLE_SPINE, BodyRegion.SPINE, BodyRegion.UNKNOWN})
_PARTS = {
    BodyRegion.THORACOLUMBAR: frozenset({BodyRegion.THORACIC, BodyRegion.LUMBAR}),
    BodyRegion.PELVIS: frozenset({BodyRegion.SACRUM, BodyRegion.SACROILIAC}),
    BodyRegion.SACRUM: frozenset({BodyRegion.SACROILIAC}),
    BodyRegion.SACROILIAC: frozenset({BodyRegion.SACRUM}),
}
# Only magnetic resonance shows these, so a report of unknown modality that states one is read as MRI.
_MR_ONLY = frozenset(
    {
        FindingId.EDEMA,
        FindingId.EDEMA_ENDPLATE,
        FindingId.EDEMA_DIFFUSE,
        FindingId.CONTUSION,
        FindingId.MARROW_SIGNAL,
        FindingId.T1_LOW,
        FindingId.T1_REPLACED,
        FindingId.DIFFUSION_RESTRICTED,
        FindingId.DISC_FLUID,
        FindingId.MODIC1,
        FindingId.CORD,
        FindingId.CORD_SIGNAL,
        FindingId.CAUDA,
        FindingId.ABSCESS_EPIDURAL,
    }
)
# Stands for the report where there is none: it states nothing and triggers nothing.
NO_REPORT = Report(
    provenance=Provenance("DiagnosticReport"),
    status="unknown",
    effective=None,
    issued=None,
    title="",
    codes=(),
    modality=Modality.UNKNOWN,
    region=BodyRegion.UNKNOWN,
    texts=(),
    reading=Reading(None),
)


def findings_of(report: Report) -> tuple[TextFinding, ...]:
    """Findings of a report's text and of its codes, with statements that another part of the report denies."""
    return (*report.reading.findings, *_denied_elsewhere(report), *report.coded)


def _denied_elsewhere(report: Report) -> Iterator[TextFinding]:
    """Statements of which the reading kept the denial at the same level alone: the more serious one counts.

    The reading follows the impression; advice must not where it flatly denies what the findings say of a named level. A
    denial without a level is a summary, and only opens a case.
    """
    stated = report.reading.findings
    for conflict in report.reading.conflicts:
        if conflict.kind is not ConflictKind.STATUS:
            continue
        about = [f for f in stated if f.finding is conflict.finding and f.sentence in conflict.sentences]
        other = [text for text in conflict.sentences if text not in {f.sentence for f in about}]
        same_level = conflict.levels and all(weight(f) is Weight.ABSENT and f.levels for f in about)
        if about and other and same_level:
            yield replace(
                about[0],
                status=Status.PRESENT,
                certainty=Certainty.CERTAIN,
                levels=conflict.levels,
                sentence=other[0],
                section=Section.FINDINGS,
                qualifiers=frozenset(),
                cue=None,
            )


def _states(report: Report, ids: frozenset[FindingId] | None = None, *, with_level: bool = False) -> bool:
    return any(
        weight(finding) >= Weight.POSSIBLE
        and finding.finding is not FindingId.EXTRASPINAL_SUSPICION
        and (ids is None or finding.finding in ids)
        and (not with_level or bool(bodies(finding.levels)))
        for finding in findings_of(report)
    )


def about_spine(report: Report) -> bool:
    """Tell whether a report is of spine, sacrum or sacroiliac joints, or names a vertebra or the sacrum as the site."""
    if report.region in SPINE_REGIONS:
        return True
    if report.region is BodyRegion.UNKNOWN:
        return report.reading.describes_spine or _states(report)
    return _states(report, with_level=True)


def passes_gate(report: Report) -> bool:
    """Tell whether a report may give result cards: MRI of the spine; CT, radiographs and scintigraphy never do."""
    by_modality = report.modality is Modality.MR or (
        report.modality is Modality.UNKNOWN and (_states(report, _MR_ONLY) or report.reading.describes_spine)
    )
    return by_modality and about_spine(report)


def could_be_spine_mri(report: Report) -> bool:
    """Tell whether a report that could not be read may have been a spine MRI (region and modality not against it)."""
    if not report.title and not report.codes and report.modality is Modality.UNKNOWN:
        # nothing at all says what was examined
        return report.region in SPINE_REGIONS or report.region is BodyRegion.UNKNOWN
    return report.modality in {Modality.MR, Modality.UNKNOWN} and (
        report.region in SPINE_REGIONS or (report.modality is Modality.MR and report.region is BodyRegion.UNKNOWN)
    )


def is_readable(report: Report) -> bool:
    """Tell whether anything of the report could be read: a text in a known language, or coded findings."""
    return bool(report.coded) or (bool(report.texts) and report.reading.language is not None)


def covers_region(newer: BodyRegion, older: BodyRegion) -> bool:
    """Tell whether an examination of ``newer`` shows all that one of ``older`` showed."""
    return newer is older or newer in _WHOLE or older in _PARTS.get(newer, frozenset())


def _order(report: Report) -> tuple[datetime, int, datetime, str]:
    moment = report.date or _NEVER
    standing = 0 if report.status in PRELIMINARY else 2 if report.status in CORRECTED else 1
    return (moment, standing, report.issued or moment, report.provenance.reference)


def is_corrected_by(older: Report, newer: Report) -> bool:
    """Tell whether ``newer`` is the amended or corrected text of the examination that ``older`` reports."""
    if newer.status not in CORRECTED or older.status in CORRECTED or newer.date is None or older.date is None:
        return False
    same_day = older.date.date() == newer.date.date() and older.date <= newer.date
    return same_day and older.region is newer.region and older.modality is newer.modality


def newest_first(reports: Iterable[Report]) -> tuple[Report, ...]:
    """Reports by date of examination, corrected before final before preliminary, later issue first; undated last."""
    return tuple(sorted(reports, key=_order, reverse=True))


@dataclass(frozen=True, slots=True)
class CurrentReports:
    """Spine MRI reports of one moment.

    ``candidates`` are readable reports in the window, newest first, that no later one of the same region replaced;
    ``earlier`` are the readable spine MRI reports before or beside them; ``unread`` could not be read at all.
    """

    candidates: tuple[Report, ...]
    earlier: tuple[Report, ...]
    unread: tuple[Report, ...]


def current_reports(reports: Sequence[Report], as_of: datetime, window: timedelta) -> CurrentReports:
    """Sort reports into those that may lead, those that came before and those that could not be read.

    A report without a date may lead: silence about it would read as all-clear. A preliminary report replaces none: it
    may lead, but what a final one before it says stands until another final one comes. The text that a correction
    replaced is left out altogether.
    """
    listed = tuple(r for r in reports if is_readable(r) and passes_gate(r))
    spine = newest_first(r for r in listed if not any(is_corrected_by(r, other) for other in listed))
    candidates: list[Report] = []
    earlier: list[Report] = []
    for report in spine:
        replaced = any(
            covers_region(newer.region, report.region)
            for newer in candidates
            if newer.date is not None and (newer.status not in PRELIMINARY or report.status in PRELIMINARY)
        )
        if replaced or not in_window(report, as_of, window):
            earlier.append(report)
        else:
            candidates.append(report)
    unread = tuple(r for r in reports if not is_readable(r) and could_be_spine_mri(r) and in_window(r, as_of, window))
    return CurrentReports(tuple(candidates), tuple(earlier), unread)


def in_window(report: Report, as_of: datetime, window: timedelta) -> bool:
    """Tell whether an examination is recent enough; without a date it might be."""
    return report.date is None or as_of - report.date <= window


def same_episode(lead: Report, others: Iterable[Report], gap: timedelta) -> tuple[Report, ...]:
    """Other current reports close in time to the leading one: parts of one examination of several regions."""
    return tuple(
        other
        for other in others
        if other is not lead and lead.date is not None and other.date is not None and abs(lead.date - other.date) <= gap
    )


def as_causes(report: Report, ids: Sequence[FindingId] = ()) -> tuple[FindingCause, ...]:
    """Findings of a report with their source, all or some. Outside the spine only those at a vertebra or the sacrum."""
    day = report.date.date() if report.date else None
    by_level = report.region not in SPINE_REGIONS and report.region is not BodyRegion.UNKNOWN
    found = [f for f in findings_of(report) if f.finding in ids] if ids else findings_of(report)
    place = report.provenance
    return tuple([FindingCause(f, place, day) for f in found if not by_level or bodies(f.levels)])
