"""``knowledge``: whole, in sections, in languages, and as documents."""

from pathlib import Path

from click.testing import CliRunner, Result

from cds_service.cli.main import cli


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["knowledge", *arguments])


def test_coverage_goes_from_statement_to_rule_to_case() -> None:
    printed = run("--coverage").output
    line = next(line for line in printed.splitlines() if line.startswith("| A31 |"))
    assert "O-VP-a" in line
    assert "S11" in line
    assert "## Rules" not in printed


def test_codes_are_one_table_with_status() -> None:
    printed = run("--codes").output
    assert "| 1988-5 | C reactive protein [Mass/volume] in Serum or Plasma |" in printed
    assert "| never read |" in printed


def test_sections_and_languages_are_chosen() -> None:
    printed = run("--section", "texts", "--language", "de", "--language", "ro").output
    assert "## Card texts: de" in printed
    assert "## Card texts: ro" in printed
    assert "## Card texts: en" not in printed


def test_unknown_section_is_refused() -> None:
    result = run("--section", "everything")
    assert result.exit_code == 2
    assert "signature" in result.output


def test_without_case_files_the_catalogue_is_printed_without_them(tmp_path: Path) -> None:
    printed = run("--section", "rules", "--cases", str(tmp_path)).output
    assert "### TRG-EDEMA" in printed
    assert "shown by" not in printed


def test_documents_are_written(tmp_path: Path) -> None:
    result = run("--write", str(tmp_path))
    assert result.exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"codes.md", "coverage.md", "not-suggested.md", "open.md"}
    assert "codes.md" in result.output
