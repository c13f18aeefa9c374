"""What the patient of a report turned out to have, as somebody who knows the course has labelled it."""

from typing import Final

from cds_service.domain.vocabulary import Word


class Outcome(Word):
    """The condition behind a report; the more dangerous one stands first."""

    EMERGENCY = "emergency"
    INFECTION = "infection"
    MALIGNANCY = "malignancy"
    FRACTURE = "fracture"
    INFLAMMATORY = "inflammatory"
    POSTOPERATIVE = "postoperative"
    DEGENERATIVE = "degenerative"
    NONE = "none"


# Nobody may miss these: a report of one of them must give a warning or a critical card of a lane of its own.
DANGEROUS: Final = (Outcome.EMERGENCY, Outcome.INFECTION, Outcome.MALIGNANCY)
