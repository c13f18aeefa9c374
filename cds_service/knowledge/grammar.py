"""The small words of all languages that hold a sentence together, from one file."""

from functools import cache
from typing import Literal, Self, get_args

from pydantic import model_validator

from cds_service.knowledge.word_files import Strict, Terms, data, model


class Grammar(Strict):
    """Small words of all languages that hold a sentence together; the file says what each list is for."""

    distance: dict[Literal["breaking", "joining", "binding"], Terms]
    coordination: dict[Literal["words", "grading", "owning", "no_nouns", "qualities", "signals", "of_signal"], Terms]
    levels: dict[Literal["opening", "listing", "breaking", "placing", "binding"], Terms]
    reference: dict[Literal["pronouns", "pointing", "places", "elsewhere", "compared", "ones", "adjoining"], Terms]
    lists: dict[Literal["joining", "adding", "governing", "comparing", "copulas"], Terms]
    sentences: dict[
        Literal[
            "abbreviations",
            "before_fracture_sign",
            "confirming",
            "examinations",
            "grades",
            "shortened",
            "sides",
            "nor",
            "never_joined",
            "ordinal_nouns",
            "rest",
            "unfinished",
            "acquired",
            "continuing",
            "whole",
            "parts",
        ],
        Terms,
    ]
    denials: dict[
        Literal[
            "prefixes",
            "before_participles",
            "participles",
            "existing",
            "halves",
            "likeness",
            "treated",
            "before_treatment",
            "visible",
            "sequestered",
        ],
        Terms,
    ]
    relatives: dict[
        Literal[
            "pronouns",
            "articles",
            "after_articles",
            "closing",
            "definite_ends",
            "beside",
            "whole",
            "concluding",
            "caused",
            "supposing",
            "indefinite",
        ],
        Terms,
    ]
    told: dict[Literal["persons", "persons_short", "conditional", "conditions", "of_images"], Terms]
    asked: dict[Literal["links", "persons", "in", "adding", "or"], Terms]
    anew: dict[
        Literal[
            "or",
            "joining",
            "with",
            "new",
            "fresh",
            "not",
            "showing",
            "units",
            "causes",
            "causes_without_article",
            "phrases",
            "verbs",
            "belonging",
            "of",
            "purpose",
            "definite",
            "events",
            "event_ends",
            "presenting",
            "searching",
            "than",
            "following",
        ],
        Terms,
    ]
    exceptions: dict[Literal["openers", "before_places", "leading", "up_to", "relative"], Terms]
    curves: dict[Literal["curves", "alike", "normal", "changed", "not", "with"], Terms]
    refined: dict[
        Literal[
            "component",
            "fat",
            "collection",
            "pus",
            "signs_of_pus",
            "bare",
            "breaks",
            "dense",
            "sheath",
            "tissue",
            "space",
            "bone",
            "swelling",
            "suppurating",
            "sacroiliitis",
            "swollen_joint",
            "solid",
            "benign",
            "malignant",
            "weighing",
        ],
        Terms,
    ]
    marrow_or_cord: dict[Literal["opening", "marrow", "bone", "canal", "denying"], Terms]
    family: dict[Literal["titles", "own", "empty"], Terms]
    resumed: dict[Literal["latter", "former", "this", "contrast", "filling", "object", "not"], Terms]
    compounds: dict[Literal["joining", "tails", "heads", "neighbours"], Terms]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Refuse a table in which a list is missing."""
        for table, field in type(self).model_fields.items():
            names = get_args(get_args(field.annotation)[0])
            missing = sorted(set(names) - set(getattr(self, table)))
            if missing:
                raise ValueError(f"{table}: missing {', '.join(missing)}")
        return self


@cache
def load_grammar() -> Grammar:
    """Return the small words of all languages; raise KnowledgeError on a flaw."""
    return model(Grammar, data("grammar.toml"))
