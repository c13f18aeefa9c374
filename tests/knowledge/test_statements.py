"""What the service says about itself is complete, and no card suggests what the service says it does not suggest."""

import re
from importlib import resources

import pytest

from cards.wording import Wording, wordings
from cds_service.domain.vocabulary import Language
from cds_service.errors import KnowledgeError
from cds_service.knowledge.evidence import load_evidence
from cds_service.knowledge.statements import Refusal, load_statements, parse_statements
from cds_service.knowledge.thresholds import Parameters, Switches
from cds_service.rules.catalogue import catalogue
from cds_service.rules.derive import VARIABLES

SAID = load_statements()
TEXT = (resources.files("cds_service.knowledge") / "statements.toml").read_text(encoding="utf-8")


def all_words(wording: Wording) -> dict[str, str]:
    found = {}
    for name, card in wording.cards.items():
        parts = [part.source for line in card.lines for part in line]
        found[name] = " ".join(
            [card.title, card.summary.source, card.open_summary.source, card.no_contrast_summary.source, *parts]
        )
    found.update({f"extra:{name}": template.source for name, template in wording.extra.items()})
    found.update({f"draft:{name}": f"{draft.label} {draft.text.source}" for name, draft in wording.drafts.items()})
    return {name: f"{text} ".lower() for name, text in found.items()}


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("refusal", [each for each in SAID.refusals if each.words], ids=lambda refusal: refusal.id)
def test_no_card_suggests_what_is_refused(refusal: Refusal, language: Language) -> None:
    texts = all_words(wordings()[language])
    named = {name for name, text in texts.items() for word in refusal.words[language] if word in text}
    assert named == set(refusal.said_on)


@pytest.mark.parametrize("refusal", SAID.refusals, ids=lambda refusal: refusal.id)
def test_a_refusal_has_words_to_search_for_or_an_order_rule(refusal: Refusal) -> None:
    assert set(refusal.words) == set(Language) or refusal.rules
    assert set(refusal.rules) <= {entry.id for entry in catalogue()}


def test_references_and_numbers_exist() -> None:
    cited = {name for refusal in SAID.refusals for name in refusal.evidence}
    cited |= {name for note in SAID.background for name in note.evidence}
    assert cited <= set(load_evidence())
    numbers = {name for point in SAID.open_points for name in point.parameters}
    assert numbers <= set(Parameters.model_fields) | set(Switches.model_fields)


def test_every_state_variable_is_explained() -> None:
    assert set(SAID.variables) == {variable.name for variable in VARIABLES}


def test_nobody_has_signed_and_it_is_said() -> None:
    assert not SAID.review.signed_off
    assert SAID.review.reviewers == ()
    assert "Not yet signed off" in SAID.review.statement


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[review]", "[review]\nother = 1", "review.other"),
        ('id = "OP2"', 'id = "OP1"', "open_points: OP1 stands twice"),
        ('used = "no"', 'used = "maybe"', "attributes.0.used"),
        ("[about]", "[about", "not readable"),
    ],
)
def test_a_flaw_is_named(old: str, new: str, message: str) -> None:
    with pytest.raises(KnowledgeError, match=re.escape(message)):
        parse_statements(TEXT.replace(old, new, 1))
