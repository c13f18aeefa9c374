"""Suspicious masses and sources of infection outside the spine, in the three languages."""

import pytest

from cds_service.domain.facts import ReportText
from cds_service.domain.vocabulary import FindingId, Status
from cds_service.reading.read import Reader

STANDING = {Status.PRESENT, Status.POSSIBLE}
SUSPICIOUS = [
    "Findings: Modic type 1 changes at L4/5. Mass of the upper pole of the right kidney, suspicious for carcinoma.",
    "Findings: Edema of L2. Several lesions of the liver that are suspicious for metastases.",
    "Findings: Edema of L2. Right renal mass at the level of L2, malignancy cannot be excluded.",
    "Findings: Edema of L3. Adjacent mycotic aneurysm of the aorta at L3.",
    "Findings: Edema of L3. Pyelonephritis on the left.",
    "Befund: Knochenmarködem LWK 3. Nebenbefundlich malignomsuspekte Raumforderung der linken Niere.",
    "Befund: Knochenmarködem LWK 3. Pulmonale Raumforderung rechts, karzinomverdächtig.",
    "Befund: Knochenmarködem BWK 8. Pleuraempyem links.",
    "Rezultat: Edem osos al corpului vertebral L3. Formațiune renală stângă suspectă de malignitate.",
    "Rezultat: Edem osos al corpului vertebral L3. Leziuni hepatice multiple, cu aspect sugestiv pentru metastaze.",
    "Rezultat: Edem osos al corpului vertebral L3. Anevrism infectat al aortei abdominale.",
]
QUIET = [
    "Findings: Edema of L2. Lesion of the left kidney, not suspicious for malignancy.",
    "Findings: Edema of L2. No suspicious mass of the visualised kidneys.",
    "Findings: Edema of L2. Simple cyst of the left kidney.",
    "Findings: Lesion of the L2 vertebral body, suspicious for metastasis. The kidneys are unremarkable.",
    "Findings: Edema of L2. No pyelonephritis.",
    "Befund: Knochenmarködem LWK 3. Keine malignomsuspekte Raumforderung der Nieren.",
    "Rezultat: Edem osos al corpului vertebral L3. Fără formațiuni renale suspecte.",
]


@pytest.mark.parametrize("text", SUSPICIOUS)
def test_suspicion_outside_the_spine_is_read_without_a_level(reader: Reader, text: str) -> None:
    found = [
        f
        for f in reader.read([ReportText(text, "conclusion")]).findings
        if f.finding is FindingId.EXTRASPINAL_SUSPICION
    ]
    assert any(f.status in STANDING for f in found)
    assert {f.levels for f in found} == {()}


@pytest.mark.parametrize("text", QUIET)
def test_what_is_denied_harmless_or_spinal_is_none(reader: Reader, text: str) -> None:
    found = [
        f
        for f in reader.read([ReportText(text, "conclusion")]).findings
        if f.finding is FindingId.EXTRASPINAL_SUSPICION
    ]
    assert not [f for f in found if f.status in STANDING]
