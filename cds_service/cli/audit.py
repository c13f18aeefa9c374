"""``audit``: hand the record of calls to those who review it, and delete what is older than it may be."""

from datetime import UTC, datetime, timedelta

import click
import orjson

from cds_service.config import read_settings
from cds_service.store.audit import AuditStore
from cds_service.store.audit_export import to_audit_event, to_json

_DAY = click.DateTime(["%Y-%m-%d"])


def _opened() -> AuditStore:
    audit = AuditStore(read_settings().audit_database)
    audit.open()
    return audit


def _utc(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC)


@click.group("audit")
def command() -> None:
    """Export or purge the audit record."""


@command.command("export")
@click.option("--format", "form", type=click.Choice(["ndjson", "fhir"]), default="ndjson", show_default=True)
@click.option("--since", type=_DAY, help="First day (UTC).")
@click.option("--until", type=_DAY, help="Day before which to end (UTC).")
def export(form: str, since: datetime | None, until: datetime | None) -> None:
    """Write the record to standard output, one JSON object or FHIR AuditEvent a line."""
    written = to_audit_event if form == "fhir" else to_json
    for record in _opened().records(_utc(since), _utc(until)):
        click.echo(orjson.dumps(written(record)).decode())


@command.command("purge")
@click.option("--days", type=click.IntRange(1), help="Age in days from which to delete (default: MARROW_AUDIT_DAYS).")
def purge(days: int | None) -> None:
    """Delete what is older than the retention."""
    kept = days or read_settings().audit_days
    gone = _opened().purge(datetime.now(UTC) - timedelta(days=kept)) if kept else 0
    click.echo(f"{gone} records older than {kept} days were deleted.")
