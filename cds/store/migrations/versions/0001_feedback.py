"""Feedback on cards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the table of feedback."""
    listed = sa.JSON().with_variant(JSONB(), "postgresql")
    op.create_table(
        "cds_feedback",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("card", sa.Text, nullable=False),
        sa.Column("card_known", sa.Boolean, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("outcome_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("suggestions", listed, nullable=False),
        sa.Column("reasons", listed, nullable=False),
        sa.Column("comment", sa.Text),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_cds_feedback_card", "cds_feedback", ["card"])
    op.create_index("ix_cds_feedback_received_at", "cds_feedback", ["received_at"])
