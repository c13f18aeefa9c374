"""Judges pathway and edema of a labelled text by the ordered rules of the annotation guideline."""

from collections.abc import Iterable, Mapping
from typing import Final

from cds_service.domain.facts import Reading, TextFinding
from cds_service.domain.vocabulary import FindingId, Qualifier, Status

Pairs = Mapping[tuple[str, str], tuple[str, ...]]

_DEGENERATIVE: Final = (
    "degenerative_change", "disc_degeneration", "disc_bulge", "disc_herniation", "spinal_canal_stenosis",
    "foraminal_stenosis", "facet_arthropathy", "spondylosis_osteophytes", "endplate_degeneration", "schmorl_node",
    "spondylolisthesis", "nerve_root_compression",
)  # fmt: skip
_INFECTIOUS: Final = ("spondylodiscitis", "paraspinal_abscess", "epidural_abscess")
_MALIGNANT: Final = ("metastasis", "spinal_tumor", "osteolysis")
_BROKEN: Final = ("vertebral_fracture", "retropulsion")
_DISLOCATED: Final = ("dislocation", "perched", "jumped", "locked facet")
_STANDING: Final = frozenset({Status.PRESENT, Status.POSSIBLE})
_CORD_CAUSES: Final = (
    "spinal_canal_stenosis", "disc_herniation", "vertebral_fracture", "spinal_tumor", "metastasis", "soft_tissue_mass",
    "spondylodiscitis", "epidural_abscess", "spinal_hematoma",
)  # fmt: skip


def edema_of(pairs: Pairs) -> str:
    """Return present, possible, absent or not_mentioned as the guideline defines it."""
    if ("bone_marrow_edema", "present") in pairs:
        return "present"
    if ("bone_marrow_edema", "possible") in pairs or ("marrow_signal_abnormality", "present") in pairs:
        return "possible"
    if ("bone_marrow_edema", "absent") in pairs or ("marrow_signal_abnormality", "absent") in pairs:
        return "absent"
    return "not_mentioned"


def pathway_of(pairs: Pairs, reading: Reading) -> str:
    """Return the first pathway that holds, judged on findings present or possible."""
    steps = (
        ("red_flag_emergency", _emergency(pairs)),
        ("infection", _any(pairs, _INFECTIOUS) or _infected_segment(pairs)),
        ("malignancy", _any(pairs, _MALIGNANT) or _suspicious(pairs, reading)),
        ("fracture", _any(pairs, _BROKEN) or _traumatic(pairs, reading)),
        ("inflammatory", _any(pairs, ("sacroiliitis",))),
        # a lesion of the cord without a cause named beside it leads to none of the pathways
        ("unclear", ("cord_signal_abnormality", "present") in pairs),
        ("degenerative", _any(pairs, _DEGENERATIVE)),
        ("transient_metabolic", _transient(reading)),
    )
    return next((name for name, holds in steps if holds), None) or _remaining(pairs, reading)


def _transient(reading: Reading) -> bool:
    return any(f.finding is FindingId.TRANSIENT_EDEMA and f.status in _STANDING for f in reading.findings)


def _remaining(pairs: Pairs, reading: Reading) -> str:
    """Tell a spine without anything active from a text that leads nowhere."""
    active = {name for name, status in pairs if status in {"present", "possible"}} - {"postoperative_change"}
    if active:
        return "unclear"
    if any(status in {"absent", "historical"} for _, status in pairs):
        return "no_edema"
    return "no_edema" if not pairs and reading.describes_spine else "unclear"


def _any(pairs: Pairs, names: Iterable[str]) -> bool:
    return any((name, status) in pairs for name in names for status in ("present", "possible"))


def _emergency(pairs: Pairs) -> bool:
    if any((name, "present") in pairs for name in ("cord_compression", "epidural_abscess", "spinal_hematoma")):
        return True
    if ("cord_signal_abnormality", "present") not in pairs:
        return False
    if ("cord_compression", "possible") in pairs:
        return True
    cord = set(pairs["cord_signal_abnormality", "present"])
    for name in _CORD_CAUSES:
        for status in ("present", "possible"):
            if (name, status) in pairs:
                levels = set(pairs[name, status])
                if not cord or not levels or _meet(cord, levels):
                    return True
    return False


def _meet(one: set[str], two: set[str]) -> bool:
    """Tell whether two sets of levels touch: a vertebra meets every segment it is part of, a segment only itself."""
    if one & two:
        return True
    bodies, others = ({level for level in levels if "-" not in level} for levels in (one, two))
    parts = [{part for level in levels for part in level.split("-")} for levels in (one, two)]
    return bool(bodies & parts[1] or others & parts[0])


def _infected_segment(pairs: Pairs) -> bool:
    """Tell a disc and both its neighbours with raised signal or destruction."""
    disc = _any(pairs, ("disc_inflammatory_signal",))
    bodies = _any(pairs, ("endplate_erosion", "bone_marrow_edema", "marrow_signal_abnormality", "osteolysis"))
    return disc and bodies


def _suspicious(pairs: Pairs, reading: Reading) -> bool:
    if _any(pairs, ("soft_tissue_mass",)):
        return not any(f.finding is FindingId.SOFT_MASS and "lipomato" in f.sentence.lower() for f in reading.findings)
    return any(
        f.finding is FindingId.FRACTURE and f.status in _STANDING and Qualifier.PATHOLOGIC in f.qualifiers
        for f in reading.findings
    )


def _is_dislocation(finding: TextFinding) -> bool:
    words = finding.sentence.lower()
    return any(word in words for word in _DISLOCATED) or any(word.startswith("luxa") for word in words.split())


def _traumatic(pairs: Pairs, reading: Reading) -> bool:
    if not _any(pairs, ("spondylolisthesis",)):
        return False
    return any(
        f.status in _STANDING
        and (
            (f.finding is FindingId.SPONDYLOLISTHESIS and Qualifier.TRAUMATIC in f.qualifiers)
            or (f.finding is FindingId.MALALIGNMENT and (Qualifier.TRAUMATIC in f.qualifiers or _is_dislocation(f)))
        )
        for f in reading.findings
    )
