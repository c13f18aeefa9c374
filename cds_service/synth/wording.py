"""Report texts in three languages: phrase grammars, denials, and the noise that real texts have."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

from cds_service.synth.anatomy import slots
from cds_service.synth.case import Case, Variant, chart_words
from cds_service.synth.draw import Draw
from cds_service.synth.phrases import Phrase, parse, write

LANGUAGES: Final = ("en", "de", "ro")
_SPELT_OUT: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})
_PLAIN: Final = str.maketrans("ăâîșțĂÂÎȘȚ", "aaistAAIST")
_SHORTEST_MISTYPED: Final = 7
_EVEN: Final = 0.5


class Grammar:
    """The phrases of one language."""

    def __init__(self, language: str) -> None:
        text = files("cds_service.synth").joinpath(f"grammar/{language}.toml").read_text("utf-8")
        told: dict[str, Any] = tomllib.loads(text)
        self.language = language
        self.words = told
        self.rules = {name: _parsed(phrases) for name, phrases in told["rules"].items()}
        self.technique = _parsed(told["technique"])
        self.complaint = _parsed(told["complaint"])
        self.plain = tuple(_parsed([one]) for one in told["plain"])
        self.denial: tuple[str, ...] = tuple(told["denial"])
        self.history = {name: _parsed(one["history"]) for name, one in told["variants"].items()}
        self.core = {name: [_parsed(group) for group in one["core"]] for name, one in told["variants"].items()}
        self.signs = {
            name: {sign: _parsed(group) for sign, group in one.get("signs", {}).items()}
            for name, one in told["variants"].items()
        }
        self.impression = {name: _parsed(one["impression"]) for name, one in told["variants"].items()}
        self.unrelated = {name: (one[0], _parsed(one[1:])) for name, one in told["unrelated"].items()}
        # A writer who mixes languages does so where he names the oedema.
        self.mixed = self.rules | {"oedema": self.rules["oedema"] + self.rules["foreign"]}


def _parsed(templates: Sequence[str]) -> tuple[Phrase, ...]:
    return tuple(parse(template) for template in templates)


@cache
def grammar(language: str) -> Grammar:
    """Return the phrases of a language, read once."""
    return Grammar(language)


class Writer:
    """Writes the reports of one case. The same place and the same words for it hold in each of them."""

    def __init__(self, case: Case, draw: Draw, values: Mapping[str, float]) -> None:
        self._case = case
        self._draw = draw
        self._values = values
        self._grammar = grammar(case.language)
        tumours = chart_words()["tumours"]
        own = tumours["female" if case.female else "male"]
        self.tumour: Mapping[str, str] = own if draw.chance(_EVEN) else tumours["other"]
        self._slots = slots(case.place, self._grammar.words, draw) | {
            "age": str(case.age),
            "weeks": str(case.weeks),
            "mm": str(draw.whole(8, 38)),
            "primary": self.tumour[case.language],
        }

    def report(self, variant: Variant) -> str:
        """Return the text of a report of the spine."""
        told, draw = self._grammar, self._draw
        history = [draw.pick(told.history[variant.name])]
        if draw.chance(_EVEN):
            history.insert(0, draw.pick(told.complaint))
        findings = [self._say(draw.pick(group)) for group in told.core[variant.name]]
        for sign, group in told.signs[variant.name].items():
            if self._has(sign):
                findings.insert(draw.whole(1, len(findings)), self._say(draw.pick(group)))
        findings += [self._denied(variant), *self._ordinary()]
        sections = [
            " ".join(map(self._say, history)),
            self._say(draw.pick(told.technique)),
            " ".join(filter(None, findings)),
            self._say(draw.pick(told.impression[variant.name])),
        ]
        return self._noisy(self._headed(sections))

    def unrelated(self) -> tuple[str, str]:
        """Return title and text of a report of another part of the body."""
        title, phrases = self._grammar.unrelated[self._draw.pick(tuple(self._grammar.unrelated))]
        return title, f"{title}. {self._say(self._draw.pick(phrases))}"

    def _say(self, phrase: Phrase) -> str:
        told = self._grammar
        mixed = self._draw.chance(self._values["foreign_words"])
        said = write(phrase, self._draw, self._slots, told.mixed if mixed else told.rules)
        # A choice may be empty, or begin with its comma.
        return said.replace(" ,", ",").replace("  ", " ").strip()

    def _has(self, sign: str) -> bool:
        if sign == "psoas" and self._case.place.region != "lumbar":
            return False
        return self._draw.chance(self._values[f"sign_{sign}"])

    def _denied(self, variant: Variant) -> str:
        """Deny one to three things that the case has not, one by one or as a list."""
        draw, words = self._draw, self._grammar.words
        topics = list(variant.denies)
        while len(topics) > 1 and (len(topics) > 3 or draw.chance(0.3)):  # noqa: PLR2004 - longer lists are rare
            topics.remove(draw.pick(topics))
        if not topics:
            return ""
        template: str = draw.pick(self._grammar.denial)
        if "{each}" in template:
            each = ", ".join(draw.pick(words["denied_each"][topic]) for topic in topics)
            return template.replace("{each}", each[0].upper() + each[1:])
        bare = [draw.pick(words["denied"][topic]) for topic in topics]
        listed = [", ".join(bare[:-1]), bare[-1]] if len(bare) > 1 else bare
        return template.replace("{bare}", words["or"].join(listed))

    def _ordinary(self) -> list[str]:
        return [self._say(one[0]) for one in self._grammar.plain if self._draw.chance(0.4)]

    def _headed(self, sections: Sequence[str]) -> str:
        draw, words = self._draw, self._grammar.words
        if draw.chance(self._values["headings_missing"]):
            return "\n".join(sections)
        headings = words["headings"] if draw.chance(0.7) else draw.pick(words["other_headings"])
        between = draw.pick((": ", ":\n"))
        return "\n".join(f"{heading}{between}{text}" for heading, text in zip(headings, sections, strict=True))

    def _noisy(self, text: str) -> str:
        draw, language = self._draw, self._grammar.language
        if language != "en" and draw.chance(self._values["special_letters_lost"]):
            text = text.translate(_SPELT_OUT if language == "de" else _PLAIN)
        if draw.chance(self._values["typing_errors"]):
            for _ in range(draw.whole(1, 2)):
                text = _mistyped(text, draw)
        return text


def _mistyped(text: str, draw: Draw) -> str:
    """Swap two neighbouring letters inside a long word, or leave one out."""
    words = text.split(" ")
    for _ in range(8):
        index = draw.whole(0, len(words) - 1)
        word = words[index]
        if len(word) >= _SHORTEST_MISTYPED and word.isalpha():
            at = draw.whole(2, len(word) - 3)
            after = word[at + 1] + word[at] if draw.chance(_EVEN) else word[at + 1]
            words[index] = word[:at] + after + word[at + 2 :]
            break
    return " ".join(words)
