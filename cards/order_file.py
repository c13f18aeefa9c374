"""How the draft orders stand in ``cards/orders.toml``, as strict models."""

from importlib.resources.abc import Traversable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from cards.catalogue import flaw, read_toml

Text = Annotated[str, StringConstraints(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OrderCode(_Strict):
    """One code of an order or category."""

    system: Literal["loinc", "snomed", "rxnorm", "atc"]
    code: Text
    display: Text | None = None


class OrderKindEntry(_Strict):
    """One sort of draft order."""

    resource: Literal["ServiceRequest", "MedicationRequest", "Task", "CarePlan"]
    category: Text | None = None
    codes: list[OrderCode] = Field(default_factory=list)
    regions: dict[Literal["C", "T", "L", "S", "unknown"], OrderCode] = Field(default_factory=dict)
    also: list[Text] = Field(default_factory=list)


class OrderFile(_Strict):
    """The whole file."""

    systems: dict[Literal["loinc", "snomed", "rxnorm", "atc"], Text]
    categories: dict[Text, OrderCode]
    kinds: dict[Text, OrderKindEntry]


def read_order_file(place: Traversable) -> OrderFile:
    """Return the draft orders as they are written. Raises KnowledgeError naming the key of a flaw."""
    try:
        return OrderFile.model_validate(read_toml(place))
    except ValidationError as error:
        raise flaw(place.name, error) from error
