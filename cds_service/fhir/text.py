"""Collects the texts of a report, each once: conclusion, attachments, coded conclusions, results, narrative."""

from collections.abc import Callable, Mapping

from cds_service.domain.facts import GapCode, ReportText
from cds_service.fhir.answers import answer_of
from cds_service.fhir.attachments import attachment_text, html_text, tidy
from cds_service.fhir.failure import MOST_CHARACTERS
from cds_service.fhir.node import Node

_MOST_ATTACHMENTS = 12
_WITHDRAWN = frozenset({"cancelled", "entered-in-error"})


def report_texts(
    report: Node,
    results: Mapping[str, Node],
    binaries: Mapping[str, Node],
    in_time: Callable[[], bool] = lambda: True,
) -> tuple[ReportText, ...]:
    """Return the readable texts of a DiagnosticReport, without those that only repeat another one.

    ``results`` and ``binaries`` resolve references to Observations and Binary resources. The narrative is read when
    nothing else is there, or when it holds more than the rest. A report without any text becomes a gap, and so does
    an attachment that was not reached while ``in_time`` says yes.
    """
    language = report.code("language")
    found = [ReportText(tidy(report.text("conclusion")), "conclusion", language or None)]
    found += _attachments(report, binaries, language, in_time)
    found += _concepts(report, language)
    found += _results(report, results, language)
    texts = _distinct([text for text in found if text.text])
    narrative = _narrative(report)
    if narrative and (not texts or any(_same(text.text) in _same(narrative) for text in texts)):
        texts = _distinct([*texts, ReportText(narrative, "text.div", language or None)])
    if not texts:
        report.note(GapCode.REPORT_WITHOUT_TEXT, "", clinical=True)
    return tuple(_bounded(report, text) for text in texts)


def _attachments(
    report: Node, binaries: Mapping[str, Node], language: str, in_time: Callable[[], bool]
) -> list[ReportText]:
    found: list[ReportText] = []
    for index, form in enumerate(report.children("presentedForm")):
        if index >= _MOST_ATTACHMENTS:
            report.note(GapCode.REPORT_TRUNCATED, "presentedForm", clinical=True)
            break
        if not in_time():
            report.note(GapCode.REPORT_TRUNCATED, "presentedForm", clinical=True, reason="time")
            break
        own = form.code("language") or language
        source = form if form.has("data") else binaries.get(form.text("url"), form)
        found.append(ReportText(attachment_text(source, language=own, in_time=in_time), form.path, own or None))
    return found


def _concepts(report: Node, language: str) -> list[ReportText]:
    """Words of coded conclusions; a code without words is read as code only."""
    return [
        ReportText(tidy(concept.text or " ".join(concept.words)), f"conclusionCode[{index}]", language or None)
        for index, concept in enumerate(report.concepts("conclusionCode"))
    ]


def _results(report: Node, results: Mapping[str, Node], language: str) -> list[ReportText]:
    """Imaging observations of a structured report, each as "name: value"."""
    found: list[ReportText] = []
    for link in report.children("result"):
        observation = results.get(link.text("reference"))
        if observation is None:
            continue
        name = observation.concept("code").label
        if answer_of(observation) and observation.code("status").lower() not in _WITHDRAWN:
            # a finding that is confirmed is stated by its name, whatever the language of the "yes"
            words = " ".join(filter(None, (name, observation.concept("bodySite").label)))
            found.append(ReportText(tidy(words), link.path, language or None))
            continue
        value = observation.text("valueString") or observation.concept("valueCodeableConcept").label
        if value:
            found.append(ReportText(tidy(f"{name}: {value}" if name else value), link.path, language or None))
    return found


def _narrative(report: Node) -> str:
    narrative = report.body.get("text")
    if isinstance(narrative, str):
        report.note(GapCode.INVALID_TYPE, "text")
        return tidy(narrative[:MOST_CHARACTERS])
    found = report.child("text")
    return html_text(found.text("div")) if found else ""


def _same(text: str) -> str:
    return " ".join(text.casefold().split())


def _distinct(texts: list[ReportText]) -> list[ReportText]:
    """Leave out every text that stands word for word inside another one; of two equal ones the first stays."""
    plain = [_same(text.text) for text in texts]
    kept: list[ReportText] = []
    for index, text in enumerate(texts):
        inside = any(
            plain[index] in other and (len(other) > len(plain[index]) or place < index)
            for place, other in enumerate(plain)
            if place != index
        )
        if not inside:
            kept.append(text)
    return kept


def _bounded(report: Node, text: ReportText) -> ReportText:
    if len(text.text) <= MOST_CHARACTERS:
        return text
    report.note(GapCode.REPORT_TRUNCATED, text.element, clinical=True)
    return ReportText(text.text[:MOST_CHARACTERS], text.element, text.language)
