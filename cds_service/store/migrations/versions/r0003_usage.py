"""What tells how cards are taken up: who asked for a card, and when the report that it rests on was issued."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what the release before does not know and leaves empty."""
    op.add_column("issued_card", sa.Column("client", sa.Text))
    op.add_column("issued_card", sa.Column("report_at", sa.DateTime))
