"""Finds terms of many lists in a text in one linear pass, on folded words, with offsets in the original text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cds_service.reading.words import Gap, Words, cut, fold

_ANY = 0
_CACHE_LIMIT = 50_000
# "~" in a term stands for none to this many words of any kind
_WILDCARD_WORDS = 3


@dataclass(frozen=True, slots=True)
class PhraseMatch:
    """A term of list ``id`` at ``[start, end)`` of the original text."""

    id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class WordMatch:
    """A term of list ``id`` over the words ``[first, last]``, both included."""

    id: str
    first: int
    last: int


@dataclass(slots=True)
class _Node:
    children: "dict[int, _Node]" = field(default_factory=dict)
    ids: tuple[str, ...] = ()


class _Atoms:
    """Numbers the words and word parts of all terms and tells which of them a given word fits."""

    def __init__(self) -> None:
        self._exact: dict[str, int] = {}
        self._prefix: dict[str, int] = {}
        self._suffix: dict[str, int] = {}
        self._infix: dict[str, int] = {}
        self._count = _ANY
        self._cache: dict[str, tuple[int, ...]] = {}

    def number(self, atom: str) -> int:
        """Return the number of a word pattern: plain, ``stem*``, ``*tail`` or ``*middle*``."""
        head, tail = atom.startswith("*"), atom.endswith("*")
        table = (self._infix if tail else self._suffix) if head else (self._prefix if tail else self._exact)
        key = fold(atom.strip("*"))
        if key not in table:
            self._count += 1
            table[key] = self._count
        return table[key]

    def of(self, word: str) -> tuple[int, ...]:
        """Return the numbers of all patterns that a folded word fits; work is bounded by the longest word."""
        known = self._cache.get(word)
        if known is None:
            found = [self._exact[word]] if word in self._exact else []
            size = len(word)
            found += [self._prefix[word[:n]] for n in range(1, size + 1) if word[:n] in self._prefix]
            found += [self._suffix[word[n:]] for n in range(size) if word[n:] in self._suffix]
            found += [number for part, number in self._infix.items() if part in word]
            known = tuple(found)
            if len(self._cache) >= _CACHE_LIMIT:
                self._cache.clear()
            self._cache[word] = known
        return known


class TermIndex:
    """Terms of many lists compiled into one word trie.

    A term is one or more words. ``stem*`` fits any word that begins so, ``*tail`` any word that ends so (German
    compounds), ``*part*`` any word that holds it; ``~`` stands for up to three words in between. Commas and sentence
    ends are never crossed; hyphens, slashes and line breaks inside a term are.
    """

    def __init__(self, terms: Mapping[str, Iterable[str]]) -> None:
        self._atoms = _Atoms()
        self._root = _Node()
        self._opening: dict[str, list[_Node]] = {}
        for name, phrases in terms.items():
            for phrase in phrases:
                for variant in _variants(_term_words(phrase)):
                    self._add(name, variant)

    def _add(self, name: str, atoms: tuple[str, ...]) -> None:
        if not atoms or atoms[0] == "~":
            raise ValueError(f"empty term in list {name!r}")
        node = self._root
        for atom in atoms:
            node = node.children.setdefault(_ANY if atom == "~" else self._atoms.number(atom), _Node())
        if name not in node.ids:
            node.ids = (*node.ids, name)

    def find(self, words: Words) -> list[WordMatch]:
        """Return the longest match of every list at every word, in reading order."""
        found: list[WordMatch] = []
        opening = self._opening
        for first, word in enumerate(words.words):
            active = opening.get(word)
            if active is None:
                active = self._open(word)
            if active:
                self._walk(words, first, active, found)
        return found

    def _open(self, word: str) -> list[_Node]:
        """Return where the terms lead that ``word`` may begin, and remember it."""
        root = self._root.children
        if len(self._opening) >= _CACHE_LIMIT:
            self._opening.clear()
        active = [root[n] for n in self._atoms.of(word) if n in root]
        self._opening[word] = active
        return active

    def _walk(self, words: Words, first: int, active: list[_Node], found: list[WordMatch]) -> None:
        longest: dict[str, int] = {}
        last = first
        while True:
            for node in active:
                for name in node.ids:
                    longest[name] = last
            last += 1
            if last >= len(words.words) or words.gaps[last] != Gap.SOFT:
                break
            numbers = (_ANY, *self._atoms.of(words.words[last]))
            active = [node.children[n] for node in active for n in numbers if n in node.children]
            if not active:
                break
        found.extend(WordMatch(name, first, end) for name, end in longest.items())


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


def outermost(matches: Iterable[WordMatch]) -> list[WordMatch]:
    """Drop every match that lies within another match of the same list; the order of reading stays."""
    reach: dict[str, int] = {}
    kept = []
    for match in matches:
        if match.last > reach.get(match.id, -1):
            reach[match.id] = match.last
            kept.append(match)
    return kept


def _term_words(phrase: str) -> tuple[str, ...]:
    """Split a term as a text would be split, keeping the stars of its word patterns."""
    atoms: list[str] = []
    for chunk in phrase.split():
        if chunk == "~":
            atoms.append(chunk)
            continue
        plain = chunk.strip("*")
        parts = [fold(plain)] if plain.isalnum() else list(cut(chunk).words)
        if not parts:
            raise ValueError(f"no word in {phrase!r}")
        parts[0] = "*" + parts[0] if chunk.startswith("*") else parts[0]
        parts[-1] = parts[-1] + "*" if chunk.endswith("*") else parts[-1]
        atoms.extend(parts)
    return tuple(atoms)


def _variants(atoms: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Write out each wildcard as none to three single words."""
    if "~" not in atoms:
        return [atoms]
    variants: list[tuple[str, ...]] = [()]
    for atom in atoms:
        lengths = range(_WILDCARD_WORDS + 1) if atom == "~" else (1,)
        variants = [(*head, *((atom,) * length)) for head in variants for length in lengths]
    return variants
