"""What all processes together have counted of the calls of a client."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add a table that the release before does not know."""
    op.create_table(
        "used_share",
        sa.Column("identity", sa.String(64), primary_key=True),
        sa.Column("ends", sa.Float, primary_key=True),
        sa.Column("taken", sa.Integer, nullable=False),
    )
