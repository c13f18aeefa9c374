"""``knowledge``: the catalogue that a clinician reviews and signs, as Markdown, whole or in sections."""

from pathlib import Path

import click

from cds_service.config import read_settings
from cds_service.domain.vocabulary import Language
from cds_service.hooks.review.cases import load_cases
from cds_service.hooks.review.docs import write_documents
from cds_service.hooks.review.handbook import build_handbook
from cds_service.hooks.review.sections import SECTIONS, Review, document
from cds_service.knowledge.load import load_knowledge

# Where the case files lie beside a checked-out package.
_CASES = Path(__file__).parents[2] / "tests"
_LANGUAGES = [language.value for language in Language]


@click.command("knowledge")
@click.option("--section", "sections", multiple=True, type=click.Choice(list(SECTIONS)), help="Only this part; repeat.")
@click.option("--coverage", is_flag=True, help="Only what became of each statement of the source texts.")
@click.option("--codes", is_flag=True, help="Only the table of codes.")
@click.option("--language", "languages", multiple=True, type=click.Choice(_LANGUAGES), help="Of card texts; repeat.")
@click.option("--cases", default=_CASES, type=click.Path(path_type=Path), help="Folder of the tests with case files.")
@click.option("--write", type=click.Path(path_type=Path), help="Write the documents that are kept into this folder.")
def command(
    sections: tuple[str, ...],
    *,
    coverage: bool,
    codes: bool,
    languages: tuple[str, ...],
    cases: Path,
    write: Path | None,
) -> None:
    """Print rules, tables, thresholds, card texts, cases, coverage, codes, references and open points for review."""
    review = Review(
        build_handbook(load_knowledge(read_settings().knowledge_overlay)),
        load_cases(cases),
        tuple(Language(language) for language in languages) or (Language.EN,),
    )
    if write is not None:
        for path in write_documents(review, write):
            click.echo(path)
        return
    chosen = (*sections, *(("coverage",) if coverage else ()), *(("codes",) if codes else ()))
    click.echo(document(review, chosen))
