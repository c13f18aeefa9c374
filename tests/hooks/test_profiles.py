"""Answers in the form of the version that a client is registered for."""

import copy
from typing import Any

import pytest

from cds_service.hooks.profiles import in_version

WIRE: dict[str, Any] = {
    "cards": [
        {
            "uuid": "c-1",
            "summary": "Consider CRP",
            "indicator": "info",
            "detail": "text",
            "source": {"label": "Marrow CDS", "url": "https://x.example", "topic": {"system": "s", "code": "C10"}},
            "suggestions": [
                {
                    "label": "Order CRP",
                    "uuid": "s-1",
                    "isRecommended": True,
                    "actions": [
                        {"type": "create", "description": "CRP", "resource": {"resourceType": "ServiceRequest"}},
                        {"type": "delete", "description": "Old", "resourceId": "ServiceRequest/o-1"},
                    ],
                }
            ],
            "selectionBehavior": "any",
            "overrideReasons": [{"code": "done", "system": "s", "display": "Done"}],
            "links": [{"label": "Why", "url": "https://x.example", "type": "absolute"}],
        },
        {"uuid": "c-2", "summary": "s", "indicator": "info", "detail": "d", "source": {"label": "Marrow CDS"}},
    ]
}


@pytest.mark.parametrize("version", ["2.0", "3.0"])
def test_newer_versions_get_the_answer_as_it_is(version: str) -> None:
    assert in_version(WIRE, version) is WIRE


def test_first_version_knows_fewer_members() -> None:
    before = copy.deepcopy(WIRE)
    assert in_version(WIRE, "1.0") == {
        "cards": [
            {
                "summary": "Consider CRP",
                "indicator": "info",
                "detail": "text",
                "source": {"label": "Marrow CDS", "url": "https://x.example"},
                "suggestions": [
                    {
                        "label": "Order CRP",
                        "uuid": "s-1",
                        "actions": [
                            {"type": "create", "description": "CRP", "resource": {"resourceType": "ServiceRequest"}},
                            {"type": "delete", "description": "Old", "resource": "ServiceRequest/o-1"},
                        ],
                    }
                ],
                "selectionBehavior": "at-most-one",
                "links": [{"label": "Why", "url": "https://x.example", "type": "absolute"}],
            },
            {"summary": "s", "indicator": "info", "detail": "d", "source": {"label": "Marrow CDS"}},
        ]
    }
    assert before == WIRE
    assert in_version({"cards": []}, "1.0") == {"cards": []}
