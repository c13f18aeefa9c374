import pytest

from cds_service.domain.vocabulary import BodyRegion, Modality
from cds_service.reading.examination import examination


@pytest.mark.parametrize(
    ("title", "modality", "region"),
    [
        ("MRI lumbar spine w/wo contrast", Modality.MR, BodyRegion.LUMBAR),
        ("MRT LWS mit KM", Modality.MR, BodyRegion.LUMBAR),
        ("IRM coloană lombară nativ", Modality.MR, BodyRegion.LUMBAR),
        ("MRI C-spine", Modality.MR, BodyRegion.CERVICAL),
        ("RMN coloană cervicală", Modality.MR, BodyRegion.CERVICAL),
        ("MRT BWS", Modality.MR, BodyRegion.THORACIC),
        ("MRT BWS/LWS", Modality.MR, BodyRegion.THORACOLUMBAR),
        ("MRI thoracic and lumbar spine", Modality.MR, BodyRegion.THORACOLUMBAR),
        ("MRI whole spine", Modality.MR, BodyRegion.WHOLE_SPINE),
        ("MRT HWS, BWS und LWS", Modality.MR, BodyRegion.WHOLE_SPINE),
        ("MRT Kreuzbein", Modality.MR, BodyRegion.SACRUM),
        ("IRM articulații sacroiliace", Modality.MR, BodyRegion.SACROILIAC),
        ("MRT Wirbelsäule und Becken", Modality.MR, BodyRegion.SPINE),
        ("MRI pelvis", Modality.MR, BodyRegion.PELVIS),
        ("MRI left knee", Modality.MR, BodyRegion.OTHER),
        ("MRT Hüfte rechts", Modality.MR, BodyRegion.OTHER),
        ("MRI hip and lumbar spine", Modality.MR, BodyRegion.LUMBAR),
        ("CT lumbar spine", Modality.CT, BodyRegion.LUMBAR),
        ("FDG-PET/CT", Modality.PET, BodyRegion.UNKNOWN),
        ("Skelettszintigrafie", Modality.NUCLEAR, BodyRegion.UNKNOWN),
        ("Radiografie de coloană dorsală", Modality.RADIOGRAPH, BodyRegion.THORACIC),
        ("Röntgen Thorax", Modality.RADIOGRAPH, BodyRegion.OTHER),
        ("Ultraschall Abdomen", Modality.OTHER, BodyRegion.OTHER),
        ("Letter", Modality.UNKNOWN, BodyRegion.UNKNOWN),
    ],
)
def test_the_title_tells_modality_and_region(title: str, modality: Modality, region: BodyRegion) -> None:
    assert examination(title, "") == (modality, region)


def test_without_a_title_the_first_line_of_the_text_tells() -> None:
    text = "\nMRI LUMBAR SPINE. Comparison: CT chest of last year.\nFindings: knee pain."
    assert examination("", text) == (Modality.MR, BodyRegion.LUMBAR)


def test_what_the_title_leaves_open_the_text_adds() -> None:
    assert examination("MRI", "Vertebral bodies of normal height.") == (Modality.MR, BodyRegion.SPINE)


def test_the_title_outranks_the_text() -> None:
    assert examination("MRI knee", "The lumbar spine was not examined.") == (Modality.MR, BodyRegion.OTHER)


def test_nothing_said_is_unknown() -> None:
    assert examination("", "") == (Modality.UNKNOWN, BodyRegion.UNKNOWN)
