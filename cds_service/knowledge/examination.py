"""Loads the words that name imaging modality and body region in titles and report openings."""

from importlib.resources import files

import tomli
from pydantic import BaseModel, ConfigDict, ValidationError

from cds_service.domain.vocabulary import BodyRegion, Modality
from cds_service.errors import KnowledgeError

_FILE = "examination.toml"


class ExaminationTerms(BaseModel):
    """Terms of each modality and region; regions and modalities without words are told by exclusion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    modality: dict[Modality, tuple[str, ...]]
    region: dict[BodyRegion, tuple[str, ...]]


def load_examination_terms() -> dict[str, tuple[str, ...]]:
    """Return term lists named ``m:<modality>`` and ``r:<region>``; raise KnowledgeError on a flaw."""
    raw = files("cds_service.knowledge").joinpath(_FILE).read_text(encoding="utf-8")
    try:
        terms = ExaminationTerms.model_validate(tomli.loads(raw))
    except (tomli.TOMLDecodeError, ValidationError) as error:
        raise KnowledgeError(f"{_FILE}: {error}") from error
    return {
        **{f"m:{name}": words for name, words in terms.modality.items()},
        **{f"r:{name}": words for name, words in terms.region.items()},
    }
