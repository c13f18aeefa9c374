"""For which state a card was acknowledged stands with the feedback: to find it takes no look at all showings."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what the release before does not know, and leave it empty: a card acknowledged there shows once more.

    That release knows a state by another hash, for which nobody asks any more. To fill the column all the same would
    lock the table for half a minute and longer in a store of a million answers; an empty one has its index in seconds.
    """
    op.add_column("feedback", sa.Column("state", sa.String(64)))
    op.create_index("feedback_state", "feedback", ["state"])
