"""What CDS Hooks allows on the wire, as strict models: what the protocol forbids is refused by them.

They are the source of the published schema, and what is built from the shipped words and orders is held against them.
Making one for each call would take longer than writing the cards; a call makes those of :mod:`cards.model`.
"""

from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from cards.model import ABSOLUTE_URL_PATTERN, REFERENCE_PATTERN, SUMMARY_LIMIT, counted_length


def _fits(text: str) -> str:
    if counted_length(text) > SUMMARY_LIMIT:
        raise ValueError(f"longer than {SUMMARY_LIMIT} characters")
    return text


Filled = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
OneLine = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\r\n\t]*\S[^\r\n\t]*$")]
Summary = Annotated[OneLine, AfterValidator(_fits)]
AbsoluteUrl = Annotated[str, StringConstraints(pattern=ABSOLUTE_URL_PATTERN)]
AlphaNumeric = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,100}$")]
ReferenceText = Annotated[str, StringConstraints(pattern=REFERENCE_PATTERN)]


class _Wire(BaseModel):
    """Base of every wire object: no unknown member, no change after building, no empty member."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_by_name=True, validate_by_alias=True)


class Coding(_Wire):
    """A Coding whose system and code are both present."""

    system: AbsoluteUrl
    code: Filled
    display: Filled | None = None


class Topic(Coding):
    """What the card is about; the code is stable and alphanumeric, clients remember acknowledgements by it."""

    code: AlphaNumeric


class OverrideReason(Coding):
    """A coded reason for not following a card; here the display is required."""

    display: Filled


class Source(_Wire):
    """Where the guidance comes from."""

    label: Filled
    url: AbsoluteUrl | None = None
    topic: Topic | None = None


class Link(_Wire):
    """A link that opens in a browser. SMART launches are not offered."""

    label: Filled
    url: AbsoluteUrl
    type: Literal["absolute"] = "absolute"


class Action(_Wire):
    """One change to the chart that a clinician may accept: a new order, a changed draft, or a draft to take back.

    A changed draft is the complete resource with the id that the client knows, never a patch.
    """

    type: Literal["create", "update", "delete"]
    description: Filled
    resource: dict[str, Any] | None = None
    resource_id: ReferenceText | None = Field(
        default=None, validation_alias="resourceId", serialization_alias="resourceId"
    )

    @model_validator(mode="after")
    def _target_matches_type(self) -> Self:
        """Check that create and update carry a resource and nothing else, a delete its target and nothing else."""
        carries = self.type != "delete"
        if (self.resource is not None) != carries or (self.resource_id is None) != carries:
            raise ValueError("create and update need a resource, delete needs a resourceId, and none takes both")
        if self.type == "update" and not (self.resource or {}).get("id"):
            raise ValueError("update needs a resource with the id that the client knows")
        return self


class Suggestion(_Wire):
    """One coherent step with its actions."""

    label: Annotated[OneLine, StringConstraints(max_length=100)]
    uuid: Filled
    is_recommended: Literal[True] | None = Field(
        default=None, validation_alias="isRecommended", serialization_alias="isRecommended"
    )
    actions: Annotated[tuple[Action, ...], Field(min_length=1)]


class Card(_Wire):
    """One CDS Hooks card."""

    uuid: Filled
    summary: Summary
    indicator: Literal["info", "warning", "critical"]
    detail: Filled
    source: Source
    suggestions: Annotated[tuple[Suggestion, ...], Field(min_length=1)] | None = None
    selection_behavior: Literal["any", "at-most-one"] | None = Field(
        default=None, validation_alias="selectionBehavior", serialization_alias="selectionBehavior"
    )
    override_reasons: Annotated[tuple[OverrideReason, ...], Field(min_length=1)] = Field(
        validation_alias="overrideReasons", serialization_alias="overrideReasons"
    )
    links: Annotated[tuple[Link, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _members_agree(self) -> Self:
        """``selectionBehavior`` goes with suggestions; several recommended steps only when any number may be taken."""
        if (self.suggestions is None) != (self.selection_behavior is None):
            raise ValueError("suggestions and selectionBehavior come together")
        recommended = [step for step in self.suggestions or () if step.is_recommended]
        if self.selection_behavior == "at-most-one" and len(recommended) > 1:
            raise ValueError("at most one of several alternatives can be recommended")
        return self


def check(wire: dict[str, Any]) -> None:
    """Hold a card as sent against the protocol. Raises ValidationError naming what it forbids."""
    Card.model_validate_json(orjson.dumps(wire))
