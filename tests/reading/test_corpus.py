import pytest

from cds_service.knowledge.findings import load_corpus_labels
from cds_service.reading.corpus import CorpusReader


def pred(reader: CorpusReader, text: str, language: str = "en") -> dict[str, object]:
    answer: dict[str, object] = reader.row({"id": "x", "language": language, "text": text})["pred"]
    return answer


def test_a_row_is_answered_under_its_id(corpus_reader: CorpusReader) -> None:
    row = {"id": "r1", "text": "Marrow edema of the L3 and L4 vertebral bodies.", "title": "MRI lumbar spine"}
    assert corpus_reader.row(row) == {
        "id": "r1",
        "pred": {
            "findings": [{"finding": "bone_marrow_edema", "status": "present", "levels": ["L3", "L4"]}],
            "pathway": "unclear",
            "edema": "present",
        },
    }


@pytest.mark.parametrize("row", [{"id": "x"}, {"text": "edema"}, {"id": 1, "text": "edema"}, {"id": "x", "text": None}])
def test_a_row_without_id_or_text_is_refused(corpus_reader: CorpusReader, row: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="id and a text"):
        corpus_reader.row(row)


def test_levels_of_one_label_and_status_are_merged(corpus_reader: CorpusReader) -> None:
    answer = pred(corpus_reader, "Disc bulge at L3-4. Disc bulge at L4-5. No disc bulge at L5-S1.")
    assert answer["findings"] == [
        {"finding": "disc_bulge", "status": "present", "levels": ["L3-L4", "L4-L5"]},
        {"finding": "disc_bulge", "status": "absent", "levels": ["L5-S1"]},
    ]


def test_the_guideline_has_35_labels() -> None:
    assert len(load_corpus_labels()) == 35


@pytest.mark.parametrize(
    ("text", "pathway"),
    [
        ("Disc herniation at C5-6 with cord compression.", "red_flag_emergency"),
        ("Epidural abscess.", "red_flag_emergency"),
        ("Spinal epidural hematoma.", "red_flag_emergency"),
        ("Cervical stenosis at C5-6 with cord signal abnormality.", "red_flag_emergency"),
        ("Syrinx of the cord at C5. A disc bulge contacts the cord at C3-4.", "red_flag_emergency"),
        ("Cord edema at T4. Disc herniation at L5-S1.", "unclear"),
        ("Spondylodiscitis L3-4.", "infection"),
        ("Psoas abscess.", "infection"),
        ("Possible epidural abscess.", "infection"),
        ("Fluid in the L3-4 disc with erosion of both endplates.", "infection"),
        ("Vertebral metastasis of L3.", "malignancy"),
        ("Lytic lesion of L3.", "malignancy"),
        ("Paravertebral soft tissue mass.", "malignancy"),
        ("Epidural lipomatosis.", "unclear"),
        ("Pathologic fracture of L3.", "malignancy"),
        ("Burst fracture of L1.", "fracture"),
        ("Bilateral facet dislocation at C5-C6.", "fracture"),
        ("Traumatic spondylolisthesis of C2 on C3.", "fracture"),
        ("Traumatic subluxation of C4 on C5.", "fracture"),
        ("Old compression fracture of L1.", "no_edema"),
        ("Bilateral sacroiliitis.", "inflammatory"),
        ("Degenerative disc disease.", "degenerative"),
        ("Anterolisthesis of L4 on L5.", "degenerative"),
        ("Transient bone marrow edema of the L3 vertebral body.", "transient_metabolic"),
        ("The lumbar spine is normal.", "no_edema"),
        ("No fracture of the spine.", "no_edema"),
        ("Scoliosis.", "unclear"),
        ("The heart is normal.", "unclear"),
    ],
)
def test_the_pathway_follows_the_order_of_the_guideline(corpus_reader: CorpusReader, text: str, pathway: str) -> None:
    assert pred(corpus_reader, text)["pathway"] == pathway


@pytest.mark.parametrize(
    ("text", "edema"),
    [
        ("Marrow edema of the L3 body.", "present"),
        ("Possible marrow edema of the L3 body.", "possible"),
        ("Abnormal marrow signal of the L3 body.", "possible"),
        ("Increased STIR signal of the L3 body.", "possible"),
        ("No marrow edema in the spine.", "absent"),
        ("Marrow signal is normal in the lumbar spine.", "absent"),
        ("Disc bulge.", "not_mentioned"),
    ],
)
def test_edema_is_judged_as_the_guideline_says(corpus_reader: CorpusReader, text: str, edema: str) -> None:
    assert pred(corpus_reader, text)["edema"] == edema


def test_an_irregular_endplate_is_present_by_the_guideline(corpus_reader: CorpusReader) -> None:
    assert pred(corpus_reader, "Irregular endplates at L4-5.")["findings"] == [
        {"finding": "endplate_erosion", "status": "present", "levels": ["L4-L5"]}
    ]


def test_what_is_stated_outright_needs_no_possible_beside_it(corpus_reader: CorpusReader) -> None:
    answer = pred(corpus_reader, "Disc herniation at L4-5. Possible disc herniation at L4-5.")
    assert answer["findings"] == [{"finding": "disc_herniation", "status": "present", "levels": ["L4-L5"]}]


def test_a_finding_of_a_relative_is_told_as_such(corpus_reader: CorpusReader) -> None:
    answer = pred(corpus_reader, "MRI of the spine is shown. Family history of vertebral hemangioma.")
    assert answer["findings"] == [{"finding": "hemangioma", "status": "other_person", "levels": []}]
