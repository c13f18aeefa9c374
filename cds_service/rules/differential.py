"""Lists of possible diagnoses: one that holds tumours only is an argument for a tumour."""

import re

from cds_service.domain.assessment import FindingCause, Pathway
from cds_service.domain.vocabulary import FindingId, Qualifier
from cds_service.rules.context import RuleContext, without
from cds_service.rules.malignancy import STRONG
from cds_service.rules.polarity import Weight, weight
from cds_service.rules.rule import Outcome, Rule, rule, when
from cds_service.rules.variables import MAL_IMG

_TUMORS = (FindingId.METASTASIS, FindingId.TUMOR)
# What a radiologist may weigh against a tumour.
_RIVALS = (
    FindingId.INFECTION_STATED,
    FindingId.FRACTURE,
    FindingId.FRACTURE_LINE,
    FindingId.STRESS_REACTION,
    FindingId.CONTUSION,
    FindingId.HEMANGIOMA,
    FindingId.PAGET,
    FindingId.HEMATOPOIETIC,
    FindingId.TRANSIENT_EDEMA,
    FindingId.DEGENERATION_STATED,
    FindingId.MODIC1,
    FindingId.SCHMORL,
    FindingId.ENDPLATE_DEGENERATION,
    FindingId.SPONDYLOARTHRITIS_STATED,
    FindingId.SAPHO_STATED,
    FindingId.ANDERSSON,
    FindingId.NEUROPATHIC,
    FindingId.CRYSTAL,
    FindingId.RADIATION,
    FindingId.CLEFT,
)
# "Cannot be excluded" says that nothing speaks for it; it lists no differential diagnosis.
_NOT_EXCLUDED = re.compile(r"exclu|ausschlie|auszuschlie|ausgeschlossen|ruled? out", re.IGNORECASE)
_A_LIST = 2
# Characters between two diagnoses of one list whose question marks end sentences.
_REACH = 60


@rule("MAL-DIFFERENTIAL", Pathway.MALIGNANCY, MAL_IMG, "R-MAUCH2018")
def only_tumors(context: RuleContext) -> Outcome:
    """Every diagnosis of a list of two or more is a tumour, and nothing else is weighed for that place."""
    open_ones = [f for f in context.possible(*_TUMORS) if weight(f.finding) is Weight.POSSIBLE]
    listed = [
        f
        for f in without(open_ones, Qualifier.EXPLAINED_BENIGN)
        if not _NOT_EXCLUDED.search(f.finding.cue or "") and not _NOT_EXCLUDED.search(f.finding.sentence)
    ]
    found = tuple(f for f in listed if len(_beside(f, listed)) >= _A_LIST and not _rivals(context, f))
    return when(STRONG, found, "every differential diagnosis is a tumour", "no list of tumours alone")


def _beside(one: FindingCause, listed: list[FindingCause]) -> set[tuple[int, int]]:
    """Places in the text of the tumours that one list names."""
    return {(f.finding.span.start, f.finding.text_index) for f in listed if _in_one_list(f, one)}


def _in_one_list(one: FindingCause, other: FindingCause) -> bool:
    """Tell whether two diagnoses stand in one sentence, or close together: "(plasmacytoma? metastasis?)" ends two."""
    if one.report != other.report or one.finding.text_index != other.finding.text_index:
        return False
    same = one.finding.sentence_span == other.finding.sentence_span
    return same or abs(one.finding.span.start - other.finding.span.start) <= _REACH


def _rivals(context: RuleContext, tumor: FindingCause) -> tuple[FindingCause, ...]:
    """Other diagnoses, present or possible, in the same sentence or at the same place."""
    others = context.possible(*_RIVALS)
    here = [f for f in others if _in_one_list(f, tumor)]
    return (*here, *(context.at(others, tumor.finding.levels) if tumor.finding.levels else ()))


RULES: tuple[Rule, ...] = (only_tumors,)
