"""Tells from its words what is called a mass, a lesion or expanded, but is no tumour of bone."""

import re

from cds_service.domain.assessment import FindingCause
from cds_service.domain.vocabulary import FindingId

_FAT = re.compile(r"lipomato|epidural\w* fat", re.IGNORECASE)
_ISLAND = re.compile(r"bone[- ]island|enosto|kompakta[- ]?insel|insul\w+ (?:de os|osoas|compact)", re.IGNORECASE)
_SWOLLEN_CORD = re.compile(
    r"(?:auftreib|aufgetrieb|expan[sd]|suflant)\w*\s+(?:(?:des|der|of|the|spinal|thoracic|cervical|lesion|leziune|a)\s+){0,3}"
    r"(?:myelon|rückenmark|halsmark|brustmark|cord\b|conus|konus|medular[ăa]\b(?! osoas)|măduvei spin|maduvei spin)"
    r"|(?:\bmyelon|rückenmark|halsmark|\bcord|\bconus|konus|medular[ăa])"
    r"\s+(?:(?:ist|is|appears|fokal|deutlich|este|lesion|in|auf|at|from|von|la|höhe|hoehe|level|nivel|nivelul|[hbl]wk|bis|to|"
    r"und|and|[cdhlt]{0,2}\d[-/\dcdhlt]{0,6})\s+){0,9}(?:auftreib|aufgetrieb|expan[sd])",
    re.IGNORECASE,
)


def is_no_bone_tumor(sign: FindingCause) -> bool:
    """Tell epidural fat, which is called a mass, and a swollen cord, which is called expanded, but is no bone."""
    finding = sign.finding
    if finding.finding is FindingId.SOFT_MASS:
        return bool(_FAT.search(_words(sign)))
    return finding.finding is FindingId.EXPANSILE and bool(_SWOLLEN_CORD.search(finding.sentence))


def is_bone_island(sclerosis: FindingCause) -> bool:
    """Tell a dense spot that the radiologist calls a bone island: a label as benign as that of a hemangioma."""
    return bool(_ISLAND.search(_words(sclerosis)))


def _words(cause: FindingCause) -> str:
    finding = cause.finding
    start = finding.sentence_span.start
    return finding.sentence[finding.span.start - start : finding.span.end - start]
