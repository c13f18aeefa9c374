"""Which language a report is read in: told by its words, also against its tag; foreign ones stay unread."""

import pytest

from cds_service.domain.facts import ReportText
from cds_service.domain.vocabulary import FindingId, Language, Status
from cds_service.errors import KnowledgeError
from cds_service.knowledge import findings as knowledge
from cds_service.reading.read import Reader

FOREIGN = {
    "fr": "Rachis lombaire: anomalie de signal des corps de L2 et de L3 avec collection dans le canal, sans fracture.",
    "es": "Se observa alteración de la señal en los cuerpos de L2 y L3 con colección en el canal, sin fractura.",
    "it": "Si osserva alterazione del segnale dei corpi di L2 e L3 con raccolta nel canale, senza frattura.",
    "pt": "Observa-se alteração do sinal dos corpos de L2 e L3 com coleção no canal, sem fratura.",
    "nl": "Er is een afwijkend signaal in de wervellichamen van L2 en L3 met een collectie, geen fractuur.",
    "pl": "Zmiany sygnału w trzonach L2 i L3 oraz zbiornik w kanale, bez cech złamania.",
    "hu": "A L2 és L3 csigolyatest jele kóros, a csatornában folyadék van, törés nincs.",
    "tr": "L2 ve L3 korpusunda sinyal değişikliği ile kanalda koleksiyon mevcut, fraktür yok.",
    "cs": "V tělech obratlů L2 a L3 je patrná změna signálu a kolekce v kanálu, bez fraktury.",
    "sv": "Signalförändring i kotkropparna L2 och L3 med en ansamling i kanalen, ingen fraktur ses.",
}


def _read(reader: Reader, text: str, declared: Language | None = None) -> tuple[Language | None, set[str]]:
    reading = reader.read([ReportText(text, "conclusion")], title="MRI spine", declared=declared)
    stated = {f.finding.value for f in reading.findings if f.status is Status.PRESENT}
    return reading.language, stated


@pytest.mark.parametrize("language", sorted(FOREIGN))
def test_report_in_a_language_that_is_not_read_is_left_unread(reader: Reader, language: str) -> None:
    assert _read(reader, FOREIGN[language]) == (None, set())


@pytest.mark.parametrize(
    ("text", "language", "finding"),
    [
        ("Spondylodiscitis T4/5.", Language.EN, FindingId.INFECTION_STATED),
        ("Metastasen LWK 1.", Language.DE, FindingId.METASTASIS),
        ("Degenerative Lumbalskoliose.", Language.DE, FindingId.DEFORMITY),
        ("Degenerative scoliosis.", Language.EN, FindingId.DEFORMITY),
        ("Metastaze vertebrale.", Language.RO, FindingId.METASTASIS),
    ],
)
def test_text_without_small_words_is_read_where_most_is_found(
    reader: Reader, text: str, language: Language, finding: FindingId
) -> None:
    found, stated = _read(reader, text)
    assert found is language
    assert finding.value in stated


@pytest.mark.parametrize(
    "text",
    [
        "Fracture récente de L2. Compression de la queue de cheval.",
        "FRACTURE DE L2. COMPRESSION DE LA QUEUE DE CHEVAL.",
        "Hernie discale L4-L5 avec conflit radiculaire.",
        "Discopathie L5-S1. Protrusion discale.",
        "Abcès épidural T7.",
        "Tassement vertébral de T12.",
        "Frattura di L2. Metastasi multiple.",
        "Hernia discal L4-L5.",
        "Absceso epidural L3. Estenosis del canal.",
    ],
)
def test_short_text_in_a_language_that_is_not_read_is_left_unread(reader: Reader, text: str) -> None:
    assert _read(reader, text) == (None, set())


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Fractura L2.", Language.RO),
        ("Tasare T12.", Language.RO),
        ("HERNIE DE DISC L4-L5", Language.RO),
        ("Compresie medulara T8.", Language.RO),
        ("Leziuni litice multiple", Language.RO),
        ("Compression fracture L2.", Language.EN),
        ("Multiple metastases.", Language.EN),
        ("Vertebral metastases.", Language.EN),
        ("Cord compression T8.", Language.EN),
        ("Fraktur LWK 2.", Language.DE),
        ("Diskushernie L4/5.", Language.DE),
    ],
)
def test_short_text_in_a_language_that_is_read_is_read(reader: Reader, text: str, language: Language) -> None:
    found, stated = _read(reader, text)
    assert found is language
    assert stated


def test_text_that_says_nothing_in_any_language_stays_unread(reader: Reader) -> None:
    assert _read(reader, "Xyzzy 123.") == (None, set())


def test_no_text_is_no_language(reader: Reader) -> None:
    assert reader.read([]).language is None
    assert reader.read([ReportText("  ", "conclusion")]).language is None


def test_words_win_over_a_tag_that_they_clearly_contradict(reader: Reader) -> None:
    text = "Frische Fraktur des LWK 2 mit Knochenmarködem, der Spinalkanal ist nicht eingeengt."
    assert _read(reader, text, Language.EN)[0] is Language.DE
    assert _read(reader, "Frische Fraktur LWK 2", Language.DE)[0] is Language.DE


def test_sentences_of_a_second_language_are_read_in_it(reader: Reader) -> None:
    text = (
        "Befund: Osteochondrose des Segments L4/5, der Spinalkanal ist dort nicht eingeengt und frei.\n"
        "Impression: There is an epidural abscess at L2 with compression of the thecal sac."
    )
    language, stated = _read(reader, text)
    assert language is Language.DE
    assert {FindingId.DISC_DEGENERATION.value, FindingId.ABSCESS_EPIDURAL.value} <= stated


def test_foreign_words_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowledge, "toml", lambda _entry: {"xx": []})
    knowledge.load_foreign.cache_clear()
    with pytest.raises(KnowledgeError, match="xx"):
        knowledge.load_foreign()
    knowledge.load_foreign.cache_clear()


def test_text_that_two_languages_share_is_read_sentence_by_sentence(reader: Reader) -> None:
    text = (
        "MRT der HWS. Keine Fraktur. Die Bandscheiben sind unauffällig.\n"
        "There is a collection in the epidural space at C6 with compression of the cord, no fracture is seen."
    )
    language, stated = _read(reader, text)
    assert language is not None
    assert {FindingId.ABSCESS_EPIDURAL.value, FindingId.CORD.value} <= stated
    assert FindingId.FRACTURE.value not in stated
