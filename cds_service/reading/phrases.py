"""Finds terms of many lists in a text in one linear pass, on folded words, with offsets in the original text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, final

from mypy_extensions import mypyc_attr

from cds_service.reading.words import REMEMBERED_WORDS, Gap, Words, cut, fold

_ANY: Final = 0
# A thousand reports of three languages lead to some 4,000 of them.
_MOST_STEPS: Final = 8192
# Numbers, dates and names of files do not come again; levels and times do, and are short.
_LONGEST_NUMBER: Final = 4
# "~" in a term stands for none to this many words of any kind
_WILDCARD_WORDS: Final = 3


@dataclass(frozen=True, slots=True)
class PhraseMatch:
    """A term of list ``id`` at ``[start, end)`` of the original text."""

    id: str
    start: int
    end: int


@mypyc_attr(acyclic=True)
@final
class WordMatch:
    """A term of list ``id`` over the words ``[first, last]``, both included; nobody changes it once it is made."""

    __slots__ = ("first", "id", "last")

    def __init__(self, name: str, first: int, last: int) -> None:
        self.id = name
        self.first = first
        self.last = last

    def __repr__(self) -> str:
        """Show list and place."""
        return f"WordMatch({self.id!r}, {self.first}, {self.last})"


@final
class _Node:
    """A place in the trie of terms: the ``ids`` of terms that end here, and where the next word leads.

    ``gap`` is where a term goes on behind a wildcard. Most nodes lead nowhere and have no table of ``children``.
    """

    __slots__ = ("children", "gap", "ids")

    def __init__(self) -> None:
        self.children: dict[int, _Node] | None = None
        self.gap: _Node | None = None
        self.ids: tuple[str, ...] = ()


@final
class _WordClass:
    """All words that fit the same word patterns ``atoms``; ``opening`` is where the terms lead that they begin."""

    __slots__ = ("atoms", "opening")

    def __init__(self, atoms: tuple[int, ...], opening: "_State | None") -> None:
        self.atoms = atoms
        self.opening = opening


@final
class _State:
    """All places of the trie that the words read so far may lead to; ``after`` tells where one more word leads.

    Each place has the number of words of any kind that may still be passed over there, behind a wildcard. States are
    worked out when a text first leads there and then kept, as are the classes of words.
    """

    __slots__ = ("after", "ids", "places")

    def __init__(self, reached: "list[tuple[_Node, int]]") -> None:
        self.places: dict[_Node, int] = {}
        for node, spare in reached:
            if spare > self.places.get(node, -1):
                self.places[node] = spare
                if node.gap is not None:
                    # the list grows while it is read: a wildcard opens where its term goes on
                    reached.append((node.gap, _WILDCARD_WORDS))
        self.ids = tuple(dict.fromkeys([name for node in self.places for name in node.ids]))
        self.after: dict[_WordClass, _State | None] = {}


class _Atoms:
    """Numbers the words and word parts of all terms and tells which of them a given word fits."""

    def __init__(self) -> None:
        self._exact: dict[str, int] = {}
        self._prefix: dict[str, int] = {}
        self._suffix: dict[str, int] = {}
        self._infix: dict[str, int] = {}
        self._count = _ANY
        self._chunks: dict[str, tuple[int, ...]] = {}

    def numbers(self, chunk: str) -> tuple[int, ...]:
        """Return the numbers of the word patterns of a term between two blanks, split as a text would be split.

        A pattern is plain, ``stem*``, ``*tail`` or ``*middle*``; ``~`` is any word.
        """
        known = self._chunks.get(chunk)
        if known is None:
            known = self._chunks[chunk] = (_ANY,) if chunk == "~" else self._parts(chunk)
        return known

    def _parts(self, chunk: str) -> tuple[int, ...]:
        plain = chunk.strip("*")
        parts = [fold(plain)] if plain.isalnum() else list(cut(chunk).words)
        if not parts:
            raise ValueError(f"no word in {chunk!r}")
        last = len(parts) - 1
        return tuple(
            self._number(part, head=place == 0 and chunk[0] == "*", tail=place == last and chunk[-1] == "*")
            for place, part in enumerate(parts)
        )

    def _number(self, key: str, *, head: bool, tail: bool) -> int:
        table = (self._infix if tail else self._suffix) if head else (self._prefix if tail else self._exact)
        if key not in table:
            self._count += 1
            table[key] = self._count
        return table[key]

    def of(self, word: str) -> tuple[int, ...]:
        """Return the numbers of all patterns that a folded word fits; work is bounded by the longest word."""
        size = len(word)
        found = [self._exact[word]] if word in self._exact else []
        found += [self._prefix[word[:n]] for n in range(1, size + 1) if word[:n] in self._prefix]
        found += [self._suffix[word[n:]] for n in range(size) if word[n:] in self._suffix]
        found += [number for part, number in self._infix.items() if part in word]
        return tuple(found)


class TermIndex:
    """Terms of many lists compiled into one word trie.

    A term is one or more words. ``stem*`` fits any word that begins so, ``*tail`` any word that ends so (German
    compounds), ``*part*`` any word that holds it; ``~`` stands for up to three words in between. Commas and sentence
    ends are never crossed; hyphens, slashes and line breaks inside a term are.
    """

    def __init__(self, terms: Mapping[str, Iterable[str]]) -> None:
        self._atoms = _Atoms()
        self._root = _Node()
        self._forget()
        for name, phrases in terms.items():
            for phrase in phrases:
                self._add(name, phrase)

    def _add(self, name: str, phrase: str) -> None:
        atoms = [number for chunk in phrase.split() for number in self._atoms.numbers(chunk)]
        if not atoms or atoms[0] == _ANY:
            raise ValueError(f"empty term in list {name!r}: {phrase!r}")
        node = self._root
        for atom in atoms:
            if atom == _ANY:
                if node.gap is None:
                    node.gap = _Node()
                node = node.gap
                continue
            if node.children is None:
                node.children = {}
            following = node.children.get(atom)
            if following is None:
                following = node.children[atom] = _Node()
            node = following
        if name not in node.ids:
            node.ids = (*node.ids, name)

    def _forget(self) -> None:
        """Begin with no words and no states known."""
        self._classes: dict[str, _WordClass] = {}
        self._by_atoms: dict[tuple[int, ...], _WordClass] = {}
        self._steps = 0

    def find(self, words: Words) -> list[WordMatch]:
        """Return the longest match of every list at every word, in reading order."""
        if len(self._by_atoms) + self._steps > _MOST_STEPS:
            self._forget()
        if len(self._classes) > REMEMBERED_WORDS:
            self._classes = {}
        known = self._classes
        classes = [known.get(word) or self._class(word) for word in words.words]
        found: list[WordMatch] = []
        gaps, size = words.gaps, len(classes)
        for first in range(size):
            opening = classes[first].opening
            if opening is None:
                continue
            last = first + 1
            if last < size and gaps[last] == Gap.SOFT:
                word, after = classes[last], opening.after
                state = after[word] if word in after else self._step(opening, word)
                if state is not None:
                    longest = dict.fromkeys(opening.ids, first)
                    self._walk(gaps, classes, last, state, longest)
                    found += [WordMatch(name, first, end) for name, end in longest.items()]
                    continue
            for name in opening.ids:
                found.append(WordMatch(name, first, first))
        return found

    def _class(self, word: str) -> _WordClass:
        """Return the class of a word, and remember it if it may come again."""
        atoms = self._atoms.of(word)
        known = self._by_atoms.get(atoms)
        if known is None:
            root = self._root.children or {}
            opening = [(root[n], 0) for n in atoms if n in root]
            known = self._by_atoms.setdefault(atoms, _WordClass(atoms, _State(opening) if opening else None))
        if len(word) <= _LONGEST_NUMBER or word.isalpha():
            self._classes[word] = known
        return known

    def _walk(
        self, gaps: tuple[int, ...], classes: list[_WordClass], last: int, state: _State, longest: dict[str, int]
    ) -> None:
        """Note for every list the last word of its longest term, from ``state`` at the word ``last`` on."""
        size = len(classes)
        while True:
            if state.ids:
                longest.update(dict.fromkeys(state.ids, last))
            last += 1
            if last == size or gaps[last] != Gap.SOFT:
                return
            word, after = classes[last], state.after
            following = after[word] if word in after else self._step(state, word)
            if following is None:
                return
            state = following

    def _step(self, state: _State, word: _WordClass) -> _State | None:
        """Work out where a word of a class leads, and remember it."""
        reached: list[tuple[_Node, int]] = []
        for node, spare in state.places.items():
            if spare:
                reached.append((node, spare - 1))
            children = node.children
            if children is not None:
                reached += [(children[n], 0) for n in word.atoms if n in children]
        following = state.after[word] = _State(reached) if reached else None
        self._steps += 1
        return following


class PhraseMatcher:
    """Finds the terms of named lists in free text; case, diacritics and hyphens do not matter."""

    def __init__(self, terms: Mapping[str, Iterable[str]]) -> None:
        self._index = TermIndex(terms)

    def find(self, text: str) -> list[PhraseMatch]:
        """Return all matches in reading order; of two matches of one list where one holds the other, the longer."""
        words = cut(text)
        return [
            PhraseMatch(match.id, words.starts[match.first], words.ends[match.last])
            for match in outermost(self._index.find(words))
        ]


def outermost(matches: list[WordMatch]) -> list[WordMatch]:
    """Drop every match that lies within another match of the same list; the order of reading stays."""
    reach: dict[str, int] = {}
    kept: list[WordMatch] = []
    for match in matches:
        name, last = match.id, match.last
        if name not in reach or last > reach[name]:
            reach[name] = last
            kept.append(match)
    return kept
