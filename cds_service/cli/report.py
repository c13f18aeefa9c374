"""``report``: how cards are taken up, from the database of the store, for a terminal, a program or a reader."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
import orjson

from cds_service.config import read_settings
from cds_service.domain.vocabulary import Language
from cds_service.hooks.usage import GROUPS, UsageDesk
from cds_service.store.connection import Database
from cds_service.store.upgrade import open_tables
from cds_service.store.usage import reading_usage

# Nobody waits at a bedside for this; a store of many years may take its time.
_SECONDS = 1800.0
_LISTED = 25
_HEADS = f"{'shown':>9} {'accepted':>9} {'overridden':>11} {'no answer':>10} {'rate':>6}  {'95 % interval':<15}"


def _line(member: Mapping[str, Any]) -> str:
    rate = member["overrideRate"]
    counts = f"{member['shown']:>9} {member['accepted']:>9} {member['overridden']:>11} {member['unanswered']:>10}"
    if rate["value"] is None:
        return counts
    interval = f"{rate['low']:.0%} to {rate['high']:.0%}"
    marks = [
        words
        for name, words in (
            ("standsOut", "more often than others"),
            ("fewAnswers", "few answers"),
            ("nothingToAccept", "nothing to accept"),
        )
        if member.get(name)
    ]
    return f"{counts} {rate['value']:>6.0%}  {interval:<15} {', '.join(marks)}".rstrip()


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the report as lines for a terminal."""
    who = f" for {report['client']}" if report["client"] is not None else ""
    yield f"Cards given from {report['from']} to {report['to']}{who}"
    yield f"{'':<28}{_HEADS}"
    yield f"{'all cards':<28}{_line(report['total'])}"
    reasons = ", ".join(f"{reason['code']} {reason['cards']}" for reason in report["total"]["reasons"])
    if reasons:
        yield f"overridden because: {reasons}"
    for name in GROUPS:
        members = report[name]
        if members:
            yield f"\n{name}"
        for member in members[:_LISTED]:
            yield f"{member['id']:<28}{_line(member)}"
        if len(members) > _LISTED:
            yield f"and {len(members) - _LISTED} more, see --format csv"
    waits = report["reportToCard"]
    if waits["reports"]:
        yield (
            f"\n{waits['reports']} reports: first card within {waits['medianMinutes']} minutes of their issue for half "
            f"of them, within {waits['ninetiethMinutes']} for nine of ten"
        )
    if report["feedbackOnUnknownCards"]:
        yield f"\n{report['feedbackOnUnknownCards']} cards were reported on that this store did not issue"


def _written(report: Mapping[str, Any], form: str, language: Language) -> str:
    if form == "json":
        return orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    if form == "text":
        return "".join(f"{line}\n" for line in _lines(report))
    # Needs the words of the pages, which the others do not.
    from cds_service.web.usage import csv_text, usage_file  # noqa: PLC0415 - see above

    return csv_text(report) if form == "csv" else usage_file(report, language)


@click.command("report")
@click.option("--from", "first", default="", help="First day (UTC), by default eleven months before the last.")
@click.option("--to", "last", default="", help="Last day (UTC), by default today.")
@click.option("--client", help="Only cards for this issuer.")
@click.option("--format", "form", type=click.Choice(["text", "json", "csv", "html"]), default="text", show_default=True)
@click.option("--language", type=click.Choice([one.value for one in Language]), default="en", help="Of the HTML page.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write here instead of printing.")
def command(*, first: str, last: str, client: str | None, form: str, language: str, out: Path | None) -> None:
    """Print how often cards were accepted or overridden, by rule, card, client, service and month."""
    database = Database(read_settings().database)
    try:
        open_tables(database)
        desk = UsageDesk(partial(reading_usage, database, _SECONDS), lambda: datetime.now(UTC).date())
        text = _written(desk.report(first, last, client), form, Language(language))
    finally:
        database.close()
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_bytes(text.encode())
    except OSError as error:
        raise click.ClickException(f"{out}: cannot be written ({error.strerror})") from None
    click.echo(out)
