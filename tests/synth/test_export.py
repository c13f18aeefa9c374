"""The files of a synthetic export: the same for a seed, valid, tagged, labelled."""

import gzip
import importlib
import io
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from click.testing import CliRunner

from cds_service.cli.synth import command
from cds_service.domain.outcome import Outcome
from cds_service.errors import RequestError
from cds_service.synth.chart import Charts
from cds_service.synth.export import Compression, Export
from cds_service.synth.parameters import values
from cds_service.synth.resources import TAG, house
from cds_service.synth.wording import LANGUAGES

_FINISHED = {"final"}


def _write(folder: Path, patients: int, seed: int = 5, *, packing: str = "none", parts: int = 1) -> Path:
    export = Export(folder, compression=Compression(packing), parts=parts)
    chosen = values()
    assert list(export.write(Charts(seed, chosen, LANGUAGES), patients, chosen, seed))[-1] == patients
    return folder


def _lines(folder: Path) -> dict[str, list[bytes]]:
    """Return the lines by type of resource, of all parts, unpacked."""
    found: dict[str, list[bytes]] = {}
    for path in sorted(folder.rglob("*.ndjson*")):
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        elif path.suffix == ".zst":
            content = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)).read()
        found.setdefault(path.name.partition(".")[0], []).extend(content.splitlines())
    return found


@pytest.fixture(scope="module")
def many() -> list[tuple[list[dict[str, Any]], list[tuple[str, str, Outcome]]]]:
    charts = Charts(11, values(), LANGUAGES)
    patients = [charts.patient(number) for number in range(400)]
    return [([dict(one) for one in patient.resources], list(patient.labels)) for patient in patients]


def test_fewer_patients_are_the_beginning_of_more(tmp_path: Path) -> None:
    few, more = _lines(_write(tmp_path / "few", 40)), _lines(_write(tmp_path / "more", 120))
    assert set(few) <= set(more)
    for kind, lines in few.items():
        assert more[kind][: len(lines)] == lines, kind


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    first, again, other = (
        {
            path.name: path.read_bytes()
            for path in _write(tmp_path / name, 30, seed, packing="gzip").rglob("*")
            if path.is_file()
        }
        for name, seed in (("first", 5), ("again", 5), ("other", 6))
    )
    assert first == again
    assert first["Patient.ndjson.gz"] != other["Patient.ndjson.gz"]


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_packing_and_parts_change_no_line(tmp_path: Path, packing: str) -> None:
    plain = _lines(_write(tmp_path / "plain", 60))
    packed = _write(tmp_path / "packed", 60, packing=packing, parts=3)
    assert {kind: sorted(lines) for kind, lines in _lines(packed).items()} == {
        kind: sorted(lines) for kind, lines in plain.items()
    }
    assert len(list(packed.glob("fhir/Patient.*"))) == 3


def test_writing_in_small_pieces_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _lines(_write(tmp_path / "whole", 25, packing="gzip"))
    monkeypatch.setattr("cds_service.synth.export._FLUSH_AT", 2000)
    assert _lines(_write(tmp_path / "pieces", 25, packing="gzip")) == whole


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(RequestError, match="extra replay"):
        Export(tmp_path / "new", compression=Compression.ZSTD, parts=1)


def test_every_resource_is_valid_and_says_that_it_is_synthetic(
    many: list[tuple[list[dict[str, Any]], list[tuple[str, str, Outcome]]]],
) -> None:
    kinds: Counter[str] = Counter()
    for resource in [*house(2), *(one for resources, _ in many for one in resources)]:
        kinds[kind := resource["resourceType"]] += 1
        module = importlib.import_module(f"fhir.resources.R4B.{kind.lower()}")
        getattr(module, kind).model_validate(resource)
        assert TAG in resource["meta"]["tag"]
    assert {"Encounter", "ServiceRequest", "Procedure", "AllergyIntolerance", "MedicationRequest"} <= set(kinds)
    assert sum(kinds.values()) / len(many) > 9.5


def test_each_finished_imaging_report_has_one_label(
    many: list[tuple[list[dict[str, Any]], list[tuple[str, str, Outcome]]]],
) -> None:
    for resources, labels in many:
        finished = [
            (resource["subject"]["reference"].removeprefix("Patient/"), resource["id"])
            for resource in resources
            if resource["resourceType"] == "DiagnosticReport"
            and resource["status"] in _FINISHED
            and resource["category"][0]["coding"][0]["code"] == "RAD"
        ]
        assert sorted(finished) == sorted((patient, report) for patient, report, _ in labels)


def test_ids_are_unique_and_references_lead_somewhere(
    many: list[tuple[list[dict[str, Any]], list[tuple[str, str, Outcome]]]],
) -> None:
    everything = [*house(12), *(one for resources, _ in many for one in resources)]
    known = Counter(f"{one['resourceType']}/{one['id']}" for one in everything)
    assert max(known.values()) == 1
    for resource in everything:
        for told in (
            resource.get(name) for name in ("subject", "patient", "encounter", "requester", "serviceProvider")
        ):
            assert told is None or told["reference"] in known


def test_what_proves_an_infection_comes_after_the_report() -> None:
    certain = values(["share_infection=1", "share_emergency=0", "share_malignancy=0", "share_fracture=0",
                      "share_inflammatory=0", "share_postoperative=0", "share_degenerative=0",
                      "blood_culture_positive=1", "diagnosis_coded=1", "entry_undated=0", "report_undated=0",
                      "other_report=0", "preliminary_report=0", "laboratory_report=0"])  # fmt: skip
    charts = Charts(3, certain, ("de",))
    for number in range(20):
        resources = charts.patient(number).resources
        first = next(one["issued"] for one in resources if one["resourceType"] == "DiagnosticReport")
        grown = [one for one in resources if one.get("code", {}).get("text") == "Blutkultur"]
        assert [one["issued"] > first for one in grown] == [True]
        proved = [
            one for one in resources if one["resourceType"] == "Condition" and one["code"]["text"] != "Kreuzschmerz"
        ]
        assert proved[-1]["onsetDateTime"] < first < proved[-1]["recordedDate"]


def test_a_parameter_changes_what_it_names() -> None:
    only = Charts(1, values(["share_degenerative=0", "share_malignancy=0.9", "share_emergency=0", "share_infection=0",
                             "share_fracture=0", "share_inflammatory=0", "share_postoperative=0", "other_report=0"]),
                  ("ro",))  # fmt: skip
    outcomes = Counter(label[2] for number in range(300) for label in only.patient(number).labels)
    assert set(outcomes) == {Outcome.MALIGNANCY, Outcome.NONE}
    assert outcomes[Outcome.MALIGNANCY] / outcomes.total() == pytest.approx(0.9, abs=0.06)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        (["no_such=1"], "no such parameter"),
        (["days=many"], "is no number"),
        (["follow_up=1.5"], "is not 0 to 1"),
        (["days=0"], "whole number from 1"),
        (["share_infection=0.9"], "add up"),
    ],
)
def test_a_wrong_parameter_is_refused(changes: list[str], part: str) -> None:
    with pytest.raises(RequestError, match=part):
        values(changes)


def test_the_command_writes_and_tells_what(tmp_path: Path) -> None:
    out = tmp_path / "export"
    result = CliRunner().invoke(command, ["--patients", "5", "--languages", "de", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "5 patients" in result.output
    labels = [orjson.loads(line) for line in (out / "labels.ndjson").read_bytes().splitlines()]
    assert {"patient", "report", "outcome"} == set(labels[0])
    assert orjson.loads((out / "about.json").read_bytes())["patients"] == 5


def test_the_command_lists_parameters_with_their_sources() -> None:
    result = CliRunner().invoke(command, ["--parameters", "--set", "follow_up=0.5"])
    follow_up = next(line.split() for line in result.output.splitlines() if line.startswith("follow_up"))
    assert follow_up[1:3] == ["0.5", "assumption"]


def test_the_command_fills_no_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("kept")
    result = CliRunner().invoke(command, ["--out", str(tmp_path)])
    assert isinstance(result.exception, RequestError)
    assert (tmp_path / "old").read_text() == "kept"
    assert CliRunner().invoke(command, []).exit_code == 2
    refused = CliRunner().invoke(command, ["--languages", "fr", "--out", str(tmp_path / "new")]).exception
    assert isinstance(refused, RequestError)
