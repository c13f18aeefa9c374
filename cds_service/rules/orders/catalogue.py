"""Every row of order rules in the order in which its cards are shown; a rule that is not listed here does not exist."""

from cds_service.rules.orders import (
    antibiotic,
    augmentation,
    bed_rest,
    biopsy,
    bone,
    cauda,
    contrast,
    markers,
    mri,
    not_recommended,
    nsaid,
    opioid,
    pet,
    scintigraphy,
    steroid,
)
from cds_service.rules.orders.order_rule import OrderRow, OrderRule

ROWS: tuple[OrderRow, ...] = (
    cauda.ROW,
    augmentation.ROW,
    antibiotic.ROW,
    nsaid.ROW,
    opioid.ROW,
    contrast.ROW,
    mri.ROW,
    pet.ROW,
    scintigraphy.ROW,
    markers.ROW,
    biopsy.ROW,
    steroid.ROW,
    bone.ROW,
    *not_recommended.ROWS,
    bed_rest.ROW,
)


def order_rules() -> tuple[OrderRule, ...]:
    """All order rules in the order in which they are tried."""
    return tuple(rule for row in ROWS for rule in row.rules)
