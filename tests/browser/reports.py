"""Invented reports for the tests of the page."""

GERMAN = """MRT der BWS ohne Kontrastmittel.
Befund: Streifiges Knochenmarködem im BWK 11, die Grund- und Deckplatten intakt. Paravertebral beidseits geringe
Imbibierung auf Höhe BWK 11. Keine Fraktur, kein Abszess. Myelon regelrecht.
Beurteilung: Knochenmarködem BWK 11 mit paravertebraler Imbibierung unklarer Ursache. Eine beginnende
Spondylodiszitis ist möglich."""

ENGLISH = """MRI of the lumbar spine.
Findings: Bone marrow edema of L4 and L5 with fluid signal in the disc between them and eroded endplates. No epidural
abscess.
Impression: Findings consistent with spondylodiscitis L4-L5."""
