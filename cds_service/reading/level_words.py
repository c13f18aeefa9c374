"""The words that vertebrae and junctions are named with instead of letter and number, and words around levels."""

import re
from typing import Final

ROMAN: Final = {
    "i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8", "ix": "9", "x": "10",
    "xi": "11", "xii": "12",
}  # fmt: skip
GERMAN_BODIES: Final = frozenset({"hwk", "bwk", "lwk", "swk"})
GERMAN_ORDINALS: Final = {
    "erst": 1, "zweit": 2, "dritt": 3, "viert": 4, "funft": 5, "sechst": 6, "siebt": 7, "siebent": 7, "acht": 8,
    "neunt": 9, "zehnt": 10, "elft": 11, "zwolft": 12,
}  # fmt: skip
ROMANIAN_ORDINALS: Final = {
    "prima": 1, "primei": 1, "primul": 1, "primului": 1, "doua": 2, "doilea": 2, "treia": 3, "treilea": 3, "patra": 4,
    "patrulea": 4, "cincea": 5, "cincilea": 5, "sasea": 6, "saselea": 6, "saptea": 7, "saptelea": 7, "opta": 8,
    "optulea": 8, "noua": 9, "noulea": 9, "zecea": 10, "zecelea": 10, "unsprezecea": 11, "douasprezecea": 12,
}  # fmt: skip
ROMANIAN_REGIONS: Final = (("cervical", "C"), ("toracal", "T"), ("toracic", "T"), ("dorsal", "T"), ("lombar", "L"))
ORDINALS: Final = {
    **{stem + ending: number for stem, number in GERMAN_ORDINALS.items() for ending in ("e", "en", "er", "es", "em")},
    **ROMANIAN_ORDINALS,
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12,
}  # fmt: skip
ORDINAL_NUMBER: Final = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?", re.ASCII)
GERMAN_ORDINAL_REGIONS: Final = (
    ("halswirbel", "C"), ("brustwirbel", "T"), ("lendenwirbel", "L"), ("hwk", "C"), ("bwk", "T"), ("lwk", "L"),
    ("swk", "S"), ("lendenwk", "L"), ("brustwk", "T"),
)  # fmt: skip
ORDINAL_REGIONS: Final = (
    ("cervical", "C"), ("thoracic", "T"), ("dorsal", "T"), ("lumbar", "L"), ("sacral", "S"), *GERMAN_ORDINAL_REGIONS,
)  # fmt: skip
NAMED: Final = {
    "lumbosacral": ("L5-S1", ("junction", "jonctiun", "level", "disc", "disk", "segment")),
    "lumbosakral": ("L5-S1", ("ubergang", "segment", "bandscheibe")),
    "lombosacrat": ("L5-S1", ("jonctiun",)),
    "thoracolumbar": ("T12-L1", ("junction",)),
    "thorakolumbal": ("T12-L1", ("ubergang",)),
    "cervicothoracic": ("C7-T1", ("junction",)),
    "zervikothorakal": ("C7-T1", ("ubergang",)),
    "atlantoaxial": ("C1-C2", ()),
    "densfraktur": ("C2", ()),
    "densbasisfraktur": ("C2", ()),
    "axisfraktur": ("C2", ()),
    "atlasfraktur": ("C1", ()),
    "atlasbogenfraktur": ("C1", ()),
    "atlantodental": ("C1-C2", ()),
}
NAMED_WORDS: Final = {
    "atlas": "C1", "atlasul": "C1", "atlasului": "C1", "atlasbogen": "C1", "atlasbogens": "C1",
    "dens": "C2", "odontoid": "C2", "axis": "C2", "axisul": "C2", "axisului": "C2",
}  # fmt: skip
AND_WORDS: Final = frozenset({"and", "und", "si", "or", "oder", "bzw", "sau", "respectiv", "sowie", "plus", "u"})
JUNCTIONS: Final = ("junction", "ubergang", "jonctiun", "trecere")
SEQUENCE_AFTER: Final = (
    "w", "weight", "gewicht", "pond", "hyper", "hypo", "iso", "bright", "dark", "high", "low", "signal", "sequence",
    "sequenz", "secven", "stir", "tirm", "tse", "fse", "se", "fs", "fat", "dixon", "image", "imaging", "imagin", "post",
    "pre", "gad", "gd", "contrast", "kontrast", "km", "intermediate", "mri", "mrt", "scan", "sag", "ax", "cor", "black",
    "relax", "prolong", "short", "t1", "t2", "flair", "wi", "native", "nativ", "mapping", "space", "spin", "gre",
    "isch", "hipo", "hiper", "shows", "c", "absenk", "anheb", "abfall", "verlust", "minder", "vermind", "reduz", "loss",
    "drop", "scad", "dunkel", "hell",
)  # fmt: skip
VERTEBRA_AFTER: Final = (
    "vertebr",
    "bod",
    "level",
    "disc",
    "disk",
    "wirbel",
    "corp",
    "endplate",
    "spinous",
    "pedicle",
    "lamina",
)
VERTEBRA_BEFORE: Final = (
    "at", "level", "vertebr", "vertebra", "nivel", "corp", "disc", "disk", "wirbel", "hohe", "bei", "body", "bodies",
    "etaj", "from", "of", "dorsal", "thoracic", "toracal", "thorakal", "segment", "between", "intervertebral",
)  # fmt: skip
# "edem medular T1-T2": what swells or is pressed on lies at a level
SWOLLEN_BEFORE: Final = (
    "edem",
    "odem",
    "medular",
    "compres",
    "hern",
    "protru",
    "fractur",
    "tasar",
    "abces",
    "maduv",
    "cord",
)
BODY_WORDS: Final = ("vertebr", "body", "wirbel", "corp")
ROOT_AFTER: Final = (
    "nerve",
    "root",
    "nervenwurzel",
    "wurzel",
    "radicul",
    "dermatom",
    "myotom",
    "spinalnerv",
    "ganglion",
)
ROOT_BEFORE: Final = (
    "root",
    "nervenwurzel",
    "wurzel",
    "wz",
    "radacin",
    "radicul",
    "nerve",
    "nerv",
    "spinalnerv",
    "dermatom",
)
ROOT_SKIP: Final = frozenset(
    {
        "the",
        "left",
        "right",
        "both",
        "dreapta",
        "stanga",
        "drept",
        "stang",
        "rechts",
        "links",
        "bilateral",
        "emergente",
        "emergenta",
        "emergentei",
        "exiting",
        "traversing",
        "descending",
        "abgehende",
        "abgehenden",
        "austretende",
        "austretenden",
    }
)
