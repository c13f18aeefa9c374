"""For which state a card was acknowledged stands with the feedback: to find it takes no look at all showings."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what the release before does not know; feedback that it takes meanwhile lets a card show once more."""
    op.add_column("feedback", sa.Column("state", sa.String(64)))
    op.execute("UPDATE feedback SET state = (SELECT state FROM shown_card WHERE shown_card.card = feedback.card)")
    op.create_index("feedback_state", "feedback", ["state"])
