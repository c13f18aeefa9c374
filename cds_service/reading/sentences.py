"""Cuts a report into sentences and gives each its section and the levels of the list head it stands under."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from cds_service.domain.vocabulary import Section
from cds_service.knowledge.findings import load_grammar
from cds_service.reading.levels import LevelGroup
from cds_service.reading.lexicon import Hit, Hits, Lexicon
from cds_service.reading.words import Gap, Words

_GRAMMAR = load_grammar().sentences
_ABBREVIATIONS = frozenset(_GRAMMAR["abbreviations"])
_UNFINISHED = frozenset(_GRAMMAR["unfinished"])
_ORDINAL_NOUNS = frozenset(_GRAMMAR["ordinal_nouns"])
_ROMAN = frozenset({"i", "ii", "iii", "iv", "v"})
_GRADES = frozenset(
    {"typ", "type", "tip", "tipul", "grad", "grade", "gradul", "stadium", "stage", "modic", "meyerding"}
)
_BULLETS = "-•*–·>►▪◦"
# nobody writes longer sentences; a text without full stops is cut here, which keeps reading linear
_LONGEST_SENTENCE = 120
_SHORT_LINE = 70
_LONGEST_HEADING = 6
_LEVEL_HEAD_WORDS = 7
_SECTIONS_OF_ONE_LINE = frozenset({Section.INDICATION, Section.TECHNIQUE, Section.COMPARISON})
# "lumbar.There": a full stop without a space ends a sentence after a whole word only
_GLUED_WORD = 4
_LIST_DIGITS = 2

# a denial or a doubt needs what it speaks of
_AWAITING = frozenset({"negated<", "possible<", "probable<", "suspected<"})


class Sentence(NamedTuple):
    """The words ``[first, end)`` of one sentence. ``head`` holds the levels of a list head above it ("L4/5: ...").

    ``line`` counts lines of the text, ``continued`` marks a part after a semicolon, ``told`` history under no heading.
    """

    first: int
    end: int
    section: Section
    head: tuple[str, ...] = ()
    continued: bool = False
    line: int = 0
    heading: bool = False
    asked: bool = False
    told: bool = False


@dataclass(frozen=True, slots=True)
class _Held:
    """What no line end parts: words ``inside`` a term, words ``awaited`` by a cue before them; levels by first word."""

    levels: Mapping[int, int]
    inside: frozenset[int]
    awaited: frozenset[int]

    @classmethod
    def of(cls, hits: Hits) -> Self:
        """Collect it from the hits of a text."""
        terms: list[Hit | LevelGroup] = [*hits.anatomy, *hits.process, *hits.literal, *hits.cue, *hits.levels]
        return cls(
            {group.first: group.last for group in hits.levels},
            frozenset(n for term in terms for n in range(term.first + 1, term.last + 1)),
            frozenset(cue.last + 1 for cue in hits.cue if cue.name in _AWAITING),
        )


def split(words: Words, lexicon: Lexicon, hits: Hits) -> list[Sentence]:
    """Return the sentences of a text in order, with sections told by headings."""
    if not len(words):
        return []
    starts = _starts(words, _Held.of(hits))
    sentences = []
    line, body = 0, Section.BODY
    for number, (first, continued) in enumerate(starts):
        end = starts[number + 1][0] if number + 1 < len(starts) else len(words)
        line += "\n" in words.between(first)
        stop = words.ends[end - 1]
        asked = "?" in words.text[stop : min(stop + 3, words.starts[end]) if end < len(words) else stop + 3]
        sentences.append(Sentence(first, end, body, (), continued, line, False, asked))  # noqa: FBT003 - many are made
    return _with_heads(_with_sections(sentences, words, lexicon), words, hits)


def _starts(words: Words, held: _Held) -> list[tuple[int, bool]]:
    """Return the first word of each sentence, and whether it only goes on after a semicolon."""
    starts = [(0, False)]
    for index in range(1, len(words)):
        start, end = words.ends[index - 1], words.starts[index]
        if end - start == 1 and words.text[start] in " -/,":
            if index - starts[-1][0] > _LONGEST_SENTENCE:
                starts.append((index, True))
            continue
        between = words.text[start:end]
        if "\n" in between:
            if _line_breaks(words, index, between, held) or index - starts[-1][0] > _LONGEST_SENTENCE:
                starts.append((index, False))
        elif ";" in between:
            starts.append((index, True))
        elif _stops(words, index, between) or index - starts[-1][0] > _LONGEST_SENTENCE:
            starts.append((index, False))
    return starts


def _stops(words: Words, index: int, between: str) -> bool:
    """Tell a full stop at a sentence end from one in an abbreviation, a number or a date."""
    if "." not in between:
        return any(sign in between for sign in "!?•►▪")
    before, raw = words.words[index - 1], words.text[words.starts[index]]
    if between.endswith("."):
        glued = len(before) >= _GLUED_WORD and before.isalpha() and words.ends[index] - words.starts[index] > 1
        return glued and raw.isupper()
    if before in _ROMAN and words.words[index - 2] in _GRADES and raw.isupper():
        # "Modic Typ I. Haemangioma ...": a grade, no initial
        return True
    if before in _ABBREVIATIONS or (len(before) == 1 and before.isalpha()):
        return ")" in between
    if not before.isdigit():
        return True
    # "1. Mild" opens a list item, "12. BWK" is a level; a number that ends a sentence follows a word
    ends = index == 1 or words.gaps[index - 1] is Gap.SOFT or len(before) > _LIST_DIGITS
    return raw.isupper() and ends and words.words[index] not in _ORDINAL_NOUNS


def _line_breaks(words: Words, index: int, between: str, held: _Held) -> bool:
    """Tell a line break that ends a sentence from one that wraps it."""
    before, _, after = between.partition("\n")
    raw = words.text[words.starts[index]]
    if any(c in before for c in ".:;!?") or "\n" in after or any(c in after for c in _BULLETS):
        return True
    if ("(" in after and raw.isdigit()) or _is_heading_line(words, index):
        return True
    last = held.levels.get(index)
    if last is not None and last + 1 < len(words) and ":" in words.between(last + 1):
        return True
    if _goes_on(words, index, held):
        return False
    start = words.starts[index - 1]
    line_start = words.text.rfind("\n", max(0, start - _SHORT_LINE * 2), start) + 1
    return start - line_start < _SHORT_LINE and not raw.islower() and "," not in before


def _goes_on(words: Words, index: int, held: _Held) -> bool:
    """Tell that the line before ``index`` cannot be the end of a sentence, or that only a level stands on the next."""
    if index in held.inside or index in held.awaited or words.words[index - 1] in _UNFINISHED:
        return True
    last = held.levels.get(index)
    return last is not None and (last + 1 == len(words) or words.gaps[last + 1] in {Gap.COMMA, Gap.STOP})


def _is_heading_line(words: Words, index: int) -> bool:
    """Tell a line that opens with a few words and a colon."""
    for following in range(index + 1, min(index + 4, len(words))):
        between = words.between(following)
        if ":" in between:
            return True
        if between.strip():
            return False
    return False


def _with_sections(sentences: list[Sentence], words: Words, lexicon: Lexicon) -> list[Sentence]:
    """Give each sentence the section of the heading above it; a heading itself is cut off its sentence."""
    found: list[Sentence] = []
    section, one_line = Section.BODY, False
    headings = [_heading(s, words, lexicon) for s in sentences]
    following = _following_sections(headings)
    for number, sentence in enumerate(sentences):
        heading = headings[number]
        first = sentence.first
        if heading:
            section, first = heading[0], heading[1]
            one_line = first < sentence.end and "\n" not in words.between(first)
        elif one_line and section in _SECTIONS_OF_ONE_LINE and not sentence.continued:
            if "\n" in words.between(first) and following[number] is not Section.FINDINGS:
                section = Section.BODY
        elif _blank_line(words, first) and section in _SECTIONS_OF_ONE_LINE and following[number] is None:
            section = Section.BODY
        if first < sentence.end:
            found.append(sentence._replace(first=first, section=section, heading=heading is not None))
    return found


def _following_sections(headings: Sequence[tuple[Section, int] | None]) -> list[Section | None]:
    """Return for each sentence the section that the next heading opens, if one follows."""
    following: list[Section | None] = []
    section: Section | None = None
    for heading in reversed(headings):
        following.append(section)
        section = heading[0] if heading else section
    return following[::-1]


def _blank_line(words: Words, index: int) -> bool:
    return words.between(index).count("\n") > 1


def _heading(sentence: Sentence, words: Words, lexicon: Lexicon) -> tuple[Section, int] | None:
    """Return the section that a sentence's first words open, and the word after the heading."""
    for size in range(min(_LONGEST_HEADING, sentence.end - sentence.first), 0, -1):
        key = words.words[sentence.first : sentence.first + size]
        section = lexicon.headings.get(key)
        if section is None:
            continue
        after = sentence.first + size
        between = words.between(after) if after < len(words) else words.text[words.ends[after - 1] :]
        opens = ":" in between
        alone = "\n" in between and "\n" in "\n" + words.between(sentence.first)[-3:] and after <= sentence.end
        dashed = between.strip() in {"-", "–"} and words.text[words.starts[sentence.first]].isupper() and " " in between
        if opens or (alone and _starts_line(words, sentence.first)) or (dashed and _starts_line(words, sentence.first)):
            return section, after
    return None


def _starts_line(words: Words, index: int) -> bool:
    return index == 0 or "\n" in words.between(index)


def _with_heads(sentences: list[Sentence], words: Words, hits: Hits) -> list[Sentence]:
    """Give the sentences under "L4/5:" the levels of that head, until the next head, section or blank line."""
    found: list[Sentence] = []
    head: tuple[str, ...] = ()
    groups = {group.first: group for group in hits.levels if not group.root}
    section: Section | None = None
    for sentence in sentences:
        if sentence.section is not section or (_starts_line(words, sentence.first) and not sentence.continued):
            head = ()
        section = sentence.section
        here = _head(sentence, words, groups)
        head = here or head
        found.append(sentence._replace(head=head) if head else sentence)
    return found


def _head(sentence: Sentence, words: Words, groups: Mapping[int, LevelGroup]) -> tuple[str, ...]:
    """Return the levels of a sentence that opens with them and a colon or dash: "L4/5: ...", "Segment L4/5 - ..."."""
    for index in range(sentence.first, min(sentence.first + _LEVEL_HEAD_WORDS, sentence.end)):
        group = groups.get(index)
        if group is None:
            if index > sentence.first and words.gaps[index] >= Gap.CLAUSE:
                return ()
            continue
        after = group.last + 1
        for step in range(after, min(after + 5, sentence.end)):
            between = words.between(step)
            if ":" in between or " - " in between or " – " in between:
                return group.levels
            if between.strip(" ()/,"):
                break
        if index > sentence.first + 3:
            break
    return ()
