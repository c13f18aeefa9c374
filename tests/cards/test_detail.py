"""The Markdown detail: reasons first, then what they rest on; nothing contradicts, nothing from outside is active."""

from datetime import date
from typing import Any

import pytest
from markdown_it import MarkdownIt

from cards.catalogue import catalogue
from cards.detail import card_lines, write_detail
from cards.wording import wordings
from cards.writing import Writing
from cds_service.domain.assessment import ChartCause, Citation, MedicationCause, OrderCause, RuleResult
from cds_service.domain.facts import Conflict, ConflictKind, Gap, GapCode, Provenance, Span
from cds_service.domain.vocabulary import Analyte, ConditionGroup, FindingId, Lane, Language, Status, Trend

GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HOSTILE = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) | a | `b` www.evil.example \u202e # *c*\n\n- d"


def writing(make: Any, language: Language = Language.EN, text_id: str = "C11", **changes: Any) -> Writing:
    outer = {key: changes.pop(key) for key in ("gaps", "conflicts", "labs", "citations", "rules") if key in changes}
    card = make.card(text_id, **changes)
    return Writing(card, text_id, make.assessment(card, **outer), wordings()[language], catalogue())


def detail(make: Any, language: Language = Language.EN, text_id: str = "C11", **changes: Any) -> str:
    return write_detail(writing(make, language, text_id, **changes))


def lines(make: Any, text_id: str, **changes: Any) -> list[str]:
    return card_lines(writing(make, Language.EN, text_id, **changes))


# --- the card's own sentences


def test_markers_missing_is_the_first_line(make: Any) -> None:
    found = lines(make, "C11", add_lines=("crp-esr-missing", "c13"), labs=(), causes=(make.finding(),))
    assert found[0] == "CRP and ESR are missing: consider them first, same day."
    assert found[1] == "Basis: marrow oedema L4, L5."
    assert found[-1].startswith("Subacute course or exposure")


def test_infection_line_stands_right_after_the_basis(make: Any) -> None:
    found = lines(make, "C01", add_lines=("c01-infection",))
    assert [found[0][:5], found[1][:19]] == ["Seen:", "Infection possible:"]


def test_line_of_another_card_can_be_borrowed(make: Any) -> None:
    found = lines(make, "C30", add_lines=("C61.2", "C61.3"))
    assert found[-2].startswith("Avoid NSAID from week 20")
    assert found[-1].startswith("Consider vitamin D and calcium")


def test_unknown_extra_line_is_an_error(make: Any) -> None:
    with pytest.raises(KeyError):
        lines(make, "C30", add_lines=("X99.1",))


def test_extra_line_that_the_card_says_already_is_not_repeated(make: Any) -> None:
    plain = lines(make, "C02")
    assert lines(make, "C02", add_lines=("native-study",)) == plain


def test_extra_line_without_its_value_is_left_out(make: Any) -> None:
    assert lines(make, "C70", add_lines=("long-history",), params={}) == lines(make, "C70", params={})


def test_plan_lines_are_taken_out(make: Any) -> None:
    whole, reduced = lines(make, "C41"), lines(make, "C41", drop_lines=("plan",))
    assert "NSAID for 2–4 weeks is first line" in whole[2]
    assert reduced[2] == "Consider whole-body MRI, or bone scan/SPECT-CT, for silent lesions."
    assert not [line for line in lines(make, "C50", drop_lines=("plan",)) if "NSAID" in line or "exercise" in line]


@pytest.mark.parametrize(("dropped", "kept"), [("C50.5", 4), ("C50.5b", 5), ("C50.1", 4), ("C99.1", 5), ("nsaid", 5)])
def test_single_lines_and_parts_are_taken_out(make: Any, dropped: str, kept: int) -> None:
    found = lines(make, "C50", drop_lines=(dropped,))
    assert len(found) == kept
    assert ("Short NSAID course" in " ".join(found)) == (dropped in {"C50.1", "C99.1"})


@pytest.mark.parametrize("plan_text", ["C41", "C50", "C50-F", "C80"])
def test_card_that_advises_against_nsaid_names_none_as_an_option(make: Any, plan_text: str) -> None:
    found = lines(make, plan_text, add_lines=("nsaid-not-advised",))
    assert [line for line in found if "NSAID" in line] == [
        "NSAID not advised here: eGFR 28; consider paracetamol and local measures."
    ]


def test_fall_warning_replaces_the_plain_opioid_part(make: Any) -> None:
    found = " ".join(lines(make, "C80", add_lines=("opioid-falls",)))
    assert "**Fall risk:** a weak opioid only short-term" in found
    assert "mind falls" not in found


def test_lines_without_values_vanish_and_three_always_stand(make: Any) -> None:
    found = lines(make, "C15", causes=(), labs=(), drop_lines=("C15.2",))
    assert found == [
        "Consider an earlier review (about 4 weeks) than usual; return at once with fever, worse pain or neurology.",
        "The sentences and values behind this card stand below.",
        "Data that are missing were not taken as normal.",
    ]


def test_no_line_is_left_with_an_empty_place(make: Any, text_id: str, language: Language) -> None:
    bare = writing(make, language, text_id, causes=(), params={}, levels=(), labs=(), order=None, drafts=())
    for line in card_lines(bare):
        assert not set("{}[]") & set(line)
        assert ": ." not in line
        assert "()" not in line
        assert "  " not in line
        assert line == line.strip()
    assert len(card_lines(bare)) >= 3


# --- the sentences and values behind them


def test_sentence_is_quoted_once_with_date_source_and_everything_read_in_it(make: Any) -> None:
    sentence = "Edema and, since March, more fluid."
    causes = (
        make.finding(FindingId.EDEMA, sentence),
        make.finding(FindingId.DISC_FLUID, sentence, ("L4-L5",), status=Status.POSSIBLE, trend=Trend.WORSE),
        make.finding(FindingId.ABSCESS_EPIDURAL, "No abscess.", (), status=Status.ABSENT),
        make.stated("Fever since Monday.", Status.POSSIBLE),
        make.stated("Chills."),
    )
    text = detail(make, causes=causes)
    assert (
        "> “Edema and, since March, more fluid.” – 2026-11-02, DiagnosticReport/report-1: marrow oedema L4, L5; "
        "fluid signal in the disc L4-L5 (possible), increasing\n\n"
        "> “No abscess.” – 2026-11-02, DiagnosticReport/report-1: epidural abscess (denied)\n\n"
        "> “Fever since Monday.” – report history, DiagnosticReport/report-1: fever (possible)\n\n"
        "> “Chills.” – report history, DiagnosticReport/report-1: fever"
    ) in text


def test_long_sentence_is_shown_around_the_words_that_counted(make: Any) -> None:
    sentence = "word " * 200 + "edema here " + "tail " * 200
    start = sentence.index("edema")
    near = make.finding(sentence=sentence, span=Span(start, start + 5), sentence_span=Span(0, len(sentence)))
    text = detail(make, causes=(near,))
    assert "edema here" in text
    assert len(text.split("> “")[1].split("”")[0]) <= 280
    far = make.finding(sentence=sentence, span=Span(9000, 9005), sentence_span=Span(0, len(sentence)))
    assert "> “word word" in detail(make, causes=(far,))


def test_many_quotes_are_counted_not_listed(make: Any) -> None:
    causes = tuple(make.finding(sentence=f"Edema number {index}.") for index in range(9))
    text = detail(make, causes=causes)
    assert text.count("> “") == 6
    assert "\n\n3 more\n\n" in text


def test_chart_facts_stand_with_date_and_source(make: Any) -> None:
    causes = (
        make.condition(),
        make.condition("", onset=None, recorded=date(2020, 1, 2)),
        make.condition("", onset=None, groups=frozenset()),
        make.drug(),
        make.drug("", start=None),
        ChartCause("demographics", "81", None, Provenance("Patient/pat-1")),
        ChartCause("device", "", date(2019, 1, 1), Provenance("Device/d-1")),
        OrderCause(make.order()),
        OrderCause(make.order("")),
    )
    text = detail(make, causes=causes)
    for item in (
        "- Type 2 diabetes (since 2015-04-01, Condition/c-1)",
        "- diabetes (recorded 2020-01-02, Condition/c-1)",
        "- – (date not stated, Condition/c-1)",
        "- Prednisolone 10 mg (since 2026-09-01, MedicationStatement/m-1)",
        "- – (date not stated, MedicationStatement/m-1)",
        "- age (years): 81 (date not stated, Patient)",
        "- implant: – (2019-01-01, Device/d-1)",
        "- Shock wave, spine (ServiceRequest/o-1)",
        "- 1 more",
    ):
        assert f"{item}\n" in text


def test_the_emergency_card_leaves_oncology_out_when_asked(make: Any) -> None:
    assert any("metastatic cord compression service" in line for line in lines(make, "C01"))
    assert not any("cancer" in line for line in lines(make, "C01", drop_lines=("oncology",)))


@pytest.mark.parametrize("card_id", ["C20", "C21", "C24"])
def test_tumour_cards_show_the_results_that_bear_on_tumours(make: Any, card_id: str) -> None:
    known = (make.lab(Analyte.CALCIUM, 2.8, "mmol/L"), make.lab(Analyte.PSA, 41.0, "ng/mL"))
    shown = detail(make, text_id=card_id, lane=Lane.MALIGNANCY, causes=(make.finding(),), labs=known)
    assert all(row in shown for row in ("| Calcium | 2.8 ", "| PSA | 41 "))
    other = detail(make, text_id="C11", causes=(make.finding(),), labs=known)
    assert not any(row in other for row in ("| Calcium | 2.8 ", "| PSA | 41 "))


def test_labs_show_value_as_reported_reference_date_and_age(make: Any) -> None:
    causes = (
        make.lab(Analyte.WBC, 12.5, "10*9/L", lower_normal=4.0, upper_normal=10.0, status="preliminary"),
        make.lab(Analyte.HEMOGLOBIN, 10.0, "g/dL", lower_normal=12.0, reported="10 g/dL"),
        make.finding(),
    )
    text = detail(make, Language.DE, causes=causes)
    assert (
        "| Test | Wert | Referenz | Datum | Anmerkung |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| CRP | 4.8 mg/dL = 48 mg/L | bis 5 | 2026-11-03 | aktuell; Einheit umgerechnet |\n"
        "| BSG | 71 mm/h | – | 2026-11-03 | nicht aktuell, nur angezeigt |\n"
        "| Leukozyten | 12,5 ×10⁹/L | 4 bis 10 | 2026-11-03 | aktuell; vorläufig |\n"
        "| Hämoglobin | 10 g/dL | ab 12 | 2026-11-03 | aktuell |"
    ) in text


def test_sections_without_content_are_left_out(make: Any) -> None:
    bare: dict[str, Any] = {
        "causes": (),
        "missing": (),
        "evidence": (),
        "rule_ids": (),
        "labs": (),
        "gaps": (),
        "conflicts": (),
    }
    text = detail(make, **bare, rules=())
    assert text.count("**") == 2
    assert "**Rule**: lane infection, row B1; knowledge version 1.0+abc" in text


# --- what is missing, what does not agree, and why


def test_missing_facts_are_named_once(make: Any) -> None:
    text = detail(make, missing=("crp", "CRP", "temperature"))
    assert "**Missing or not current**: CRP, body temperature\n" in text


def test_conflicts_stand_where_they_matter(make: Any) -> None:
    other = Conflict(ConflictKind.STATUS, FindingId.PSOAS, ("Psoas normal.", "Psoas abscess."))
    nameless = Conflict(ConflictKind.REPORTS, None, ("One.", "Two."))
    empty = Conflict(ConflictKind.LAB, None, ())
    conflicts = (make.conflict, other, nameless, empty)
    own = detail(make, conflicts=conflicts)
    assert "- marrow oedema L4: “No edema at L4.” versus “Marrow edema of L4 and L5.”" in own
    assert "Psoas normal" not in own
    every = detail(make, text_id="C90", lane=Lane.CONFLICT, conflicts=conflicts)
    assert "- psoas involvement: “Psoas normal.” versus “Psoas abscess.”\n- “One.” versus “Two.”\n" in every


def test_gaps_that_may_matter_are_counted_and_the_list_is_short(make: Any) -> None:
    small = Gap(GapCode.EMPTY_VALUE, "Patient/pat-1", "name")
    codes = (GapCode.UNKNOWN_UNIT, GapCode.FUTURE_DATE, GapCode.WITHDRAWN, GapCode.AGE_UNKNOWN, GapCode.SEX_UNKNOWN)
    gaps = (make.gap, make.gap, small, *(Gap(code, "Observation/x", clinical=True) for code in codes))
    text = detail(make, gaps=gaps)
    assert "- Observation/obs-9, valueQuantity: a value without a unit was not used (×2)\n" in text
    assert "Patient" not in text
    assert "- 2 more\n" in text


def test_gap_without_a_place_is_still_a_sentence(make: Any) -> None:
    text = detail(make, gaps=(Gap(GapCode.PREFETCH_MISSING, "", clinical=True),))
    assert "- data were not sent\n" in text
    missing = Gap(GapCode.PREFETCH_MISSING, "Observation", clinical=True, params=(("key", "labs"),))
    assert "- prefetch.labs (Observation): data were not sent\n" in detail(make, gaps=(missing,))


def test_gap_names_a_few_of_many_resources(make: Any) -> None:
    gaps = tuple(Gap(GapCode.MISSING_DATE, f"Condition/c{n}", "onset", clinical=True) for n in range(5))
    text = detail(make, gaps=gaps)
    assert "- Condition/c0, Condition/c1, Condition/c2, …, onset: an entry without a date (×5)\n" in text


def test_gap_of_the_patient_does_not_repeat_the_id(make: Any) -> None:
    text = detail(make, gaps=(Gap(GapCode.FUTURE_DATE, "Patient/secret", "birthDate", clinical=True),))
    assert "- Patient, birthDate: a date in the future was not used\n" in text
    assert "secret" not in text.split("**Not usable**")[1].split("**Rule**")[0]


def test_unread_card_names_the_reports(make: Any) -> None:
    gaps = (make.gap, Gap(GapCode.ATTACHMENT_UNREADABLE, "DiagnosticReport/r", "presentedForm[0]"))
    text = detail(make, text_id="C92", lane=Lane.UNREAD, gaps=gaps)
    assert r"- DiagnosticReport/r, presentedForm\[0\]: the attached report could not be read" in text
    assert "Observation" not in text.split("**Not usable**")[1].split("**Rule**")[0]


def test_unread_card_falls_back_to_the_other_gaps(make: Any) -> None:
    assert "a value without a unit" in detail(make, text_id="C92", lane=Lane.UNREAD, causes=(), labs=())


def test_rules_speak_in_english_and_are_named_in_every_language(make: Any) -> None:
    rules = (
        RuleResult("INF-1", fired=True, why="fluid in the disc"),
        RuleResult("B1", fired=True, why="strong <b>images</b>"),
        RuleResult("INF-2", fired=True, why="not of this card"),
        RuleResult("INF-1", fired=False, why="did not fire"),
    )
    english = detail(make, rules=rules)
    assert (
        "rules INF-1; knowledge version 1.0+abc\n\n- B1: strong &lt;b>images&lt;/b>\n- INF-1: fluid in the disc\n"
        in english
    )
    german = detail(make, Language.DE, rules=rules)
    assert "**Regel**: Bereich Infektion, Zeile B1; Regeln INF-1; Wissensstand 1.0+abc" in german
    assert "INF-1: " not in german
    assert "knowledge" not in write_detail(
        Writing(
            make.card(), "C11", make.assessment(make.card(), knowledge_version=""), wordings()[Language.EN], catalogue()
        )
    )


def test_evidence_is_linked_where_the_address_is_safe(make: Any) -> None:
    citations = {
        "R-ONE": make.citation,
        "R-TWO": Citation("R-TWO", "No address", "", "", None, "K"),
        "R-THREE": Citation("R-THREE", "Bad address", "J", "2020", "javascript:alert(1)", "retrieved", verify=True),
    }
    text = detail(make, evidence=("R-ONE", "R-ONE", "R-TWO", "R-THREE", "R-NONE"), citations=citations)
    assert (
        "**Evidence**\n\n"
        r"- [A guideline \[2015\]](https://guideline.example/one) – Journal 1:2, 2015"
        "\n"
        "- No address – source to be re-read\n"
        "- Bad address – J, 2020 – source to be re-read\n"
    ) in text


def test_footer_stands_on_every_card(make: Any, text_id: str, language: Language) -> None:
    text = detail(make, language, text_id)
    assert text.endswith("\n\n".join(wordings()[language].footer))


def test_hostile_record_changes_nothing_on_the_card(make: Any, language: Language) -> None:
    def written(text: str) -> str:
        causes = (
            make.finding(sentence=text, levels=(text,)),
            make.stated(text),
            make.condition(text),
            make.condition(text, groups=frozenset({ConditionGroup.CANCER})),
            MedicationCause(make.drug(text).medication),
            ChartCause("device", text, None, Provenance(text)),
            OrderCause(make.order(text)),
            make.lab(Analyte.BLOOD_CULTURE, None, text=text, reported=text),
            make.lab(Analyte.CRP, 5.0, text, reported=text, converted=True),
        )
        return detail(
            make,
            language,
            causes=causes,
            params={"organism": text, "mask": (text,), "device": text, "order": text, "source": text},
            row=text,
            rule_ids=(text,),
            missing=(text,),
            gaps=(Gap(GapCode.INVALID_VALUE, text, text, clinical=True),),
            conflicts=(Conflict(ConflictKind.STATUS, None, (text, text)),),
            rules=(RuleResult(text, fired=True, why=text),),
        )

    def elements(markdown: str) -> list[str]:
        tokens = GFM.parse(markdown)
        kinds = [token.type for token in tokens]
        return kinds + [child.type for token in tokens for child in token.children or [] if child.type != "text"]

    hostile = written(HOSTILE)
    assert elements(hostile) == elements(written("harmless"))
    assert "<img" not in hostile
    assert "![" not in hostile
    assert "\u202e" not in hostile
