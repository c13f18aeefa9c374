"""Numbers are complete, referenced and bounded; a site may change them only inside their range and by name."""

import re
from importlib import resources
from pathlib import Path

import pytest

from cds_service.errors import KnowledgeError
from cds_service.knowledge import thresholds
from cds_service.knowledge.thresholds import Parameters, load_thresholds, parse_thresholds

TEXT = resources.files("cds_service.knowledge").joinpath("thresholds.toml").read_text(encoding="utf-8")


def test_the_numbers_of_the_algorithm() -> None:
    t = load_thresholds()
    assert (t.crp_upper_normal.value, t.crp_raised.value, t.crp_strong.value) == (5, 10, 30)
    assert (t.esr_reassuring.value, t.esr_high.value, t.esr_extreme.value) == (20, 70, 100)
    assert (t.fever_temperature.value, t.labs_before_mri_days.value, t.labs_hot_hours.value) == (38.0, 14, 72)
    assert (t.crp_fracture_explains.value, t.crp_other_cause_explains.value) == (30, 50)
    assert (t.cytopenia_hemoglobin.value, t.cytopenia_platelets.value, t.cytopenia_wbc.value) == (10, 100, 3.0)
    assert (t.flc_ratio_low.value, t.flc_ratio_high.value, t.calcium_same_day.value) == (0.26, 1.65, 3.0)
    assert (t.inr_warning.value, t.inr_info.value, t.platelets_low.value) == (1.8, 1.5, 50)
    assert t.overridden == ()


def test_spans_are_lengths_of_time() -> None:
    t = load_thresholds()
    assert (t.labs_hot_hours.span.days, t.culture_days.span.days, t.weeks_new_below.span.days) == (3, 90, 42)
    assert t.radiotherapy_months.span.days == 730


def test_every_number_is_used_by_a_rule() -> None:
    package = Path(thresholds.__file__).parents[1]
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (package / "rules").rglob("*.py"))
    unused = [name for name in Parameters.model_fields if not re.search(rf"\.{name}\b", sources)]
    assert unused == []


def overlay(text: str) -> str:
    return f'[parameters.crp_raised]\n{text}\nreason = "local committee"\n'


def test_a_site_may_lower_a_number_inside_its_range() -> None:
    t = parse_thresholds(TEXT, overlay("value = 8"))
    assert t.crp_raised.value == 8
    assert t.overridden == ("crp_raised",)


def test_a_site_may_turn_a_switch() -> None:
    t = parse_thresholds(TEXT, "[switches]\nesr_enabled = false\n")
    assert t.switches.esr_enabled is False
    assert t.switches.augmentation_offered is True


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (overlay("value = 40"), "parameters.crp_raised"),
        (overlay('value = "8"'), "parameters.crp_raised.value"),
        (overlay("value = nan"), "parameters.crp_raised.value"),
        ("[parameters.crp_raised]\nvalue = 8\n", "parameters.crp_raised.reason"),
        ('[parameters.crp_rised]\nvalue = 8\nreason = "x"\n', "crp_rised"),
        ("[switches]\nesr = true\n", "switches: unknown: esr"),
        ("[switches]\nesr_enabled = 1\n", "switches.esr_enabled"),
        ("[other]\nx = 1\n", "other"),
        ("not toml", "site.toml: not readable"),
        (overlay("value = " + "9" * 6000), "site.toml: not readable"),
        (overlay("value = " + "9" * 4000), "parameters.crp_raised.value"),
        ("a = " + "[" * 30_000, "site.toml: not readable"),
        ("a = " + "{a=" * 20_000, "site.toml: not readable"),
        (".".join("a" * 30_000) + " = 1", "site.toml: not readable"),
        ("[" + ".".join("a" * 30_000) + "]", "site.toml: not readable"),
    ],
)
def test_a_flawed_overlay_is_refused_by_file_and_key(text: str, named: str) -> None:
    with pytest.raises(KnowledgeError, match=re.escape(named)) as caught:
        parse_thresholds(TEXT, text, overlay_name="site.toml")
    assert "site.toml" in str(caught.value)


def test_an_overlay_file_is_read_and_a_missing_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(overlay("value = 8"), encoding="utf-8")
    assert load_thresholds(path).crp_raised.value == 8
    with pytest.raises(KnowledgeError, match=r"absent\.toml"):
        load_thresholds(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("crp_raised = { value = 10,", "crp_raised = { value = 99,", "crp_raised"),
        ("crp_raised = {", "crp_rised = {", "crp_r"),
        ('evidence = ["R-DAVIS2020"], basis = "published"', 'evidence = [], basis = "published"', "reference"),
        ('basis = "expert" }', 'basis = "guess" }', "basis"),
        ("esr_enabled = true", "esr_enabled = 3", "esr_enabled"),
    ],
)
def test_a_flaw_in_the_shipped_file_is_refused(old: str, new: str, named: str) -> None:
    with pytest.raises(KnowledgeError, match=named):
        parse_thresholds(TEXT.replace(old, new, 1))
