"""Measure the reader on own example texts: speed beside a keyword loop and medspaCy, start, memory, time by length.

Run it with ``make bench``; it is no test and is not collected as one. Without the packages of the extras ``bench``
and ``compare`` the lines that need them say so. Times are processor time of one core, the best of several rounds.
"""

import argparse
import base64
import importlib
import math
import multiprocessing
import random
import resource
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import fhir_fixtures
from cds_service.domain.facts import ReportText
from cds_service.domain.vocabulary import Language
from cds_service.knowledge.codes import load_codes
from cds_service.knowledge.findings import load_findings, load_languages
from cds_service.reading import read
from cds_service.reading.read import Reader

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "reading" / "cases" / "labels"
PLOT = ROOT / "docs" / "images" / "reader-time.svg"
REPORT_CHARACTERS = 1000
ROUNDS = 5
MEDSPACY_TEXTS = 30
LENGTHS = tuple(1000 * 4**n for n in range(6))
START_SECONDS = 0.1
ADDED_MEGABYTES = 30.0
KILOBYTE = 1024

Report = tuple[str, Language]


def reports(number: int = 0) -> list[Report]:
    """Join the label cases of each language to reports of about a thousand characters.

    Each ``number`` joins them in another order, so that no round reads a text that an earlier round has read.
    """
    found: list[Report] = []
    for language in Language:
        sentences: list[str] = []
        for path in sorted(CASES.glob("*.toml")):
            rows = tomllib.loads(path.read_text(encoding="utf-8"))["case"]
            sentences += [row["text"] for row in rows if row["language"] == language]
        random.Random(number).shuffle(sentences)  # noqa: S311 - an order, no secret
        report = ""
        for sentence in sentences:
            report += sentence + "\n"
            if len(report) >= REPORT_CHARACTERS:
                found.append((report, language))
                report = ""
    return found


def plain_texts(report: dict[str, Any]) -> list[str]:
    """Return the conclusion and the plain attachments of a report."""
    forms = (form for form in report.get("presentedForm", ()) if form.get("contentType", "").startswith("text/plain"))
    decoded = (base64.b64decode(form["data"]).decode("utf-8", "replace") for form in forms)
    return [text for text in (report.get("conclusion"), *decoded) if text]


def whole_reports(number: int = 0) -> list[Report]:
    """Return the report texts of the fixtures, the sentences of each line in another order for each ``number``."""
    shuffled = random.Random(number)  # noqa: S311 - an order, no secret
    found: dict[Report, None] = {}
    entries = [entry["resource"] for name in fhir_fixtures.scenarios() for entry in fhir_fixtures.bundle(name)["entry"]]
    for report in entries:
        if report["resourceType"] != "DiagnosticReport" or report.get("language") not in set(Language):
            continue
        for text in plain_texts(report):
            lines = [line.split(". ") for line in text.splitlines()]
            for line in lines:
                shuffled.shuffle(line)
            found["\n".join(map(". ".join, lines)), Language(report["language"])] = None
    return list(found)


def build() -> Reader:
    """Return a reader with its knowledge."""
    return Reader(load_findings(), load_languages(), load_codes().condition_terms())


def seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the processor time of the fastest of several rounds."""
    return fastest([work] * rounds)


def fastest(works: Iterable[Callable[[], object]]) -> float:
    """Return the processor time of the fastest of several pieces of work."""
    measured = []
    for work in works:
        start = time.process_time()
        work()
        measured.append(time.process_time() - start)
    return min(measured)


def rate_of(reader: Reader, texts: Callable[[int], list[Report]], language: Language | None = None) -> float:
    """Return how many texts a second are read, none of them twice."""
    rounds = [[r for r in texts(number) if language in {None, r[1]}] for number in range(1, ROUNDS + 1)]
    return len(rounds[0]) / fastest(partial(read_all, reader, one) for one in rounds)


def say(label: str, value: str) -> None:
    """Print one line of the result."""
    sys.stdout.write(f"{label:<44} {value}\n")


def read_all(reader: Reader, texts: Sequence[Report]) -> None:
    """Read every text."""
    for text, language in texts:
        reader.read([ReportText(text, "text", language)])


def literal_terms(language: Language) -> list[str]:
    """Return the literal terms of all findings in one language, without the signs of their word patterns."""
    found = (term for finding in load_findings().findings.values() for term in finding.terms.of(language))
    return sorted({term.replace("*", "").replace("~ ", "").lower() for term in found})


def keyword_loop(texts: Sequence[Report]) -> Callable[[], object]:
    """Return a search for every literal term in every text, without negation, anatomy or levels."""
    terms = {language: literal_terms(language) for language in Language}
    return lambda: [[term for term in terms[language] if term in text.lower()] for text, language in texts]


def piped(pipeline: Callable[[str], object], texts: Iterable[str]) -> None:
    """Send each text through a pipeline."""
    for text in texts:
        pipeline(text)


def medspacy_rates(samples: Iterable[Sequence[Report]]) -> list[float] | str:
    """Return how many texts a second medspaCy's stock pipeline reads of each sample with our terms, or why none."""
    try:
        medspacy = importlib.import_module("medspacy")
        target_rule = importlib.import_module("medspacy.ner").TargetRule
        # its sentence splitter would otherwise spend its time on debug lines
        importlib.import_module("loguru").logger.disable("PyRuSH")
        pipeline: Any = medspacy.load()
    except (ImportError, OSError) as error:
        return f"not measured: {error}"
    rules = [target_rule(term, "FINDING") for term in literal_terms(Language.EN)]
    pipeline.get_pipe("medspacy_target_matcher").add(rules)
    english = [[text for text, language in texts if language is Language.EN][:MEDSPACY_TEXTS] for texts in samples]
    return [len(texts) / seconds(partial(piped, pipeline, texts), rounds=2) for texts in english]


def megabytes_now() -> float:
    """Return the most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KILOBYTE


def added_memory() -> float:
    """Return by how many megabytes knowledge, reader and reading raise the peak of this process."""
    texts = reports()
    before = megabytes_now()
    read_all(build(), texts)
    return megabytes_now() - before


def times_by_length(reader: Reader, texts: Sequence[Report]) -> list[tuple[int, float]]:
    """Return (characters, seconds) for one English text of each length."""
    material = "\n\n".join(text for text, language in texts if language is Language.EN)
    material *= 1 + LENGTHS[-1] // len(material)
    return [(size, seconds(partial(read_all, reader, [(material[:size], Language.EN)]), rounds=3)) for size in LENGTHS]


def exponent(measured: Sequence[tuple[int, float]]) -> float:
    """Return the slope of log time over log length: one is linear."""
    xs, ys = [math.log(size) for size, _ in measured], [math.log(taken) for _, taken in measured]
    middle, height = sum(xs) / len(xs), sum(ys) / len(ys)
    rise = sum((x - middle) * (y - height) for x, y in zip(xs, ys, strict=True))
    return rise / sum((x - middle) ** 2 for x in xs)


def plot(measured: Sequence[tuple[int, float]], path: Path) -> str:
    """Draw time over length; return where, or why not."""
    try:
        figures: Any = importlib.import_module("matplotlib.figure")
        importlib.import_module("matplotlib").rcParams["svg.hashsalt"] = "reader-time"
    except ImportError as error:
        return f"not drawn: {error}"
    figure = figures.Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    sizes, taken = [size / 1000 for size, _ in measured], [1000 * value for _, value in measured]
    axes.loglog(sizes, taken, marker="o", label="measured")
    axes.loglog(sizes, [taken[-1] * size / sizes[-1] for size in sizes], linestyle=":", label="linear")
    axes.set(xlabel="length of the text (1000 characters)", ylabel="time to read it (ms)")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def average(texts: Sequence[Report]) -> float:
    """Return the mean length of some texts."""
    return sum(len(text) for text, _ in texts) / len(texts)


def say_start() -> Reader:
    """Say how long it takes until the first report of each language is read; return the reader."""
    start = time.process_time()
    findings, languages, conditions = load_findings(), load_languages(), load_codes().condition_terms()
    loaded = time.process_time()
    reader = Reader(findings, languages, conditions)
    built = time.process_time()
    say("building the reader", f"{built - loaded:.3f} s (at most {START_SECONDS} s wanted)")
    say("building it and loading its knowledge", f"{built - start:.3f} s, of which {loaded - start:.3f} s to load")
    for language in Language:
        before = time.process_time()
        read_all(reader, [("L4", language)])
        say(f"compiling {language.value} with its first report", f"{time.process_time() - before:.3f} s")
    return reader


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--plot", type=Path, default=PLOT, help="where to draw time over length")
    options = parser.parse_args()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        memory = pool.apply(added_memory)
    texts = reports()
    say("form of the reader", "from its sources" if str(read.__file__).endswith(".py") else "compiled")
    reader = say_start()
    loop_rate = len(texts) / seconds(keyword_loop(texts))
    say("dense texts", f"{len(texts)} of {average(texts):.0f} characters on average, every sentence with a finding")
    say("whole reports", f"{len(whole_reports())} of {average(whole_reports()):.0f} characters on average")
    rate = rate_of(reader, reports)
    say("reader, dense texts", f"{rate:.0f} texts/s on one core")
    say("reader, whole reports", f"{rate_of(reader, whole_reports):.0f} texts/s on one core")
    say("keyword loop, dense texts", f"{loop_rate:.0f} texts/s; the reader takes {loop_rate / rate:.1f} times as long")
    medspacy = medspacy_rates((texts, whole_reports()))
    if isinstance(medspacy, str):
        say("medspaCy, stock pipeline, English", medspacy)
    else:
        for name, material, theirs in zip(("dense", "whole"), (reports, whole_reports), medspacy, strict=True):
            ours = rate_of(reader, material, Language.EN)
            say(
                f"medspaCy, stock pipeline, English, {name}",
                f"{theirs:.1f} texts/s; the reader, {ours:.0f} texts/s, is {ours / theirs:.1f} times as fast",
            )
    say("added memory with knowledge", f"{memory:.1f} MiB (at most {ADDED_MEGABYTES:.0f} MiB wanted)")
    measured = times_by_length(reader, texts)
    for size, taken in measured:
        say(f"{size} characters", f"{1000 * taken:.1f} ms, {size / taken / 1e6:.2f} million characters/s")
    say("time grows with length to the power of", f"{exponent(measured):.2f}")
    say("plot", plot(measured, options.plot))


if __name__ == "__main__":
    main()
