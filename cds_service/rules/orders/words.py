"""Word beginnings in the text or reason of an order that change the advice, in English, German and Romanian."""

import re
import unicodedata
from types import MappingProxyType

from cds_service.domain.vocabulary import BodyRegion

# Work-up or staging of a tumour: FDG-PET/CT and scintigraphy then do not wait for CRP and ESR.
STAGING = (
    "staging", "restaging", "oncolog", "onkolog", "tumor", "tumour", "cancer", "carcinom", "karzinom", "krebs",
    "metasta", "malign", "lymphom", "limfom", "myelom", "mielom", "neoplas", "neoplaz", "stadiali", "primarius",
)  # fmt: skip
# An antibiotic that is labelled for back pain or Modic change.
BACK_PAIN = (
    "modic", "backpain", "back pain", "low back", "lumbago", "lumbalg", "kreuzschmerz", "rückenschmerz",
    "osteochondros", "osteocondroz", "discopat", "dorsalg", "durere lombar", "dureri lombar", "lombalg", "spate",
    "bone marrow edema", "marrow oedema", "knochenmarködem", "edem osos", "edem medular",
)  # fmt: skip
# What is sent for with a biopsy.
TISSUE_REQUEST = (
    "histo", "patholog", "anatomopatolog", "cultur", "kultur", "microbio", "mikrobio", "bacterio", "bakterio",
    "pcr", "16s", "cytolog", "zytolog", "citolog",
)  # fmt: skip
# Planned surgery of teeth or jaw.
DENTAL = (
    "tooth extraction", "dental extraction", "dental implant", "dental surg", "oral surg", "zahnextraktion",
    "zahnimplantat", "zahnoperation", "kieferchirurg", "kieferoperation", "extracție dentar", "extractii dentar",
    "extracții dentar", "implant dentar", "chirurgie dentar", "chirurgie oral", "chirurgie maxil",
)  # fmt: skip
# The spine as the place of a local treatment.
SPINE = (
    "spin", "vertebr", "lumb", "lomb", "thorac", "torac", "cervic", "sacr", "sakr", "back", "spate", "coloan",
    "wirbel", "rücken", "kreuzbein", "lws", "bws", "hws", "lwk", "bwk", "hwk",
)  # fmt: skip
# Other places where shock waves are used.
OTHER_SITES = (
    "heel", "plantar", "calcane", "achill", "foot", "shoulder", "elbow", "epicondyl", "knee", "hip joint", "trochanter",
    "patell", "kidney", "renal", "ureter", "stone", "lithotrip", "penile", "ferse", "fuss", "schulter", "ellenbogen",
    "knie", "hüft", "niere", "harnleiter", "călcâi", "umăr", "cotul", "genunchi", "șold", "rinich", "litotri",
)  # fmt: skip
MORPHINE = ("morphin", "morfin")
_PARTS = MappingProxyType(
    {
        BodyRegion.CERVICAL: ("cervic", "hws", "halswirbel", "neck", "gât"),
        BodyRegion.THORACIC: ("thorac", "torac", "bws", "brustwirbel", "dorsal"),
        BodyRegion.LUMBAR: ("lumb", "lomb", "lws", "lendenwirbel"),
        BodyRegion.SACRUM: ("sacr", "sakr", "kreuzbein"),
        BodyRegion.SACROILIAC: ("sacroili", "sakroili", "iliosakral", "isg"),
        BodyRegion.WHOLE_SPINE: ("whole", "entire", "total", "complet", "gesamt", "ganz", "întreag", "toată"),
    }
)
_PARTS_OF = MappingProxyType(
    {
        BodyRegion.THORACOLUMBAR: frozenset({BodyRegion.THORACIC, BodyRegion.LUMBAR}),
        BodyRegion.SACROILIAC: frozenset({BodyRegion.SACRUM, BodyRegion.SACROILIAC}),
        BodyRegion.PELVIS: frozenset({BodyRegion.SACRUM, BodyRegion.SACROILIAC}),
        BodyRegion.WHOLE_SPINE: frozenset(_PARTS),
        BodyRegion.SPINE: frozenset(_PARTS),
        BodyRegion.UNKNOWN: frozenset(_PARTS),
    }
)


def folded(text: str) -> str:
    """Lower case without diacritics, punctuation as one blank."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return re.sub(r"[\W_]+", " ", letters).strip()


def mentions(text: str, stems: tuple[str, ...]) -> bool:
    """Whether a word of the text begins with one of the stems (a stem of two words spans two words)."""
    padded = f" {folded(text)}"
    return any(f" {folded(stem)}" in padded for stem in stems)


def another_region(text: str, imaged: BodyRegion) -> bool:
    """Whether an order names a part of the spine that an earlier examination of ``imaged`` did not show."""
    named = {part for part, stems in _PARTS.items() if mentions(text, stems)}
    return not named <= _PARTS_OF.get(imaged, frozenset({imaged}))


def same_drug(one: str, other: str) -> bool:
    """Whether two drug texts begin with the same word."""
    first, second = folded(one).split(), folded(other).split()
    return bool(first) and bool(second) and first[0] == second[0]
