"""Models of code and word groups: strict, frozen, and the only place that knows how a group is written down."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints, model_validator

from cds_service.domain.vocabulary import BodyRegion, Language, Modality

Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=120, pattern=r"^\S(.*\S)?$")]
Code = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=24, pattern=r"^[A-Za-z0-9.\-]+$")]
Factor = Annotated[float, Field(gt=0, allow_inf_nan=False)]

PAIR_SIGN = " & "
# Stands in a term for a vertebra or a part of the spine, as history lines name them beside an operation.
LEVEL_SIGN = "<level>"
_LEVEL_WORDS = (
    *(f"{part}{number}" for part, first, last in (("c", 1, 7), ("t", 1, 12), ("th", 1, 12), ("d", 1, 12), ("l", 1, 5))
      for number in range(first, last + 1)),
    "s1", "hwk*", "bwk*", "lwk*", "hws", "bws", "lws",
)  # fmt: skip


def refuse_repeats(values: tuple[str, ...], key: str) -> None:
    """Raise ValueError naming the key and the first value that is listed twice."""
    repeated = next((value for value in values if values.count(value) > 1), None)
    if repeated is not None:
        raise ValueError(f"{key}: {repeated!r} is listed twice")


class StrictModel(BaseModel):
    """Refuses misspelt keys, so that no entry of a data file is lost without a word."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Terms(StrictModel):
    """Words of one entry in each language. ``stem*`` and ``*tail`` as in ``PhraseMatcher``.

    A term with `` & `` names words that must all stand in the same short text, in any order; ``<level>`` in a term is
    any vertebra or part of the spine.
    """

    en: tuple[Text, ...] = Field(min_length=1)
    de: tuple[Text, ...] = Field(min_length=1)
    ro: tuple[Text, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _no_repeats(self) -> Self:
        for language in Language:
            refuse_repeats(self.of(language), f"terms.{language}")
        return self

    def of(self, language: Language) -> tuple[str, ...]:
        """Terms of one language as written in the file."""
        return {Language.EN: self.en, Language.DE: self.de, Language.RO: self.ro}[language]

    def all(self, language: Language | None = None) -> tuple[str, ...]:
        """Terms of one language, or of all three without repeats."""
        if language is not None:
            return self.of(language)
        return tuple(dict.fromkeys((*self.en, *self.de, *self.ro)))


class CodeList(StrictModel):
    """Codes of one system: ``verified`` ones count alone, ``additive`` ones never without a word beside them."""

    verified: tuple[Code, ...] = ()
    additive: tuple[Code, ...] = ()

    @model_validator(mode="after")
    def _no_repeats(self) -> Self:
        refuse_repeats((*self.verified, *self.additive), "codes")
        return self


class CodeSystem(StrEnum):
    """Code systems that groups use; ICD-10, ATC and OPS entries are prefixes, all others whole codes."""

    SNOMED = "snomed"
    ICD10 = "icd10"
    LOINC = "loinc"
    RXNORM = "rxnorm"
    ATC = "atc"
    CPT = "cpt"
    OPS = "ops"


PREFIX_SYSTEMS = frozenset({CodeSystem.ICD10, CodeSystem.ATC, CodeSystem.OPS})

_SYSTEM_MARKS: tuple[tuple[str, CodeSystem], ...] = (
    ("snomed.info", CodeSystem.SNOMED),
    ("2.16.840.1.113883.6.96", CodeSystem.SNOMED),
    ("loinc", CodeSystem.LOINC),
    ("rxnorm", CodeSystem.RXNORM),
    ("2.16.840.1.113883.6.88", CodeSystem.RXNORM),
    ("icd-10", CodeSystem.ICD10),
    ("icd10", CodeSystem.ICD10),
    ("2.16.840.1.113883.6.90", CodeSystem.ICD10),
    ("whocc.no/atc", CodeSystem.ATC),
    ("/atc", CodeSystem.ATC),
    ("2.16.840.1.113883.6.73", CodeSystem.ATC),
    ("go/cpt", CodeSystem.CPT),
    ("bfarm/ops", CodeSystem.OPS),
    ("dimdi/ops", CodeSystem.OPS),
)


# A client writes a dozen systems.
@lru_cache(maxsize=256)
def system_of(uri: str) -> CodeSystem | None:
    """Code system that a FHIR ``Coding.system`` means, or None for local and unknown systems."""
    lowered = uri.lower()
    return next((system for mark, system in _SYSTEM_MARKS if mark in lowered), None)


def bare(code: str) -> str:
    """Code as it is compared in prefix systems: upper case, without dots, dashes and dagger or asterisk marks."""
    return "".join(sign for sign in code.upper() if sign.isalnum())


class CodeGroup(StrictModel):
    """One group: codes by system and words. ``unless`` are words that look like the group and are something else."""

    terms: Terms
    unless: tuple[Text, ...] = ()
    snomed: CodeList = CodeList()
    icd10: CodeList = CodeList()
    icd10_except: tuple[Code, ...] = ()
    loinc: CodeList = CodeList()
    rxnorm: CodeList = CodeList()
    atc: CodeList = CodeList()
    atc_except: tuple[Code, ...] = ()
    cpt: CodeList = CodeList()
    ops: CodeList = CodeList()

    def codes(self, system: CodeSystem) -> CodeList:
        """Codes of this group in one system."""
        found: CodeList = getattr(self, system.value)
        return found

    def exceptions(self, system: CodeSystem) -> tuple[str, ...]:
        """Prefixes taken out of the group again, in their comparable form."""
        listed = {CodeSystem.ICD10: self.icd10_except, CodeSystem.ATC: self.atc_except}.get(system, ())
        return tuple(bare(code) for code in listed)


class ConditionEntry(CodeGroup):
    """A condition group.

    With ``history`` a past event still counts as a fact ("status post vertebroplasty"); with ``exposure`` it counts
    when the family has it ("tuberculosis contact in the family").
    """

    history: StrictBool = False
    exposure: StrictBool = False


class DrugEntry(CodeGroup):
    """A drug group."""


class LabEntry(StrictModel):
    """One analyte: LOINC codes, canonical UCUM unit, plausible range in it, and what may be taken without a unit."""

    terms: Terms
    loinc: CodeList = CodeList()
    snomed: CodeList = CodeList()
    unit: Text
    plausible: tuple[float, float]
    molar_mass: Factor | None = None
    molar_mass_approximate: StrictBool = False
    unitless: StrictBool = False
    qualitative: StrictBool = False
    unless: tuple[Text, ...] = ()
    units: Mapping[Text, Text] = Field(default_factory=dict)
    only_units: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.plausible[0] >= self.plausible[1]:
            raise ValueError("plausible: the lower limit is not below the upper limit")
        return self


class ImagingCode(StrictModel):
    """What one imaging code means; ``contrast`` is three-valued, absent means that the code does not say."""

    modality: Modality
    region: BodyRegion
    contrast: StrictBool | None = None
    loinc: tuple[Code, ...] = ()
    snomed: tuple[Code, ...] = ()
    cpt: tuple[Code, ...] = ()


class CodedFinding(StrictModel):
    """Codes of a report's conclusion that state a finding."""

    snomed: tuple[Code, ...] = ()
    icd10: tuple[Code, ...] = ()


class EntryCues(StrictModel):
    """Words that change what a short entry of a list says of its disease.

    ``negation`` and ``not_disease`` ("screening for") stand before it, ``negated_after`` behind it; ``contrast`` words
    end the reach of a cue; ``coordination`` carries it over commas.
    """

    negation: Terms
    negated_after: Terms
    not_disease: Terms
    family: Terms
    history: Terms
    suspected: Terms
    allergy: Terms
    therapy: Terms
    contrast: Terms
    coordination: Terms
    acute: Terms
    old: Terms
    known: Terms
    mild: Terms
    severe: Terms
    bilateral: Terms


class GlucocorticoidDose(StrictModel):
    """Milligrams of a glucocorticoid that equal 5 mg of prednisone, with the names it goes by."""

    equals_5_mg_prednisone: Factor
    names: tuple[Text, ...] = Field(min_length=1)


def phrases(terms: Iterable[str]) -> tuple[str, ...]:
    """Return the contiguous phrases among terms, those with a level once for each word that may name one."""
    listed = (term for term in terms if PAIR_SIGN not in term)
    return tuple(
        term.replace(LEVEL_SIGN, word) for term in listed for word in (_LEVEL_WORDS if LEVEL_SIGN in term else ("",))
    )


def pairs(terms: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return the word sets among terms (those written with `` & ``)."""
    return tuple(tuple(term.split(PAIR_SIGN)) for term in terms if PAIR_SIGN in term)
