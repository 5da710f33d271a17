"""Heart rate, height and weight in DICOM headers."""

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from DINSegmentLib.io.person import Person, person_of

TAGS = {"HeartRate": 0x00181088, "NominalInterval": 0x00181062, "PatientSize": 0x00101020, "PatientWeight": 0x00101030}


def header(**texts):
    """As read from a file: texts that nobody has looked at yet."""
    data = Dataset()
    for name, text in texts.items():
        tag = Tag(TAGS[name])
        data._dict[tag] = RawDataElement(tag, "DS", len(text), text.encode(), 0, False, True)
    return data


def test_the_median_of_all_slices_counts():
    body = {"PatientSize": "1.78", "PatientWeight": "75.5 "}
    person = person_of([header(HeartRate=rate, **body) for rate in ("60", "64", "90")])
    assert person == Person(64, 178, 75.5)


@pytest.mark.parametrize(("interval", "rate"), [("1000", 60), ("750", 80), ("", None)])
def test_without_a_heart_rate_the_time_between_beats_gives_it(interval, rate):
    assert person_of([header(NominalInterval=interval)]) == Person(rate)


@pytest.mark.parametrize("text", ["0", "999", "fast", "nan", "inf", "-60", "62\\63"])
def test_a_heart_rate_that_no_person_has_is_left_out_with_a_sentence(text):
    person = person_of([header(HeartRate=text, PatientWeight="75")])
    assert (person.heart_rate, person.weight) == (None, 75)
    assert [(one.kind, one.text.fields) for one in person.notices] == [("person", {"what": "heart rate"})]


def test_sound_values_count_where_others_are_nonsense():
    assert person_of([header(HeartRate=rate) for rate in ("0", "0", "61")]) == Person(61)
    assert person_of([header(HeartRate="0", NominalInterval="1000")]) == Person(60)


@pytest.mark.parametrize("interval", ["0", "99999", "slow"])
def test_a_rate_and_a_time_between_beats_that_no_person_has_are_both_noticed(interval):
    person = person_of([header(HeartRate="0", NominalInterval=interval)])
    assert person.heart_rate is None
    assert [one.text.fields["what"] for one in person.notices] == ["heart rate", "time between heart beats"]


@pytest.mark.parametrize(
    ("name", "texts", "what"),
    [("PatientWeight", ("70", "70", "95", "95"), "weight"), ("PatientWeight", ("70", "70", "70", "95"), "weight"),
     ("PatientSize", ("1.70", "1.85"), "height")],
)  # fmt: skip
def test_contradicting_headers_give_no_value_and_a_notice(name, texts, what):
    person = person_of([header(**{name: text}) for text in texts])
    assert person.height is person.weight is None
    assert [(one.kind, one.text.fields) for one in person.notices] == [("person", {"what": what})]


def test_rounded_and_nonsensical_values_do_not_contradict_a_height_or_weight():
    texts = [("1.78", "75.5"), ("1.783", "75.6"), ("0", "75500")]
    assert person_of([header(PatientSize=size, PatientWeight=weight) for size, weight in texts]) == Person(
        None, 178.15, 75.55
    )


@pytest.mark.parametrize(("name", "text"), [("PatientSize", "178"), ("PatientSize", "0"), ("PatientWeight", "75000")])
def test_a_size_in_another_unit_is_left_out_with_a_sentence(name, text):
    person = person_of([header(**{name: text})])
    assert person.height is person.weight is None and len(person.notices) == 1


def test_a_header_that_says_nothing_gives_nothing():
    assert person_of([header(HeartRate="", PatientSize=" "), header()]) == Person()
