"""Score the reader beside public text pipelines on annotated texts that are not part of this repository.

``make compare CORPUS=folder`` runs it. Every pipeline gets the same English terms, those of the finding files, as token
patterns, so that the table shows what sections, scope, anatomy, composition and levels add to a list of words. The
public pipelines have no Romanian and only partly German rules; therefore only the English texts are compared.
"""

import argparse
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cds_service.domain.vocabulary import Language
from cds_service.knowledge.load import load_knowledge
from cds_service.reading.corpus import CorpusReader
from cds_service.reading.phrase_assertion import PhraseReader
from cds_service.reading.read import Reader

Row = Mapping[str, Any]
Pairs = set[tuple[str, str]]
Pipeline = Callable[[Row], Pairs]
Pattern = list[dict[str, Any]]
Assertion = dict[str, str]

# a gap between two words of a term: at most this many words
GAP = 4
TARGET = "FINDING"


def terms_by_label() -> dict[str, list[str]]:
    """Return the English terms of each label of the annotation guideline."""
    knowledge = load_knowledge()
    return {
        name: [
            term for finding in label.findings for term in knowledge.findings.findings[finding].terms.of(Language.EN)
        ]
        for name, label in knowledge.corpus_labels.items()
    }


def pattern(term: str) -> Pattern:
    """Write a term with its stems and gaps as a token pattern of spaCy."""
    tokens: Pattern = []
    for word in term.lower().split():
        if word == "~":
            tokens.append({"OP": f"{{0,{GAP}}}"})
        elif "*" in word:
            tokens.append({"LOWER": {"REGEX": "^" + ".*".join(map(_literal, word.split("*"))) + "$"}})
        else:
            tokens.append({"LOWER": word})
    return tokens


def _literal(part: str) -> str:
    return "".join(character if character.isalnum() else "\\" + character for character in part)


def keyword_pipeline() -> Pipeline:
    """Return a search for the terms, everything found being present."""
    spacy: Any = importlib.import_module("spacy")
    language = spacy.blank("en")
    matcher = importlib.import_module("spacy.matcher").Matcher(language.vocab)
    for name, terms in terms_by_label().items():
        matcher.add(name, [pattern(term) for term in terms])
    return lambda row: {(language.vocab.strings[key], "present") for key, _, _ in matcher(language(row["text"]))}


def medspacy_pipeline() -> Pipeline:
    """Return medspaCy with its stock rules for sentences and context."""
    medspacy: Any = importlib.import_module("medspacy")
    target_rule = importlib.import_module("medspacy.ner").TargetRule
    importlib.import_module("loguru").logger.disable("PyRuSH")
    pipeline = medspacy.load()
    matcher = pipeline.get_pipe("medspacy_target_matcher")
    for name, terms in terms_by_label().items():
        matcher.add([target_rule(term, name, pattern=pattern(term)) for term in terms])
    return lambda row: {(entity.label_, _medspacy_status(entity)) for entity in pipeline(row["text"]).ents}


def _medspacy_status(entity: Any) -> str:
    marks = entity._
    if marks.is_family:
        return "other_person"
    if marks.is_negated:
        return "absent"
    if marks.is_historical:
        return "historical"
    return "possible" if marks.is_uncertain or marks.is_hypothetical else "present"


def negspacy_pipeline() -> Pipeline:
    """Return spaCy's entity ruler with negspaCy's clinical terms."""
    spacy: Any = importlib.import_module("spacy")
    importlib.import_module("negspacy.negation")
    termset = importlib.import_module("negspacy.termsets").termset("en_clinical")
    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    labels = terms_by_label()
    pipeline.add_pipe("entity_ruler").add_patterns(
        [{"label": name, "pattern": pattern(term)} for name, terms in labels.items() for term in terms]
    )
    pipeline.add_pipe("negex", config={"neg_termset": termset.get_patterns(), "ent_types": list(labels)})
    return lambda row: {
        (entity.label_, "absent" if entity._.negex else "present") for entity in pipeline(row["text"]).ents
    }


def our_pipeline() -> Callable[[Row], Row]:
    """Return the reader of this project with the labels of the guideline."""
    knowledge = load_knowledge()
    reader = Reader(knowledge.findings, knowledge.languages, knowledge.codes.conditions)
    corpus = CorpusReader(reader, knowledge.corpus_labels)
    return lambda row: corpus.row(row)["pred"]


def as_answer(pipeline: Pipeline) -> Callable[[Row], Row]:
    """Wrap pairs of label and status as an answer of the scorer; these pipelines name no level and no pathway."""
    return lambda row: {
        "findings": [{"finding": name, "status": status, "levels": []} for name, status in sorted(pipeline(row))]
    }


def our_assertion() -> Callable[[Row], Assertion]:
    """Return the assertion of a phrase by this project."""
    knowledge = load_knowledge()
    reader = PhraseReader(knowledge.findings, knowledge.languages)

    def answer(row: Row) -> Assertion:
        said = reader.read(row["sentence"], row["phrase"], row["language"])
        return {"negation": said.negation, "temporality": said.temporality, "experiencer": said.experiencer}

    return answer


def medspacy_assertion() -> Callable[[Row], Assertion]:
    """Return medspaCy's stock context rules applied to the phrase of the row."""
    medspacy: Any = importlib.import_module("medspacy")
    importlib.import_module("loguru").logger.disable("PyRuSH")
    pipeline = medspacy.load(medspacy_enable=["medspacy_pyrush", "medspacy_context"])
    span_of = _phrase_marker(pipeline)

    def answer(row: Row) -> Assertion:
        entity = span_of(row)
        negation = "Negated" if entity._.is_negated else "Possible" if entity._.is_uncertain else "Affirmed"
        return {
            "negation": negation,
            "temporality": "Historical" if entity._.is_historical else "Recent",
            "experiencer": "Other" if entity._.is_family else "Patient",
        }

    return answer


def _phrase_marker(pipeline: Any) -> Callable[[Row], Any]:
    """Return a function that runs the pipeline with the phrase of a row as the only entity."""
    spans: Any = importlib.import_module("spacy.tokens").Span

    def mark(row: Row) -> Any:
        document = pipeline.make_doc(row["sentence"])
        start = row["sentence"].lower().find(row["phrase"].lower())
        span = document.char_span(max(start, 0), max(start, 0) + len(row["phrase"]), "F", alignment_mode="expand")
        document.ents = [spans(document, span.start, span.end, label=TARGET)]
        for _, component in pipeline.pipeline:
            document = component(document)
        return document.ents[0]

    return mark


def rows_of(path: Path) -> list[Row]:
    """Return the rows of an NDJSON file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def scored(corpus: Path, gold: Path, predictions: Path, *options: str) -> Any:
    """Run the scorer of the corpus and return its JSON."""
    command = [sys.executable, str(corpus / "score.py"), *options, str(gold), str(predictions), "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def write(rows: Iterable[Mapping[str, Any]], path: Path) -> Path:
    """Write rows as NDJSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def say(*cells: str) -> None:
    """Print a row of a Markdown table."""
    sys.stdout.write("| " + " | ".join(cells) + " |\n")


def compare_findings(corpus: Path, out: Path) -> None:
    """Print precision, recall, F1, F1 of each status and speed of every pipeline on the English texts."""
    rows = [row for row in rows_of(corpus / "reports-dev.jsonl") if row["language"] == "en"]
    gold = write(rows, out / "gold-en.jsonl")
    makers: Sequence[tuple[str, Callable[[], Callable[[Row], Row]]]] = (
        ("this reader", our_pipeline),
        ("medspaCy, stock rules", lambda: as_answer(medspacy_pipeline())),
        ("spaCy + negspaCy", lambda: as_answer(negspacy_pipeline())),
        ("terms alone", lambda: as_answer(keyword_pipeline())),
    )
    say("pipeline", "precision", "recall", "F1", "absent F1", "possible F1", "historical F1", "texts/s")
    say(*["---"] * 8)
    for name, make in makers:
        pipeline = make()
        pipeline(rows[0])
        start = time.process_time()
        answers = [{"id": row["id"], "pred": pipeline(row)} for row in rows]
        taken = time.process_time() - start
        result = scored(corpus, gold, write(answers, out / "predictions.jsonl"))["all"]
        micro, status = result["finding_status"], result["per_status"]
        cells = [micro[key] for key in ("precision", "recall", "f1")]
        cells += [status[key]["f1"] if key in status else 0.0 for key in ("absent", "possible", "historical")]
        say(name, *(f"{cell:.2f}" for cell in cells), f"{len(rows) / taken:.0f}")


def compare_assertion(corpus: Path, out: Path) -> None:
    """Print accuracy of negation on single phrases, which need not be in the lexicon."""
    gold = corpus / "negex-dev.jsonl"
    say("pipeline", "negation, accuracy", "negated, F1", "historical, F1")
    say(*["---"] * 4)
    for name, make in (("this reader", our_assertion), ("medspaCy, stock rules", medspacy_assertion)):
        answer = make()
        answers = [{"id": row["id"], **answer(row)} for row in rows_of(gold)]
        result = scored(
            corpus, gold, write(answers, out / "assertion.jsonl"), "--assertion", "--possible-as", "affirmed"
        )
        negation = result["negation"]
        figures = (negation["accuracy"], negation["per_class"]["Negated"]["f1"], result["temporality"]["f1"])
        say(name, *(f"{figure:.3f}" for figure in figures))


def main() -> None:
    """Compare and print two Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("corpus", type=Path, help="folder with reports-dev.jsonl, negex-dev.jsonl and score.py")
    parser.add_argument("--out", type=Path, default=Path("build"), help="where predictions are written")
    options = parser.parse_args()
    compare_findings(options.corpus, options.out)
    sys.stdout.write("\n")
    compare_assertion(options.corpus, options.out)


if __name__ == "__main__":
    main()
