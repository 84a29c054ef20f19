"""All rows of the fault table, in the order in which the table has them."""

from __future__ import annotations

from typing import Final

from fault_row import Row, Section
from fault_rows_answers import ANSWER_SECTIONS
from fault_rows_connection import CONNECTION_SECTIONS
from fault_rows_credentials import CREDENTIAL_SECTIONS
from fault_rows_damage import DAMAGE_SECTIONS
from fault_rows_events import EVENT_SECTIONS

SECTIONS: Final[tuple[Section, ...]] = (
    *CONNECTION_SECTIONS,
    *ANSWER_SECTIONS,
    *DAMAGE_SECTIONS,
    *EVENT_SECTIONS,
    *CREDENTIAL_SECTIONS,
)
ROWS: Final[tuple[Row, ...]] = tuple(row for section in SECTIONS for row in section.rows)
