"""Cuts a report into sentences and gives each its section and the levels of the list head it stands under."""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from cds_service.domain.vocabulary import Section
from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.levels import LevelGroup
from cds_service.reading.lexicon import Hit, Hits, Lexicon
from cds_service.reading.words import Gap, Words
from cds_service.reading.wrapping import closes_title, words_of_one_case

_GRAMMAR: Final = load_grammar().sentences
_ABBREVIATIONS: Final = frozenset(_GRAMMAR["abbreviations"])
_UNFINISHED: Final = frozenset(_GRAMMAR["unfinished"])
_CONTINUING: Final = frozenset(_GRAMMAR["continuing"])
_ORDINAL_NOUNS: Final = frozenset(_GRAMMAR["ordinal_nouns"])
_ROMAN: Final = frozenset({"i", "ii", "iii", "iv", "v"})
_GRADES: Final = frozenset(_GRAMMAR["grades"])
# the first of two levels and the sign behind it: "4/5", "l4/5", "l4-5"
_FIRST_OF_TWO: Final = re.compile(r"\d+/|[a-z]\d+[-/]")
# signs that end no sentence
_INSIDE: Final = frozenset(" -/,")
_BULLETS: Final = "-•*–·>►▪◦"
# nobody writes longer sentences; a text without full stops is cut here, which keeps reading linear
LONGEST_SENTENCE: Final = 120
_SHORT_LINE: Final = 70
_WIDEST_WRAPPED: Final = 132
_SHORT_SHARE: Final = 0.6
_LONGEST_HEADING: Final = 6
_LEVEL_HEAD_WORDS: Final = 7
_LEVEL_HEAD_OPENING: Final = 3
# the sections that may still come before the description
_INTRODUCING: Final = frozenset({Section.INDICATION, Section.TECHNIQUE, Section.COMPARISON, Section.FINDINGS})
# what a sentence about the examination itself says
_ACQUIRED: Final = tuple(_GRAMMAR["acquired"])
_SECTIONS_OF_ONE_LINE: Final = frozenset({Section.INDICATION, Section.TECHNIQUE, Section.COMPARISON})
# "lumbar.There": a full stop without a space ends a sentence after a whole word only
_GLUED_WORD: Final = 4
_LIST_DIGITS: Final = 2
_SHORTENED: Final = frozenset(_GRAMMAR["shortened"])
_SIDES: Final = frozenset(_GRAMMAR["sides"])
_EXAMINATIONS: Final = frozenset(_GRAMMAR["examinations"])
_EXAMINATION_WORDS: Final = 8
# what opens with one of these speaks of the whole spine, not of the level that the list has come to
_WHOLE: Final = _GRAMMAR["whole"]
# what a label of its own can open after a list of levels
_PARTS: Final = _GRAMMAR["parts"]
_LABEL_WORDS: Final = 4
# headings of a list of diagnoses that are only possible
_RIVALS: Final = ("differential", "ddx", "differenzial", "diferential")
# a denial or a doubt needs what it speaks of
_AWAITING: Final = frozenset({"negated<", "possible<", "probable<", "suspected<"})


@dataclass(slots=True)
class Sentence:
    """The words ``[first, end)`` of one sentence. ``head`` holds the levels of a list head above it ("L4/5: ...").

    ``line`` counts lines of the text, ``continued`` marks a part after a semicolon, ``told`` history under no heading,
    ``former`` what stands in a list of former diseases, ``family`` in one of the relatives'. It is left alone later.
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
    former: bool = False
    family: bool = False


@dataclass(frozen=True, slots=True)
class _Held:
    """What no line end parts: words ``inside`` a term or ``awaited`` by a cue, levels, words ``of_one_case``."""

    levels: Mapping[int, int]
    inside: frozenset[int]
    awaited: frozenset[int]
    of_one_case: frozenset[int]

    @classmethod
    def of(cls, hits: Hits, words: Words) -> Self:
        """Collect it from the hits of a text."""
        terms: list[Hit | LevelGroup] = [*hits.anatomy, *hits.process, *hits.literal, *hits.cue, *hits.levels]
        return cls(
            {group.first: group.last for group in hits.levels},
            frozenset(n for term in terms for n in range(term.first + 1, term.last + 1)),
            frozenset(
                cue.last + 1
                for cue in hits.cue
                # "MRI lumbar spine w/o" at a line end is an examination without contrast
                if cue.name in _AWAITING and words.words[cue.last] != "o"
            ),
            words_of_one_case(words),
        )


@dataclass(frozen=True, slots=True)
class _Described:
    """The sorted words that state a finding, and those that tell a history."""

    stating: Sequence[int]
    told: Sequence[int]

    @classmethod
    def of(cls, hits: Hits, lexicon: Lexicon) -> Self:
        """Collect them from the hits of a text."""
        stating = [hit.first for hit in hits.literal]
        stating += [hit.first for hit in hits.process if hit.name in lexicon.compositions]
        return cls(sorted(stating), [mark.first for mark in hits.mark if mark.name == "words"])

    def begins(self, sentence: Sentence, words: Words, title: tuple[str, ...]) -> bool:
        """Tell the first sentence of the description in a text whose headings end on one line: "History: pain. ..."."""
        told = _any_within(self.told, sentence) and title != ("procedure",)
        if sentence.asked or not _any_within(self.stating, sentence) or told:
            return False
        return not any(words.words[n].startswith(_ACQUIRED) for n in range(sentence.first, sentence.end))


def _any_within(firsts: Sequence[int], sentence: Sentence) -> bool:
    return bisect_left(firsts, sentence.first) < bisect_left(firsts, sentence.end)


def split(words: Words, lexicon: Lexicon, hits: Hits) -> list[Sentence]:
    """Return the sentences of a text in order, with sections told by headings."""
    if not len(words):
        return []
    starts = _starts(words, _Held.of(hits, words))
    sentences = []
    line, body, asks = 0, Section.BODY, "?" in words.text
    for number, (first, continued) in enumerate(starts):
        end = starts[number + 1][0] if number + 1 < len(starts) else len(words)
        line += "\n" in words.between(first)
        asked = asks and _is_asked(words, first, end)
        sentences.append(Sentence(first, end, body, continued=continued, line=line, asked=asked))
    return _with_heads(_with_sections(sentences, words, lexicon, hits), words, hits)


def _is_asked(words: Words, first: int, end: int) -> bool:
    """Tell a sentence with a question mark at its end or at one of its words."""
    stop = words.ends[end - 1]
    after = words.text[stop : min(stop + 3, words.starts[end]) if end < len(words) else stop + 3]
    # "pain, ?sacroiliitis" asks for the word behind the mark
    own = after[:-1] if end < len(words) and _queried(words, end) else after
    return "?" in own or any(_queried(words, index) for index in range(first, end))


def _starts(words: Words, held: _Held) -> list[tuple[int, bool]]:
    """Return the first word of each sentence, and whether it only goes on after a semicolon."""
    starts = [(0, False)]
    short = _short_line(words.text)
    for index, between in enumerate(words.signs[1:-1], 1):
        if between in _INSIDE:
            if index - starts[-1][0] > LONGEST_SENTENCE:
                starts.append((index, True))
            continue
        if "\n" in between:
            if _line_breaks(words, index, between, held, short) or index - starts[-1][0] > LONGEST_SENTENCE:
                starts.append((index, False))
        elif ";" in between:
            starts.append((index, True))
        elif _stops(words, index, between) or index - starts[-1][0] > LONGEST_SENTENCE:
            starts.append((index, False))
    return starts


def _stops(words: Words, index: int, between: str) -> bool:
    """Tell a full stop at a sentence end from one in an abbreviation, a number or a date."""
    if "." not in between:
        return any(sign in between for sign in "!•►▪") or ("?" in between and not _queried(words, index))
    before, raw = words.words[index - 1], words.text[words.starts[index]]
    if between.endswith("."):
        glued = len(before) >= _GLUED_WORD and before.isalpha() and words.ends[index] - words.starts[index] > 1
        return glued and raw.isupper()
    # "Modic Typ I. Haemangioma ...": a grade, no initial
    grade = before in _ROMAN and words.words[index - 2] in _GRADES
    if (grade or _closes(words, index)) and (raw.isupper() or words.text.islower()):
        return True
    if before in _ABBREVIATIONS or (len(before) == 1 and before.isalpha()):
        return ")" in between
    if not before.isdigit() or "%" in between:
        return before not in _SHORTENED or not raw[0].islower()
    # "1. Mild" opens a list item, "12. BWK" is a level; a number that ends a sentence follows a word
    ends = index == 1 or words.gaps[index - 1] == Gap.SOFT or len(before) > _LIST_DIGITS
    pair = index > 1 and _FIRST_OF_TWO.fullmatch(words.words[index - 2] + words.signs[index - 1])
    # "lwk 1. ein herd" in small letters
    closed = words.words[index - 2] in _ORDINAL_NOUNS and words.text[words.starts[index - 2]].islower()
    return (raw.isupper() or bool(pair) or (index > 1 and closed)) and ends and words.words[index] not in _ORDINAL_NOUNS


def _queried(words: Words, index: int) -> bool:
    """Tell the mark before a word that asks for it: "?fracture", at the beginning also "? fracture"."""
    between = words.between(index)
    mark = between.rstrip(" ")
    if mark != between and mark[-1:] == "?" and (index == 0 or mark[-2:-1] in {" ", "\n", "("}):
        return True
    return between[-1:] == "?" and (index == 0 or between[:1] in " ,;.:(\n/-")


def _closes(words: Words, index: int) -> bool:
    """Tell the stop of "L4/5 bds. Spinalkanal ..." and "L3/4 o.B. L4/5 ...", where an abbreviation ends a sentence."""
    before, two = words.words[index - 1], words.words[max(index - 2, 0)]
    if before in _SIDES:
        # in capitals "RE. EINGEENGT" goes on as often as not, which loses less than a sentence cut in two
        shouted = before != "bds" and words.text[words.starts[index - 1] : words.ends[index - 1]].isupper()
        return index > 1 and not shouted and (words.text[words.starts[index - 2]].isupper() or two[-1].isdigit())
    return (before == "b" and two == "o") or (before in "lr" and any(c in words.between(index - 1) for c in "<>="))


def _short_line(text: str) -> float:
    """Return the length below which a line ends a sentence: beside lines that no wrapping made, most lines do."""
    width = max(map(len, text.split("\n")))
    return _SHORT_LINE if width <= _WIDEST_WRAPPED else width * _SHORT_SHARE


def _line_breaks(words: Words, index: int, between: str, held: _Held, short: float) -> bool:
    """Tell a line break that ends a sentence from one that wraps it."""
    before, _, after = between.partition("\n")
    raw = words.text[words.starts[index]]
    if any(c in before for c in ".:;!?") or "\n" in after or any(c in after for c in _BULLETS):
        return True
    if ("(" in after and raw.isdigit()) or _is_heading_line(words, index) or closes_title(words, index):
        return True
    last = held.levels.get(index)
    if last is not None and last + 1 < len(words) and ":" in words.between(last + 1):
        return True
    if _goes_on(words, index, held):
        return False
    start = words.starts[index - 1]
    line_start = words.text.rfind("\n", 0, start) + 1
    return start - line_start < short and (index in held.of_one_case or not raw.islower()) and "," not in before


def _goes_on(words: Words, index: int, held: _Held) -> bool:
    """Tell that the line before ``index`` ends no sentence: by how it ends, or by what stands on the next."""
    # "since this am" is no German "am"
    unfinished = words.words[index - 1] in _UNFINISHED and words.words[index - 2 : index] != ("this", "am")
    # where capitals tell nothing, the word does
    continued = index in held.of_one_case and words.words[index] in _CONTINUING
    if index in held.inside or index in held.awaited or unfinished or continued:
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


def _with_sections(sentences: list[Sentence], words: Words, lexicon: Lexicon, hits: Hits) -> list[Sentence]:
    """Give each sentence the section of the heading above it; a heading itself is cut off its sentence."""
    described = _Described.of(hits, lexicon)
    named = frozenset(hit.first for hit in hits.anatomy)
    found: list[Sentence] = []
    section, one_line, rivals, concluded = Section.BODY, False, False, False
    title: tuple[str, ...] = ()
    headings = [_heading(s, words, lexicon) for s in sentences]
    following = _following_sections(headings)
    for number, sentence in enumerate(sentences):
        heading = headings[number]
        first = sentence.first
        if heading:
            title = words.words[sentence.first : heading[1]]
            concluded = concluded or section is Section.IMPRESSION
            section, first = heading
            if concluded and title == ("discussion",):
                # behind a diagnosis it is about the disease, not about images
                section = Section.TECHNIQUE
            if sentence.first in named and section is Section.FINDINGS and first < sentence.end:
                # "Cord: normal signal" is about the cord
                first = sentence.first
            one_line = first < sentence.end and "\n" not in words.between(first)
            rivals = title[0].startswith(_RIVALS)
        elif one_line and section in _SECTIONS_OF_ONE_LINE and not sentence.continued:
            broken = "\n" in words.between(first) and following[number] is not Section.FINDINGS
            if broken or (following[number] not in _INTRODUCING and described.begins(sentence, words, title)):
                section = Section.BODY
        elif _blank_line(words, first) and section in _SECTIONS_OF_ONE_LINE and following[number] is None:
            section = Section.BODY
        if rivals and heading is None and ((one_line and "\n" in words.between(first)) or _blank_line(words, first)):
            rivals, section = False, Section.BODY
        if first < sentence.end:
            sentence.first, sentence.section = first, section
            sentence.heading, sentence.asked = heading is not None, sentence.asked or rivals
            found.append(sentence)
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
    longest = _LONGEST_HEADING if words.words[sentence.first] in lexicon.heading_openers else 0
    for size in range(min(longest, sentence.end - sentence.first), 0, -1):
        key = words.words[sentence.first : sentence.first + size]
        section = lexicon.headings.get(key)
        if section is None:
            continue
        after = sentence.first + size
        between = words.between(after) if after < len(words) else words.text[words.ends[after - 1] :]
        opens = ":" in between
        alone = "\n" in between and "\n" in "\n" + words.between(sentence.first)[-3:] and after <= sentence.end
        dashed = between.strip() in {"-", "–"} and words.text[words.starts[sentence.first]].isupper() and " " in between
        # "RMN lombar" alone at the top is the title, below which the history may stand
        alone = alone and not (sentence.first == 0 and words.words[0] in _EXAMINATIONS)
        if opens or (alone and _starts_line(words, sentence.first)) or (dashed and _starts_line(words, sentence.first)):
            return section, after
    return _examination_heading(sentence, words)


def _examination_heading(sentence: Sentence, words: Words) -> tuple[Section, int] | None:
    """Read "MRT der LWS vom 3.5.: ..." and "Röntgen HWS: ..." as the opening of findings."""
    if words.words[sentence.first] not in _EXAMINATIONS:
        return None
    for index in range(sentence.first + 1, min(sentence.first + _EXAMINATION_WORDS, sentence.end)):
        between = words.between(index)
        if ":" in between:
            return Section.FINDINGS, index
        if "," in between or ";" in between:
            return None
    return None


def _starts_line(words: Words, index: int) -> bool:
    return index == 0 or "\n" in words.between(index)


def _with_heads(sentences: list[Sentence], words: Words, hits: Hits) -> list[Sentence]:
    """Give the sentences under "L4/5:" the levels of that head, until the next head, section or blank line."""
    head: tuple[str, ...] = ()
    groups = {group.first: group for group in hits.levels if not group.root}
    # an examination of one level heads what follows it as well
    titled = {group.last: group.levels for group in groups.values() if len(group.levels) == 1}
    section: Section | None = None
    for sentence in sentences:
        if sentence.section is not section or (_starts_line(words, sentence.first) and not sentence.continued):
            head = ()
        section = sentence.section
        here = _head(sentence, words, groups) or titled.get(sentence.first - 1 if sentence.heading else -1, ())
        head = here or (() if _leaves_head(sentence, words) else head)
        sentence.head = head
    return sentences


def _leaves_head(sentence: Sentence, words: Words) -> bool:
    """Tell a sentence about the whole spine, or one that opens another part of it: "Thoracic: ..."."""
    if words.words[sentence.first].startswith(_WHOLE):
        return True
    opening = range(sentence.first + 1, min(sentence.first + _LABEL_WORDS, sentence.end))
    return words.words[sentence.first].startswith(_PARTS) and any(":" in words.between(index) for index in opening)


def _head(sentence: Sentence, words: Words, groups: Mapping[int, LevelGroup]) -> tuple[str, ...]:
    """Return the levels of a sentence that opens with them and a colon or dash: "L4/5: ...", "Segment L4/5 - ..."."""
    opening = range(sentence.first, min(sentence.first + _LEVEL_HEAD_WORDS, sentence.end))
    if groups.keys().isdisjoint(opening):
        return ()
    for index in opening:
        group = groups.get(index)
        if group is None:
            if index > sentence.first and words.gaps[index] >= Gap.CLAUSE:
                return ()
            continue
        if index > sentence.first + _LEVEL_HEAD_OPENING:
            return ()
        after = group.last + 1
        for step in range(after, min(after + 5, sentence.end)):
            between = words.between(step)
            if ":" in between or " - " in between or " – " in between:
                return group.levels
            if between.strip(" ()/,"):
                break
    return ()
