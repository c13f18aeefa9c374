"""Samples tell what was found and not whom it concerns."""

import pytest

from cds_service.replay.snippets import masked, names_of

PATIENT = {
    "name": [{"family": "Dragomir-Holtz", "given": ["Ileana"]}, {"family": "Müller"}, {"family": "Stănescu"}],
    "address": [{"city": "Kleinwinkel"}],
}


@pytest.mark.parametrize(
    ("text", "kept", "gone"),
    [
        ("Edema of L4 since 12.03.2025.", "Edema of L4 since", "2025"),
        ("Compared with 3 March 2024: new edema at T12", "new edema at T12", "2024"),
        ("Verglichen mit März 2024 zunehmend", "zunehmend", "2024"),
        ("MRN 00471182: fracture of L1, 30 % height loss", "fracture of L1, 30 % height loss", "00471182"),
        ("Mrs. Ottoline Quillfeather has edema", "has edema", "Quillfeather"),
        ("Herr Dr. Xaver Unbekannt, Ödem BWK 8", "Ödem BWK 8", "Unbekannt"),
        ("Pacienta Maria Ionescu cu edem L5", "cu edem L5", "Ionescu"),
        ("Discussed with Ileana Dragomir of Kleinwinkel", "Discussed with", "Dragomir"),
        ("See https://pacs.example/study/12 or a.b@example.org", "See", "example"),
        ("Comentat cu dl. doctor si pacienta Stanescu", "Comentat cu", "Stanescu"),
        ("Comparison of Stănescului study, edema L4", "edema L4", "Stănescu"),
        ("Muellers Voraufnahme, Ödem BWK 8", "Ödem BWK 8", "Mueller"),
        ("Mu\u0308ller, Ödem BWK 8", "Ödem BWK 8", "ller"),
        ("Dra\u00adgomir, Ödem BWK 8", "Ödem BWK 8", "gomir"),
        ("The patient has edema at L4/5", "The patient has edema at L4/5", "Quillfeather"),
    ],
)
def test_masking(text: str, kept: str, gone: str) -> None:
    shown = masked(text, names_of(PATIENT))
    assert kept in shown
    assert gone not in shown
