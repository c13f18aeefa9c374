"""What a whole report gives: sections, history, technique, levels, qualifiers, conflicts and exact places."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.domain.facts import ConflictKind, Reading, ReportText, TextFinding
from cds_service.domain.vocabulary import (
    Certainty,
    ConditionGroup,
    FindingId,
    Language,
    Qualifier,
    Section,
    Status,
    Trend,
)
from cds_service.knowledge.codes import load_codes
from cds_service.knowledge.findings import load_findings, load_languages
from cds_service.reading.read import Reader

F = FindingId


def read(reader: Reader, text: str, language: Language | None = None, title: str = "") -> Reading:
    return reader.read([ReportText(text, "conclusion")], title=title, declared=language)


def only(reading: Reading, finding: FindingId) -> TextFinding:
    found = [f for f in reading.findings if f.finding is finding]
    assert len(found) == 1, [(f.finding, f.status, f.sentence) for f in reading.findings]
    return found[0]


def said(reading: Reading) -> set[tuple[FindingId, Status, tuple[str, ...]]]:
    return {(f.finding, f.status, f.levels) for f in reading.findings}


def test_a_finding_carries_sentence_span_section_cue_and_levels(reader: Reader) -> None:
    text = "Findings: The cord is normal. There is likely bone marrow edema at L3. No mass."
    edema = only(read(reader, text, Language.EN), F.EDEMA)
    assert text[edema.span.start : edema.span.end] == "bone marrow edema"
    assert edema.sentence == "There is likely bone marrow edema at L3"
    assert text[edema.sentence_span.start : edema.sentence_span.end] == edema.sentence
    assert (edema.status, edema.certainty, edema.cue) == (Status.POSSIBLE, Certainty.PROBABLE, "There is likely")
    assert (edema.levels, edema.section, edema.language) == (("L3",), Section.FINDINGS, Language.EN)


@pytest.mark.parametrize(
    ("text", "status", "certainty"),
    [
        ("Epidural abscess at L3.", Status.PRESENT, Certainty.CERTAIN),
        ("Findings consistent with epidural abscess.", Status.PRESENT, Certainty.PROBABLE),
        ("Suspected epidural abscess.", Status.POSSIBLE, Certainty.PROBABLE),
        ("Suspected epidural abscess versus hematoma.", Status.POSSIBLE, Certainty.POSSIBLE),
        ("Possible epidural abscess.", Status.POSSIBLE, Certainty.POSSIBLE),
        ("Epidural abscess cannot be excluded.", Status.POSSIBLE, Certainty.POSSIBLE),
        ("Epidural abscess must be excluded.", Status.POSSIBLE, Certainty.POSSIBLE),
        ("Epidural abscess unlikely.", Status.ABSENT, Certainty.UNLIKELY),
        ("No epidural abscess.", Status.ABSENT, Certainty.CERTAIN),
        ("History of epidural abscess.", Status.HISTORICAL, Certainty.CERTAIN),
        ("Her mother had an epidural abscess.", Status.OTHER_PERSON, Certainty.CERTAIN),
        ("Epidural abscess cannot be assessed.", Status.UNKNOWN, Certainty.POSSIBLE),
        ("Epidural abscess at L3?", Status.POSSIBLE, Certainty.POSSIBLE),
    ],
)
def test_each_class_of_cue_gives_its_status(reader: Reader, text: str, status: Status, certainty: Certainty) -> None:
    finding = only(read(reader, f"MRI of the spine shows disc bulge. {text}", Language.EN), F.ABSCESS_EPIDURAL)
    assert (finding.status, finding.certainty) == (status, certainty)


def test_a_suspicion_with_a_rival_diagnosis_is_only_possible(reader: Reader) -> None:
    text = "MRI of the spine: disc bulge. Suspected epidural abscess at L3, alternatively hematoma."
    finding = only(read(reader, text, Language.EN), F.ABSCESS_EPIDURAL)
    assert (finding.status, finding.certainty, finding.cue) == (Status.POSSIBLE, Certainty.POSSIBLE, "Suspected")


@pytest.mark.parametrize(
    "text",
    [
        "No fracture - marrow edema of L3.",
        "No fracture; marrow edema of L3.",
        "No fracture, but marrow edema of L3.",
        "No fracture, mild marrow edema of L3.",
        "No fracture (marrow edema of L3).",
        "No fracture. Marrow edema of L3.",
        f"No {'and so it went on ' * 12} with marrow edema of L3",
    ],
)
def test_a_denial_ends_before_a_new_statement(reader: Reader, text: str) -> None:
    assert only(read(reader, text, Language.EN), F.EDEMA).status is Status.PRESENT


@pytest.mark.parametrize(
    "text",
    [
        "No fracture, edema or mass of L3.",
        "Without fracture or marrow edema.",
        "Fracture, marrow edema and mass are not seen.",
    ],
)
def test_a_denial_covers_a_list(reader: Reader, text: str) -> None:
    reading = read(reader, f"MRI of the spine. {text}", Language.EN)
    assert {f.status for f in reading.findings} == {Status.ABSENT}
    assert F.EDEMA in {f.finding for f in reading.findings}


def test_a_level_far_away_in_a_sentence_with_many_is_not_taken(reader: Reader) -> None:
    filler = "while the patient was lying on the table and the scanner was running for a very long time, "
    text = f"There is scoliosis, {filler}{filler}L3 and the other one, which nobody had seen before, L5 were counted."
    assert only(read(reader, text, Language.EN), F.DEFORMITY).levels == ()


def test_a_level_before_a_finding_belongs_to_that_finding(reader: Reader) -> None:
    text = "Stenosis at L4-5 and at L3 compression fracture."
    assert said(read(reader, text, Language.EN)) == {
        (F.CANAL_STENOSIS, Status.PRESENT, ("L4-L5",)),
        (F.FRACTURE, Status.PRESENT, ("L3",)),
    }


def test_degeneration_is_no_facet_degeneration_because_facets_were_named_before(reader: Reader) -> None:
    reading = read(reader, "Effusion of the L4/5 facet joint. Degenerative.", Language.EN)
    assert F.FACET_DEGENERATION not in {f.finding for f in reading.findings}


def test_history_before_the_images_needs_no_question_mark(reader: Reader) -> None:
    text = "MRT LWS\nRückenschmerzen seit 2 Wochen, bekanntes Mammakarzinom.\nKnochenmarködem LWK 2."
    reading = read(reader, text, Language.DE)
    assert {(s.group, s.status) for s in reading.stated} == {
        (ConditionGroup.BACK_PAIN, Status.PRESENT),
        (ConditionGroup.CANCER, Status.PRESENT),
    }


def test_an_indication_ends_at_a_blank_line_when_no_heading_follows(reader: Reader) -> None:
    text = "Indication:\nBack pain, discitis?\n\nMarrow edema at L3."
    assert said(read(reader, text, Language.EN)) == {(F.EDEMA, Status.PRESENT, ("L3",))}


def test_words_of_a_pair_count_together_and_voiding_words_take_a_group_back() -> None:
    conditions = load_codes().conditions
    reader = Reader(
        load_findings(),
        load_languages(),
        {ConditionGroup.FRAGILITY_FRACTURE: conditions[ConditionGroup.FRAGILITY_FRACTURE]},
    )
    paired = read(reader, "Indication: osteoporosis, earlier fracture.\nFindings: normal.", Language.EN)
    alone = read(reader, "Indication: earlier fracture.\nFindings: normal.", Language.EN)
    assert [s.group for s in paired.stated] == [ConditionGroup.FRAGILITY_FRACTURE]
    assert alone.stated == ()


def test_indication_technique_and_comparison_state_no_finding(reader: Reader) -> None:
    text = (
        "Indication: rule out discitis at L3.\nTechnique: T1, T2, STIR for marrow edema.\n"
        "Comparison: epidural abscess on the previous study.\nFindings: Normal marrow signal."
    )
    assert said(read(reader, text)) == {(F.MARROW_SIGNAL, Status.ABSENT, ())}


def test_a_section_of_one_line_ends_with_its_line(reader: Reader) -> None:
    text = "Klinische Angaben: Spondylodiszitis?\nEpiduraler Abszess LWK 3."
    assert said(read(reader, text, Language.DE)) >= {(F.ABSCESS_EPIDURAL, Status.PRESENT, ("L3",))}


def test_a_history_goes_on_to_the_findings_heading(reader: Reader) -> None:
    text = "HISTORY:\nBack pain.\n\nKnown L3 fracture.\n\nFINDINGS:\nNo marrow edema."
    assert said(read(reader, text, Language.EN)) == {(F.EDEMA, Status.ABSENT, ())}


def test_without_headings_the_sentences_before_the_images_are_history(reader: Reader) -> None:
    text = "MRT LWS nativ\n70-jährige Patientin, Rückenschmerzen seit 3 Wochen, Metastase?\nKnochenmarködem LWK 2."
    reading = read(reader, text)
    assert said(reading) == {(F.EDEMA, Status.PRESENT, ("L2",))}
    assert reading.onset_days == 21


def test_levels_of_a_list_head_hold_for_all_sentences_under_it(reader: Reader) -> None:
    text = "L3/4: Disc bulge. No stenosis.\nL4/5: Disc herniation; facet arthropathy."
    assert said(read(reader, text, Language.EN)) == {
        (F.DISC_BULGE, Status.PRESENT, ("L3-L4",)),
        (F.CANAL_STENOSIS, Status.ABSENT, ("L3-L4",)),
        (F.DISC_HERNIATION, Status.PRESENT, ("L4-L5",)),
        (F.FACET_DEGENERATION, Status.PRESENT, ("L4-L5",)),
    }


def test_this_level_is_the_one_named_before(reader: Reader) -> None:
    text = "There is a disc herniation at L4-5. Severe stenosis is seen at this level."
    assert (F.CANAL_STENOSIS, Status.PRESENT, ("L4-L5",)) in said(read(reader, text, Language.EN))


def test_the_rest_of_the_spine_leaves_the_level_spoken_of(reader: Reader) -> None:
    text = "At L4-5, there is a disc herniation. The remaining discs show no herniation."
    assert (F.DISC_HERNIATION, Status.ABSENT, ()) in said(read(reader, text, Language.EN))


def test_several_findings_of_one_clause_are_all_given(reader: Reader) -> None:
    text = "Spondylodiscitis L3/4 with fluid in the disc, eroded endplates and psoas edema."
    assert {f.finding for f in read(reader, text, Language.EN).findings} >= {
        F.INFECTION_STATED,
        F.DISC_FLUID,
        F.ENDPLATE_EROSION,
        F.PSOAS,
    }


def test_edema_by_signal_is_marked_as_such(reader: Reader) -> None:
    edema = only(read(reader, "Increased STIR signal in the L3 vertebral body.", Language.EN), F.EDEMA)
    assert Qualifier.BY_SIGNAL in edema.qualifiers


@pytest.mark.parametrize(
    "text",
    [
        "Bone marrow edema of the femoral condyle.",
        "Pulmonary edema.",
        "Fracture of the left tenth rib.",
        "Avulsion of the iliac spine with fracture.",
        "Vocal cord paralysis.",
        "Fracture of the spine of the scapula.",
        "Epidural hematoma of the skull.",
    ],
)
def test_another_part_of_the_body_gives_nothing(reader: Reader, text: str) -> None:
    assert read(reader, text, Language.EN).findings == ()


def test_a_report_of_the_spine_does_not_take_what_belongs_to_a_rib(reader: Reader) -> None:
    reading = read(reader, "MRI lumbar spine\nRib fracture. No fracture.", Language.EN)
    assert said(reading) == {(F.FRACTURE, Status.ABSENT, ())}


def test_a_change_of_shoulders_and_spine_is_one_of_the_spine(reader: Reader) -> None:
    reading = read(reader, "Degenerative changes of the shoulders and spine.", Language.EN)
    assert said(reading) == {(F.DEGENERATIVE_CHANGE, Status.PRESENT, ())}


def test_contact_with_the_cord_is_taken_back_where_compression_is_denied(reader: Reader) -> None:
    text = "At C5-6, a disc bulge contacts the cord. Cord compression is not evident."
    found = {(f.finding, f.status) for f in read(reader, text, Language.EN).findings}
    assert (F.CORD, Status.ABSENT) in found
    assert (F.CORD, Status.POSSIBLE) not in found


@pytest.mark.parametrize(
    ("text", "status"),
    [("Osteochondrosen, v.a. L4/5 ausgeprägt.", Status.PRESENT), ("V.a. Osteochondrose L4/5.", Status.POSSIBLE)],
)
def test_above_all_is_told_from_suspected_by_its_small_letter(reader: Reader, text: str, status: Status) -> None:
    assert only(read(reader, text, Language.DE), F.DISC_DEGENERATION).status is status


def test_contact_without_a_denial_is_possible_compression(reader: Reader) -> None:
    cord = only(read(reader, "A disc bulge at C5-6 abuts the cord.", Language.EN), F.CORD)
    assert (cord.status, Qualifier.CONTACT_ONLY in cord.qualifiers) == (Status.POSSIBLE, True)


def test_contact_and_denial_in_one_sentence_is_a_denial(reader: Reader) -> None:
    root = only(read(reader, "Protrusion L5-S1 abutting but not compressing the S1 root.", Language.EN), F.ROOT)
    assert root.status is Status.ABSENT


def test_contact_at_several_levels_keeps_those_that_are_not_denied(reader: Reader) -> None:
    text = (
        "At C5-6, a bulge contacts the cord; cord compression is not evident.\nA bulge abuts the cord at C4-5 and C5-6."
    )
    possible = [
        f for f in read(reader, text, Language.EN).findings if f.finding is F.CORD and f.status is Status.POSSIBLE
    ]
    assert [f.levels for f in possible] == [("C4-C5",)]


def test_the_impression_outranks_the_findings_and_the_conflict_is_told(reader: Reader) -> None:
    text = "Findings: Possible disc herniation at L4-5.\nImpression: Disc herniation L4-5."
    reading = read(reader, text, Language.EN)
    assert said(reading) == {(F.DISC_HERNIATION, Status.PRESENT, ("L4-L5",))}
    assert reading.conflicts == ()


def test_of_an_emergency_the_more_serious_statement_stands(reader: Reader) -> None:
    text = "Findings: Epidural abscess at L3-4.\nImpression: No epidural abscess at L3-4."
    reading = read(reader, text, Language.EN)
    assert (F.ABSCESS_EPIDURAL, Status.PRESENT, ("L3-L4",)) in said(reading)
    assert (F.ABSCESS_EPIDURAL, Status.ABSENT, ("L3-L4",)) not in said(reading)
    conflict = next(c for c in reading.conflicts if c.finding is F.ABSCESS_EPIDURAL)
    assert (conflict.kind, conflict.levels) == (ConflictKind.STATUS, ("L3-L4",))
    assert conflict.sentences == ("Epidural abscess at L3-4", "No epidural abscess at L3-4")


def test_an_emergency_in_the_impression_only_stands(reader: Reader) -> None:
    text = "Findings: No epidural abscess.\nImpression: Epidural abscess at L3-4."
    assert said(read(reader, text, Language.EN)) == {(F.ABSCESS_EPIDURAL, Status.PRESENT, ("L3-L4",))}


def test_a_template_sentence_against_the_text_is_a_conflict_of_one_section(reader: Reader) -> None:
    reading = read(reader, "Marrow edema at L3. Vertebral bodies without marrow edema.", Language.EN)
    assert [c.finding for c in reading.conflicts] == [F.EDEMA]
    assert len(reading.findings) == 2


@pytest.mark.parametrize(
    "text",
    [
        "Fracture of L1. No other fracture.",
        "Fracture L1. No acute fracture.",
        "Fracture of L1. No fracture of L3.",
        "Mild periarticular marrow edema of the L4/5 facet joints. Vertebral bodies: no marrow edema.",
    ],
)
def test_statements_about_different_places_or_times_are_no_conflict(reader: Reader, text: str) -> None:
    assert read(reader, text, Language.EN).conflicts == ()


def test_a_denial_of_the_conclusion_leaves_a_finding_at_a_level_in_place(reader: Reader) -> None:
    text = "Findings: Foraminal stenosis at L4-5.\nImpression: No foraminal stenosis."
    assert said(read(reader, text, Language.EN)) == {
        (F.FORAMINAL_STENOSIS, Status.PRESENT, ("L4-L5",)),
        (F.FORAMINAL_STENOSIS, Status.ABSENT, ()),
    }


def test_three_tumours_in_a_row_are_a_differential(reader: Reader) -> None:
    reading = read(reader, "MRI lumbar spine\nL4 mass. Chordoma, plasmacytoma, metastasis.", Language.EN)
    listed = [f for f in reading.findings if f.finding is F.MALIGNANCY_STATED]
    assert {(f.status, f.certainty) for f in listed} == {(Status.POSSIBLE, Certainty.PROBABLE)}


def test_a_component_is_inflammation_beside_infection_and_a_mass_beside_a_tumour(reader: Reader) -> None:
    infected = read(reader, "Spondylodiscitis L3/4 with an epidural component.", Language.EN)
    tumorous = read(reader, "Metastasis of L3 with an epidural component.", Language.EN)
    assert F.SOFT_MASS not in {f.finding for f in infected.findings}
    assert F.PARAVERTEBRAL_EDEMA in {f.finding for f in infected.findings}
    assert F.SOFT_MASS in {f.finding for f in tumorous.findings}


def test_a_mass_called_intradural_is_a_tumour_of_the_canal(reader: Reader) -> None:
    reading = read(reader, "Soft tissue mass at L1. The mass appeared to be intradural.", Language.EN)
    assert {F.TUMOR} <= {f.finding for f in reading.findings}
    assert F.SOFT_MASS not in {f.finding for f in reading.findings}


def test_a_fracture_that_is_not_pathological_is_still_a_fracture(reader: Reader) -> None:
    reading = read(reader, "Keine pathologische Fraktur.", Language.DE)
    assert {(f.finding, f.status) for f in reading.findings} == {(F.MALIGNANCY_STATED, Status.ABSENT)}


@pytest.mark.parametrize(
    ("text", "language", "contrast"),
    [
        ("MRI lumbar spine with and without contrast.\nDisc bulge.", Language.EN, True),
        ("MRI lumbar spine without and with gadolinium.\nDisc bulge.", Language.EN, True),
        ("MRI lumbar spine without contrast.\nDisc bulge.", Language.EN, False),
        ("MRI lumbar spine.\nEnhancement of the L3 vertebral body.", Language.EN, True),
        ("MRI lumbar spine.\nDisc bulge.", Language.EN, None),
        ("MRT LWS nativ\nBandscheibenprotrusion.", Language.DE, False),
        ("IRM coloană lombară nativ și cu contrast\nProtruzie discală.", Language.RO, True),
    ],
)
def test_contrast_is_read_from_the_report(
    reader: Reader, text: str, language: Language, *, contrast: bool | None
) -> None:
    assert read(reader, text, language).technique.contrast is contrast


def test_technique_is_read_from_title_and_text(reader: Reader) -> None:
    technique = read(reader, "STIR, DWI. Motion artifacts.", Language.EN, title="MRI spine with contrast").technique
    assert (technique.contrast, technique.stir_or_fat_saturated, technique.diffusion, technique.limited) == (
        True,
        True,
        True,
        True,
    )


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Indication: fever for 2 weeks.", Language.EN, {("FEVER", "present", 14)}),
        (
            "Indication: 2 weeks of fever, no back pain.",
            Language.EN,
            {("FEVER", "present", 14), ("BACK_PAIN", "absent", None)},
        ),
        (
            "Indication: no fever, known breast cancer.",
            Language.EN,
            {("FEVER", "absent", None), ("CANCER", "present", None)},
        ),
        ("Indication: rule out discitis.", Language.EN, {("SPINE_INFECTION", "question", None)}),
        ("Indication: discitis?", Language.EN, {("SPINE_INFECTION", "question", None)}),
        ("Indication: history of breast cancer.", Language.EN, {("CANCER", "historical", None)}),
        ("Klinische Angaben: Seit drei Tagen Fieber.", Language.DE, {("FEVER", "present", 3)}),
        ("Klinische Angaben: Frage nach Spondylodiszitis.", Language.DE, {("SPINE_INFECTION", "question", None)}),
        (
            "Date clinice: durere lombară de 2 luni, fără febră.",
            Language.RO,
            {("BACK_PAIN", "present", 60), ("FEVER", "absent", None)},
        ),
    ],
)
def test_history_states_conditions_with_their_status(
    reader: Reader, text: str, language: Language, expected: set[tuple[str, str, int | None]]
) -> None:
    reading = read(reader, text, language)
    assert {(s.group.value, s.status.value, s.days_ago) for s in reading.stated} == expected
    assert reading.findings == ()


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Indication: pain for 6 weeks.", 42),
        ("Indication: 10 days of pain.", 10),
        ("Indication: a 70 year old man.", None),
        ("Indication: pain since the surgery.", None),
        ("Indication: 12 months follow up.", None),
        ("Indication: pain for several months, worse for 2 days.", 120),
        ("Indication: pain for 60 years.", None),
    ],
)
def test_onset_is_a_duration_and_not_an_age(reader: Reader, text: str, days: int | None) -> None:
    assert read(reader, f"{text}\nFindings: normal.", Language.EN).onset_days == days


def test_history_keeps_what_qualifies_it(reader: Reader) -> None:
    reading = read(reader, "Indication: known breast cancer.\nFindings: normal marrow.", Language.EN)
    assert [(s.group, s.qualifiers) for s in reading.stated] == [(ConditionGroup.CANCER, frozenset({Qualifier.KNOWN}))]


@pytest.mark.parametrize(
    ("text", "percent", "millimetres"),
    [
        ("L1 fracture with 40% loss of height.", 40.0, None),
        ("L1 fracture with 40 percent loss of height.", 40.0, None),
        ("L1 fracture with 30-40 % loss of height.", 40.0, None),
        ("L1 fracture of 2024.", None, None),
        ("Epidural abscess of 7 mm.", None, 7.0),
        ("Epidural abscess of 1.5 cm.", None, 15.0),
        ("Epidural abscess of 12 x 30 mm.", None, 30.0),
        ("Epidural abscess of 900 mm.", None, None),
    ],
)
def test_percentages_and_sizes_are_read(
    reader: Reader, text: str, percent: float | None, millimetres: float | None
) -> None:
    finding = read(reader, text, Language.EN).findings[0]
    assert (finding.percent, finding.millimetres) == (percent, millimetres)


@pytest.mark.parametrize(
    ("text", "trend"),
    [
        ("New marrow edema at L3.", Trend.NEW),
        ("Marrow edema at L3, unchanged.", Trend.SAME),
        ("Marrow edema at L3 has decreased.", Trend.BETTER),
        ("Marrow edema at L3 has increased.", Trend.WORSE),
        ("Marrow edema at L3.", None),
        ("Marrow edema at L3 of the vertebral body in its anterior and posterior part, canal and cord stable.", None),
    ],
)
def test_change_over_time_is_the_nearest_named(reader: Reader, text: str, trend: Trend | None) -> None:
    assert read(reader, text, Language.EN).findings[0].trend is trend


def test_a_qualifier_under_a_denial_does_not_count(reader: Reader) -> None:
    reading = read(reader, "Fracture of L1, not acute.", Language.EN)
    assert Qualifier.ACUTE not in reading.findings[0].qualifiers


def test_the_declared_language_is_taken_and_a_tag_of_the_text_is_understood(reader: Reader) -> None:
    assert read(reader, "Bulging L4/5.", Language.DE).language is Language.DE
    tagged = reader.read([ReportText("Bulging L4/5.", "conclusion", "de-CH")])
    assert tagged.language is Language.DE


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The vertebral bodies are normal and there is no marrow edema.", Language.EN),
        ("Regelrechte Lordose, kein Nachweis eines Knochenmarködems in der LWS.", Language.DE),
        ("Fără edem medular la nivelul corpilor vertebrali, fără stenoză de canal.", Language.RO),
        ("Lorem ipsum dolor sit amet.", None),
        ("12345", None),
        ("", None),
    ],
)
def test_the_language_is_detected_or_stays_unknown(reader: Reader, text: str, language: Language | None) -> None:
    assert read(reader, text).language is language


def test_an_unknown_language_is_not_read_at_all(reader: Reader) -> None:
    reading = read(reader, "xyzzy")
    assert reading == Reading(None)


def test_a_report_without_texts_has_no_language(reader: Reader) -> None:
    assert reader.read([]) == Reading(None)


def test_findings_of_several_texts_say_which_text_they_stand_in(reader: Reader) -> None:
    texts = [ReportText("Disc bulge at L4-5.", "conclusion"), ReportText("Marrow edema at L3.", "text.div")]
    reading = reader.read(texts, declared=Language.EN)
    assert [(f.finding, f.text_index) for f in reading.findings] == [(F.DISC_BULGE, 0), (F.EDEMA, 1)]


def test_a_normal_spine_is_described_and_a_normal_chest_is_none(reader: Reader) -> None:
    assert read(reader, "The lumbar spine is normal.", Language.EN).describes_spine
    assert not read(reader, "The lungs are clear.", Language.EN).describes_spine


@cache
def _shared_reader() -> Reader:
    """Compile once: hypothesis calls its test many times."""
    return Reader(load_findings(), load_languages(), {})


PIECES = st.sampled_from(
    [
        "No", "possible", "marrow edema", "at L3", "L4/5:", "disc", "epidural abscess", "cord compression", "fracture",
        "\n", "\n\n", ".", ",", ";", "?", "Findings:", "Impression:", "Indication:", "not excluded", "and", "with",
        "normal", "T1", "T2", "STIR", "40%", "7 mm", "hip", "unchanged", "ödem", "Kein", "fără", "-", "(", ")",
    ]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=30), st.sampled_from(Language))
def test_spans_slice_back_whatever_the_text(parts: list[str], language: Language) -> None:
    text = " ".join(parts)
    reading = _shared_reader().read([ReportText(text, "conclusion")], declared=language)
    for finding in reading.findings:
        assert 0 <= finding.span.start < finding.span.end <= len(text)
        assert text[finding.sentence_span.start : finding.sentence_span.end] == finding.sentence
        assert finding.cue is None or finding.cue in text


def test_a_long_text_without_full_stops_is_read_in_parts(reader: Reader) -> None:
    reading = read(reader, "marrow edema at L3 and L4 with disc bulge " * 200, Language.EN)
    assert max(len(f.sentence.split()) for f in reading.findings) <= 125
    assert len(reading.findings) >= 400
