"""Puts together what one sentence says of the findings it names: status, levels and everything around them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, final

from cds_service.domain.facts import Span, TextFinding
from cds_service.domain.vocabulary import Certainty, FindingId, Language, Section, Status
from cds_service.reading.assertion import Assertion, assertion, live_cues
from cds_service.reading.denials import is_place
from cds_service.reading.details import millimetres_of, percent_of, qualifiers_of, trend_of
from cds_service.reading.ellipsis import (
    aged_before,
    aged_behind,
    aged_in_brackets,
    elided,
    parted,
    with_late,
    with_ones,
)
from cds_service.reading.exceptions import exceptions, own_groups
from cds_service.reading.history import in_history
from cds_service.reading.levels import LevelGroup
from cds_service.reading.lexicon import Hit, Hits
from cds_service.reading.mentions import Mention
from cds_service.reading.outside import is_spinal
from cds_service.reading.placing import Named, fitting, has_own_place, has_segment, levels_of
from cds_service.reading.pointed import parted_at_noun
from cds_service.reading.regions import is_of_next
from cds_service.reading.sentences import Sentence
from cds_service.reading.words import Words

# a conclusion holds for the report, not for the level the sentence before happened to end with
_CONCLUSIONS: Final = frozenset(
    {
        FindingId.INFECTION_STATED, FindingId.MALIGNANCY_STATED, FindingId.METASTASIS, FindingId.TUMOR,
        FindingId.SPONDYLOARTHRITIS_STATED, FindingId.SAPHO_STATED, FindingId.OSTEOPOROSIS, FindingId.DEFORMITY,
        FindingId.DEGENERATIVE_CHANGE,
    }
)  # fmt: skip
# a denial of these speaks of all that was examined
_DENIED_AT_LARGE: Final = frozenset(
    {
        FindingId.FRACTURE, FindingId.SPINAL_HEMATOMA, FindingId.ABSCESS_EPIDURAL, FindingId.ABSCESS_PARASPINAL,
        FindingId.EDEMA, FindingId.SPONDYLOLISTHESIS, FindingId.LYSIS, FindingId.MARROW_SIGNAL,
        FindingId.SOFT_MASS, FindingId.HEIGHT_LOSS,
    }
)  # fmt: skip
# these belong to a segment: denied after a sentence about one vertebra, they are denied of the spine
_OF_SEGMENTS: Final = frozenset(
    {FindingId.CANAL_STENOSIS, FindingId.FORAMINAL_STENOSIS, FindingId.DISC_HERNIATION, FindingId.DISC_BULGE}
)


_PREFERRING: Final = frozenset({"than", "non"})


@dataclass(frozen=True, slots=True)
class Prepared:
    """One text with everything found in it."""

    words: Words
    hits: Hits
    sentences: list[Sentence]
    index: int
    original: str


@final
class _Said:
    """One sentence with what was found in it; ``groups`` are the levels that its findings may take."""

    def __init__(
        self,
        text: Prepared,
        sentence: Sentence,
        mentions: list[Mention],
        here: Hits,
        groups: list[LevelGroup],
        inherited: tuple[str, ...],
        language: Language,
    ) -> None:
        self.text = text
        self.sentence = sentence
        self.bounds = (sentence.first, sentence.end)
        self.mentions = mentions
        self.here = here
        self.groups = groups
        self.exceptions = exceptions(text.words, self.bounds) if groups else []
        self.inherited = inherited
        self.language = language

    def levels(self, mention: Mention, status: Status, found: Sequence[TextFinding]) -> tuple[str, ...]:
        """Return the levels of a finding: its own, else those of the head of the list or of the sentence before."""
        words = self.text.words
        groups = self.groups
        if self.exceptions:
            groups = own_groups(words, (mention.first, mention.last), groups, self.exceptions, self.bounds[0])
        levels = levels_of(words, mention, groups, self.mentions, self.bounds)
        again = status is Status.ABSENT and (
            any(f.finding is mention.finding and f.status is not Status.ABSENT and f.levels == levels for f in found)
            or is_of_next(words, mention, self.groups, self.mentions)
        )
        if again and levels and not has_own_place(words, mention, self.groups, self.bounds):
            levels = ()
        if not levels:
            own_place = _has_levels(self.here) or mention.finding in _CONCLUSIONS
            at_large = status is Status.ABSENT and (
                mention.finding in _DENIED_AT_LARGE
                or (mention.finding in _OF_SEGMENTS and not has_segment(self.sentence.head or self.inherited))
            )
            levels = () if at_large else self.sentence.head if own_place else self.inherited
        levels = fitting(words, mention, levels, Named(self.groups, self.here.anatomy, self.mentions), self.bounds)
        # the whole skeleton is porotic, not the vertebra that broke
        return levels if is_spinal(mention.finding) and mention.finding is not FindingId.OSTEOPOROSIS else ()

    def finding(
        self, mention: Mention, said: Assertion, levels: tuple[str, ...], denials: Sequence[Hit]
    ) -> TextFinding:
        """Return one finding with status, levels and everything around it."""
        words, sentence = self.text.words, self.sentence
        span = Span(words.starts[sentence.first], words.ends[sentence.end - 1])
        return TextFinding(
            finding=mention.finding,
            status=said.status,
            certainty=said.certainty,
            levels=levels,
            span=Span(words.starts[mention.from_], words.ends[mention.to]),
            sentence_span=span,
            sentence=self.text.original[span.start : span.end],
            section=Section.BODY if sentence.told else sentence.section,
            language=self.language,
            cue=_cue_text(self.text, said.cue),
            trend=trend_of(words, mention, self.here.trend),
            qualifiers=qualifiers_of(words, mention, self.here.qualifier, denials),
            percent=percent_of(words, mention, self.bounds),
            millimetres=millimetres_of(words, mention, self.bounds),
            text_index=self.text.index,
        )


def described(
    text: Prepared,
    sentence: Sentence,
    mentions: list[Mention],
    here: Hits,
    inherited: tuple[str, ...],
    language: Language,
) -> list[TextFinding]:
    """Return the findings of a sentence with status, levels and everything around them."""
    cues = live_cues(here.cue)
    gap = elided(text.words, (sentence.first, sentence.end), here.levels)
    groups = [group for group in here.levels if gap is None or group is not gap.group]
    groups = parted_at_noun(text.words, groups, mentions)
    mentions = with_ones(
        text.words, (sentence.first, sentence.end), _without_narrowed_discs(text.words, mentions), groups
    )
    if gap is not None:
        cues = [cue for cue in cues if not gap.first <= cue.hit.first <= gap.group.last]
    denials = [cue.hit for cue in cues if cue.kind == "negated" and cue.forward]
    late = aged_behind(text.words, (sentence.first, sentence.end), groups, cues)
    old = {**aged_in_brackets(text.words, groups, cues), **aged_before(text.words, groups, cues), **late}
    told = _Said(text, sentence, mentions, here, groups, inherited, language)
    found: list[TextFinding] = []
    denied: tuple[int, TextFinding] | None = None
    for mention in mentions:
        said = assertion(text.words, told.bounds, mention, cues, sentence.section, asked=sentence.asked)
        if said.status is Status.ABSENT and _denies_cause_only(mention, mentions):
            if said.cue is None or text.words.words[said.cue.last] not in _PREFERRING:
                continue
            # "osteoporotic rather than pathological fracture", "non-pathological fracture": there is one
            said = Assertion(Status.PRESENT, Certainty.CERTAIN)
        levels = told.levels(mention, said.status, found)
        if late:
            levels = with_late(mention, levels, late)
        kept = in_history(text.words, sentence, mention.finding, said, levels)
        if kept is None:
            continue
        for half, own in parted(mention.finding, kept, levels, old):
            found.append(told.finding(mention, half, own, denials))
        if gap is not None and mention.last < gap.first and (denied is None or mention.last >= denied[0]):
            denied = (mention.last, replace(found[-1], status=Status.ABSENT, levels=gap.group.levels))
    if denied is not None:
        found.append(denied[1])
    return found


def _without_narrowed_discs(words: Words, mentions: list[Mention]) -> list[Mention]:
    """Leave out the canal of "disc heights are kept except at L5-S1, which is narrowed": the sentence names discs."""
    discs = {(m.first, m.last) for m in mentions if m.finding is FindingId.DISC_DEGENERATION}
    if not discs:
        return mentions
    return [
        m
        for m in mentions
        if not (
            m.finding is FindingId.CANAL_STENOSIS
            and (m.first, m.last) in discs
            and all(is_place(words, first) for first, _ in m.anchors)
        )
    ]


def _denies_cause_only(mention: Mention, mentions: Sequence[Mention]) -> bool:
    """Tell the fracture in "no pathological fracture": the cause is denied, not the fracture."""
    return mention.finding is FindingId.FRACTURE and any(
        m.finding is FindingId.MALIGNANCY_STATED and m.first <= mention.first and mention.last <= m.last
        for m in mentions
    )


def _has_levels(here: Hits) -> bool:
    return any(not group.root for group in here.levels)


def _cue_text(text: Prepared, hit: Hit | None) -> str | None:
    return text.original[text.words.starts[hit.first] : text.words.ends[hit.last]] if hit else None
