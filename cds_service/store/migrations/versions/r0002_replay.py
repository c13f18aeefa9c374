"""What tells a record that is replayed from the spool from a new one."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# Texts of callers, whose length PostgreSQL would enforce: a long one is no reason to lose the record.
_WIDENED = {
    "issued_card": ("hook_instance",),
    "feedback": ("card", "reason_system", "reason_code", "reason_display"),
    "audit_event": ("hook_instance", "issuer"),
}


def upgrade() -> None:
    """Add what the release before does not know and may leave empty."""
    op.create_table(
        "replayed_segment",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False),
    )
    op.add_column("feedback", sa.Column("last_write", sa.String(36)))
    op.add_column("audit_event", sa.Column("entry", sa.String(36)))
    op.create_index("audit_event_entry", "audit_event", ["entry"], unique=True)
    if op.get_bind().dialect.name != "sqlite":
        for table, columns in _WIDENED.items():
            for column in columns:
                op.alter_column(table, column, type_=sa.Text(), existing_nullable=False)
