"""Judges a few words by the whole report: a "component" is a mass beside a tumour and inflammation beside infection."""

from collections.abc import Sequence
from dataclasses import replace

from cds_service.domain.facts import TextFinding
from cds_service.domain.vocabulary import FindingId, Status

_STANDING = frozenset({Status.PRESENT, Status.POSSIBLE})
_TUMOUR_SIGNS = frozenset(
    {
        FindingId.MALIGNANCY_STATED, FindingId.TUMOR, FindingId.METASTASIS, FindingId.LYSIS, FindingId.EXPANSILE,
        FindingId.T1_REPLACED, FindingId.ATYPICAL_LESION, FindingId.FOCAL_LESION,
    }
)  # fmt: skip
_COMPONENT = ("component", "komponente", "anteil", "extension", "extensie", "extending", "extends")
_SOLID = ("solid", "tumor", "tumour", "mass", "raumford", "neoplas", "extraoss")


def refine(findings: Sequence[TextFinding]) -> list[TextFinding]:
    """Return the findings with soft-tissue components read as what the report makes of them."""
    infected = any(f.finding is FindingId.INFECTION_STATED and f.status in _STANDING for f in findings)
    tumorous = any(f.finding in _TUMOUR_SIGNS and f.status in _STANDING for f in findings)
    if tumorous and not infected:
        return list(findings)
    refined = []
    for finding in findings:
        if finding.finding is FindingId.SOFT_MASS and finding.status in _STANDING and _is_component(finding):
            refined.append(replace(finding, finding=FindingId.PARAVERTEBRAL_EDEMA))
        else:
            refined.append(finding)
    return refined


def _is_component(finding: TextFinding) -> bool:
    start = finding.span.start - finding.sentence_span.start
    words = finding.sentence[start : start + finding.span.end - finding.span.start].lower()
    return any(word in words for word in _COMPONENT) and not any(word in words for word in _SOLID)
