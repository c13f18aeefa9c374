"""Lane A: emergencies of cord, cauda equina, sepsis and stability. The most urgent one decides.

Source: algorithm section on lane A; the emergency itself is judged from report, chart and vital signs beforehand.
"""

from cds_service.domain.state import Emergency, LaneState
from cds_service.domain.vocabulary import Lane
from cds_service.rules.lanes.row import Row, always_critical, always_warning


def neurology(state: LaneState) -> bool:
    """Cord or cauda equina compression on MRI, or a new neurological deficit in chart or report."""
    return state.emergency is Emergency.NEURO


def sepsis(state: LaneState) -> bool:
    """Epidural abscess, or evidence of spinal infection together with signs of sepsis."""
    return state.emergency is Emergency.SEPSIS


def unstable_with_canal_compromise(state: LaneState) -> bool:
    """Unstable fracture or lesion that narrows the spinal canal."""
    return state.emergency is Emergency.UNSTABLE_CANAL


def compression_without_deficit(state: LaneState) -> bool:
    """Mild or chronic compression of the thecal sac is the only neurological evidence and no deficit is charted."""
    return state.emergency is Emergency.NEURO_WARNING


def unstable(state: LaneState) -> bool:
    """Unstable fracture or lesion without canal compromise, or any fracture through an ankylosed spine."""
    return state.emergency is Emergency.UNSTABLE


def no_emergency(_state: LaneState) -> bool:
    """No emergency in the available data."""
    return True


ROWS: tuple[Row[LaneState], ...] = (
    Row("A1", Lane.SAFETY, neurology, "C01", always_critical, "critical", ("R-NG234", "R-GIRFT2023")),
    Row("A2", Lane.SAFETY, sepsis, "C02", always_critical, "critical", ("R-IDSA2015", "R-ACRSSI2021")),
    Row(
        "A3",
        Lane.SAFETY,
        unstable_with_canal_compromise,
        "C03",
        always_critical,
        "critical",
        ("R-OF2018", "R-SINS2010"),
    ),
    Row("A4", Lane.SAFETY, compression_without_deficit, "C01", always_warning, "warning", ("R-NG234", "R-GIRFT2023")),
    Row("A5", Lane.SAFETY, unstable, "C03", always_warning, "warning", ("R-OF2018", "R-SINS2010")),
    Row("A6", Lane.SAFETY, no_emergency),
)
