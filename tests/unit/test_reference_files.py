"""The reference files promise: the shipped ones are true, and a wrong line is named before anything is published."""

import csv
import re
import unicodedata
from pathlib import Path
from shutil import copytree

import pytest
from msgspec import structs

from contracts import national_holidays, reference, reference_files
from contracts.data import TimeLimit
from contracts.reference_files import ReferenceFilesError
from tests.unit.vietnam_2025_2026 import DAYS_OFF, MADE_UP

SHIPPED = Path(__file__).parents[2] / "deploy/reference"
BODY = reference_files.read(SHIPPED)

UNITS = "code,name,kind,hours,parent,valid_from,valid_to,successor\n"
PROCEDURES = "code,name,field,time_limit,end_to_end,sample\n"
WITH_ACT = PROCEDURES.replace("\n", ",legal_basis\n")
PROFILE = "[profiles.default]\n"
WEEK = 'mon = [["07:00", "11:30"]]\n'

# File, what is in it, what is said about it.
WRONG = [
    ("units.csv", "\n" + UNITS, "units.csv, line 1, column 1: the first column must be 'code'"),
    ("units.csv", "name,code\nA,B\n", "units.csv, line 1, column 1: the first column must be 'code'"),
    ("units.csv", UNITS.replace("parent", "mother"), "units.csv, line 1, column 5: 'mother' is unknown or given twice"),
    ("units.csv", UNITS.replace("parent", "kind"), "units.csv, line 1, column 5: 'kind' is unknown or given twice"),
    ("units.csv", "code,name,kind\n", "units.csv, line 1: missing columns: hours, valid_from"),
    ("units.csv", UNITS + "1,A,ward\n", "units.csv, line 2: 3 cells where the header has 8"),
    ("units.csv", UNITS + "1\n", "units.csv, line 2: 1 cells where the header has 8"),
    ("units.csv", UNITS + 'a,"A,ward\n', "units.csv, line 2: unexpected end of data"),
    ("units.csv", UNITS + "a b,A,ward,default,46,2025-07-01,,\n", "units.csv, line 2, column code: 'a b' is not 1 to 32"),
    ("units.csv", UNITS + "a,,ward,default,46,2025-07-01,,\n", "units.csv, line 2, column name: '' is not a name"),
    ("units.csv", UNITS + "a,A,town,default,46,2025-07-01,,\n", "units.csv, line 2, column kind: 'town' is none of ward,"),
    ("units.csv", UNITS + "a,A,ward,late,46,2025-07-01,,\n", "column hours: calendar.toml has no hours profile 'late'"),
    ("units.csv", UNITS + "a,A,ward,default,46,,,\n", "column valid_from: '' is not a date as 2025-07-01"),
    ("units.csv", UNITS + "a,A,ward,default,46,2025-7-1,,\n", "column valid_from: '2025-7-1' is not a date"),
    ("units.csv", UNITS + "a,A,ward,default,46,2025-02-29,,\n", "column valid_from: '2025-02-29' is not a date"),
    ("units.csv", UNITS + "a,A,ward,default,46,20250701,,\n", "column valid_from: '20250701' is not a date"),
    (
        "units.csv", UNITS + "a,A,ward,default,46,2025-07-01,2025-06-30,\n",
        "column valid_to: 2025-06-30 lies before valid_from 2025-07-01",
    ),
    (
        "units.csv", UNITS + "a,A,ward,default,46,2025-07-01,2026-01-01,\na,B,ward,default,46,2026-01-01,,\n",
        "units.csv, line 3, column code: 'a' is valid at the same time in units.csv, line 2",
    ),
    (
        "units.csv", UNITS + "so-tu-phap,A,ward,default,46,2025-07-01,,\n",
        "departments.csv, line 11, column code: 'so-tu-phap' is valid at the same time in units.csv, line 2",
    ),
    (
        "units.csv", UNITS + "a,A,ward,default,46,2025-07-01,2025-12-31,z\n",
        "units.csv, line 2, column successor: no line gives the code 'z'",
    ),
    (
        "units.csv",
        UNITS + "a,A,ward,default,46,2025-07-01,2025-12-31,b\nb,B,ward,default,46,2025-07-01,2025-12-31,a\n",
        "units.csv, line 2, column successor: 'a' succeeds itself",
    ),
    (
        "procedures.csv", PROCEDURES + "1.1,A,x,,,\n1.1,B,x,,,\n",
        "procedures.csv, line 3, column code: '1.1' stands in line 2 already",
    ),
    ("procedures.csv", PROCEDURES + "1.1,A,,,,\n", "procedures.csv, line 2, column field: '' is not a field"),
    ("procedures.csv", PROCEDURES + "1.1,A,x,3 weeks,,\n", "column time_limit: '3 weeks' is not an amount"),
    ("procedures.csv", PROCEDURES + "1.1,A,x,3651 months,,\n", "column time_limit: '3651 months' is not an amount"),
    ("procedures.csv", PROCEDURES + "1.1,A,x,-1 months,,\n", "column time_limit: '-1 months' is not an amount"),
    ("procedures.csv", PROCEDURES + "1.1,A,x,0 months,,\n", "0 (the same day) is known for working_days alone"),
    ("procedures.csv", PROCEDURES + "1.1,A,x,,true,\n", "column end_to_end: 'true' is neither yes nor no"),
    ("procedures.csv", WITH_ACT + f"1.1,A,x,,,,{'a' * 201}\n", "is not an act of at most 200 characters"),
    ("procedures.csv", "", "procedures.csv: empty"),
    ("calendar.toml", "[profiles.default\n", "calendar.toml: "),
    ("calendar.toml", f"x = {'1' * 5_000}\n", "calendar.toml: Exceeds the limit (4300 digits)"),
    ("calendar.toml", "# nothing\n", "there is no hours profile"),
    ("calendar.toml", PROFILE + "mon = []\n", "line 1, column 11: the profile 'default' has no windows"),
    ("calendar.toml", PROFILE + WEEK + 'day = []\n', "calendar.toml, line 3, column 1: 'day' is none of mon"),
    ("calendar.toml", PROFILE + 'mon = ["07:00"]\n', "line 2, column 1: default.mon is not a list of windows"),
    ("calendar.toml", PROFILE + WEEK + "tue = 7\n", "line 3, column 1: default.tue is not a list of windows"),
    ("calendar.toml", PROFILE + "mon = [7]\n", "line 2, column 1: default.mon is not a list of windows"),
    ("calendar.toml", PROFILE + 'mon = [["7:00", "11:30"]]\n', "line 2, column 1: default.mon is not a list"),
    ("calendar.toml", PROFILE + 'mon = [["07:00", "24:00"]]\n', "line 2, column 1: default.mon is not a list"),
    (
        "calendar.toml", PROFILE + 'mon = [["13:30", "17:00"], ["07:00", "11:30"]]\n',
        "calendar.toml, line 2, column 1: the windows of default.mon overlap or do not rise",
    ),
    ("calendar.toml", PROFILE + 'mon = [["07:00", "07:00"]]\n', "overlap or do not rise"),
    ("calendar.toml", 'make_up_as = "fri"\n' + PROFILE + WEEK, "no windows on fri, which make-up days"),
    ("calendar.toml", 'make_up_as = "holiday"\n' + PROFILE + WEEK, "line 1, column 1: make_up_as is none of mon"),
    ("calendar.toml", "announced_until = 2025-12-31\n" + PROFILE + WEEK, "announced_until is not a date in quotes"),
    ("calendar.toml", 'announced_until = "2025-02-29"\n' + PROFILE + WEEK, "column 1: announced_until is not a date in"),
    ("calendar.toml", PROFILE + WEEK + "[holidays]\n", "line 3, column 2: 'holidays' is none of"),
    (
        "calendar.toml", PROFILE + WEEK + '[days_off]\n"2025-13-01" = "x"\n',
        "calendar.toml, line 4, column 2: '2025-13-01' is not a date as 2025-07-01",
    ),
    (
        "calendar.toml", PROFILE + WEEK + '[days_off]\n"2025-12-01" = 1\n',
        "calendar.toml, line 4, column 2: the reason of 2025-12-01 is not a text",
    ),
    (
        "calendar.toml", PROFILE + WEEK + '[days_off]\n2025-12-01 = "x"\n[make_up_days]\n2025-12-01 = "x"\n',
        "calendar.toml, line 6, column 1: 2025-12-01 cannot be a day off and a make-up day",
    ),
    ("calendar.toml", "x = " + "[" * 3000 + "]" * 3000, "calendar.toml: maximum recursion depth"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "text", "said"), WRONG)
def test_a_wrong_line_is_named_with_its_file_line_and_column(tmp_path: Path, file: str, text: str, said: str) -> None:
    with pytest.raises(ReferenceFilesError) as wrong:
        reference_files.read(_copy(tmp_path, file, text))
    assert any(said in problem for problem in wrong.value.problems), wrong.value.problems


def test_all_wrong_lines_are_named_at_once_and_only_so_many_are_shown(tmp_path: Path) -> None:
    rows = "".join(f"u{n},A,town,default,46,2025-07-01,,\n" for n in range(80))
    with pytest.raises(ReferenceFilesError) as wrong:
        reference_files.read(_copy(tmp_path, "units.csv", UNITS + rows))
    assert len(wrong.value.problems) == 80
    assert str(wrong.value).endswith("… and 30 more")


def test_a_missing_file_a_huge_file_and_one_that_is_not_utf8_are_named(tmp_path: Path) -> None:
    directory = _copy(tmp_path, "units.csv", "x" * (reference_files.FILE_BYTES_MAX + 1))
    (directory / "departments.csv").unlink()
    (directory / "procedures.csv").write_bytes(b"code,name,field\n1,H\xf4,x\n")
    with pytest.raises(ReferenceFilesError) as wrong:
        reference_files.read(directory)
    assert {problem.split(":")[0] for problem in wrong.value.problems} == {"units.csv", "departments.csv", "procedures.csv"}


def test_a_unit_may_come_back_under_its_code_and_give_way_to_a_department(tmp_path: Path) -> None:
    text = (
        UNITS
        + "a,Cũ,ward,default,46,2025-07-01,2025-12-31,so-tu-phap\n"
        + 'a,"Mới, lại",special_zone,saturday_morning,46,2026-01-01,,\n'
    )
    units = reference_files.read(_copy(tmp_path, "units.csv", text)).units
    assert [(unit.name, unit.valid_to, unit.successor) for unit in units] == [
        ("Cũ", "2025-12-31", "so-tu-phap"),
        ("Mới, lại", None, None),
    ]


def test_what_is_just_within_its_bounds_is_taken(tmp_path: Path) -> None:
    """A body of one day, sixteen successors one after the other, the longest limit; blank lines and spaces say nothing."""
    day = "2025-07-01"
    chain = "".join(f"u{n}, A ,ward,default,46,{day},{day},u{n + 1}\n\n" for n in range(16))
    directory = _copy(tmp_path, "units.csv", UNITS + chain + f"u16,A,ward,default,46,{day},,\n")
    (directory / "procedures.csv").write_text(PROCEDURES + "1.1,A,x,3650 months,,\n", encoding="utf-8")
    body = reference_files.read(directory)
    assert ({unit.name for unit in body.units}, len(body.units)) == ({"A"}, 17)
    assert body.procedures[0].time_limit == TimeLimit(3650, "months")
    (directory / "units.csv").write_text(UNITS + chain + f"u16,A,ward,default,46,{day},,u17\nu17,A,,default,,{day},,\n")
    with pytest.raises(ReferenceFilesError, match="line 2, column successor: 'u0' succeeds itself, or over 16 others"):
        reference_files.read(directory)


def test_the_order_of_lines_a_byte_order_mark_and_dos_line_ends_make_no_other_digest(tmp_path: Path) -> None:
    top, *rows = (SHIPPED / "units.csv").read_text(encoding="utf-8").splitlines()
    text = "\ufeff" + "\r\n".join([top, *reversed(rows)]) + "\r\n"
    other = reference_files.read(_copy(tmp_path, "units.csv", text))
    assert reference.digest(reference.encode(other)) == reference.digest(reference.encode(BODY))


def test_the_body_survives_its_bytes() -> None:
    assert reference.decode(reference.encode(BODY)) == BODY
    assert reference.digest(b"{}") == "2afb9b83f9314e5d029766197f539792", (
        "BLAKE2b, 16 bytes, as coreutils' b2sum -l 128 tells it"
    )


def test_one_thing_that_is_wrong_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReferenceFilesError) as wrong:
        reference_files.read(_copy(tmp_path, "calendar.toml", 'make_up_as = "holiday"\n' + PROFILE + WEEK))
    assert len(wrong.value.problems) == 1


# Decision 19/2025/QĐ-TTg, copied by hand.
WARDS = {
    "19753": "Phú Xuân", "19774": "Kim Long", "19777": "Vỹ Dạ", "19789": "Thuận Hóa", "19804": "Hương An",
    "19813": "Thủy Xuân", "19815": "An Cựu", "19819": "Phong Điền", "19828": "Phong Phú", "19831": "Phong Dinh",
    "19858": "Phong Thái", "19873": "Phong Quảng", "19900": "Thuận An", "19909": "Dương Nỗ", "19930": "Mỹ Thượng",
    "19960": "Phú Bài", "19969": "Thanh Thủy", "19975": "Hương Thủy", "19996": "Hương Trà", "20014": "Hóa Châu",
    "20017": "Kim Trà",
}  # fmt: skip
COMMUNES = {
    "19867": "Quảng Điền", "19885": "Đan Điền", "19918": "Phú Hồ", "19942": "Phú Vang", "19945": "Phú Vinh",
    "20035": "Bình Điền", "20044": "A Lưới 2", "20050": "A Lưới 5", "20056": "A Lưới 1", "20071": "A Lưới 3",
    "20101": "A Lưới 4", "20107": "Phú Lộc", "20122": "Vinh Lộc", "20131": "Hưng Lộc",
    "20137": "Chân Mây - Lăng Cô", "20140": "Lộc An", "20161": "Khe Tre", "20179": "Nam Đông", "20182": "Long Quảng",
}  # fmt: skip


def test_hue_has_its_forty_units_by_their_names_from_the_first_of_july_2025() -> None:
    """21 wards and 19 communes, letter by letter in the one form of Unicode that everybody types."""
    expected = {code: (f"Phường {name}", "ward") for code, name in WARDS.items()}
    expected |= {code: (f"Xã {name}", "commune") for code, name in COMMUNES.items()}
    assert {unit.code: (unit.name, unit.kind) for unit in BODY.units} == expected
    assert (len(WARDS), len(COMMUNES)) == (21, 19)
    for unit in (*BODY.units, *BODY.departments):
        assert (unit.hours, unit.parent, unit.valid_from, unit.valid_to) == ("default", "46", "2025-07-01", None)
        assert unit.successor is None


def test_the_city_has_its_centre_and_its_departments() -> None:
    """One centre, and the bodies to which a commune's dossiers go; their codes are no unit's."""
    assert [unit.name for unit in BODY.departments if unit.kind == "city_centre"] == [
        "Trung tâm Phục vụ hành chính công thành phố Huế"
    ]
    names = {unit.name for unit in BODY.departments if unit.kind == "department"}
    for department in (
        "Công Thương", "Du lịch", "Giáo dục và Đào tạo", "Khoa học và Công nghệ", "Ngoại vụ", "Nội vụ",
        "Nông nghiệp và Môi trường", "Tài chính", "Tư pháp", "Văn hóa và Thể thao", "Xây dựng", "Y tế",
    ):  # fmt: skip
        assert f"Sở {department}" in names
    assert not {unit.code for unit in BODY.departments} & {unit.code for unit in BODY.units}


def test_every_unit_has_a_tile_of_its_own_on_the_map() -> None:
    """The map shows all that is ranked, and nothing else."""
    units = {unit.code for unit in BODY.units}
    assert reference_files.tiles(SHIPPED, units).keys() == units


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("19753,0,1", "tiles.csv, line 3, column column: '0' is not a whole number from 1 to 49"),
        ("19753,2,x", "tiles.csv, line 3, column row: 'x' is not a whole number from 1 to 49"),
        ("19753,1,1", "tiles.csv, line 3, column column: the place is taken by line 2"),
        ("19774,2,1", "tiles.csv, line 3, column code: '19774' stands in line 2 already"),
        ("19999,2,1", "tiles.csv, line 3, column code: units.csv has no unit '19999'"),
    ],
)
def test_a_wrong_tile_is_named_and_no_file_is_no_map(tmp_path: Path, line: str, said: str) -> None:
    assert reference_files.tiles(tmp_path) == {}
    (tmp_path / "tiles.csv").write_text(f"code,column,row\n19774,1,1\n{line}\n")
    with pytest.raises(ReferenceFilesError) as wrong:
        reference_files.tiles(tmp_path, BODY.codes())
    assert wrong.value.problems == (said,)


def test_every_name_is_written_in_composed_letters_without_stray_space() -> None:
    """A name typed in decomposed letters looks alike and is found by nobody."""
    names = [body.name for body in (*BODY.units, *BODY.departments)] + [each.name for each in BODY.procedures]
    for name in names:
        assert name == unicodedata.normalize("NFC", " ".join(name.split()))


def test_every_file_names_its_code_in_the_first_column() -> None:
    for file in ("units.csv", "departments.csv", "procedures.csv"):
        with (SHIPPED / file).open(encoding="utf-8", newline="") as lines:
            assert next(csv.reader(lines))[0] == "code"


def test_the_shipped_procedures_are_a_marked_sample_of_every_kind_of_limit() -> None:
    assert len(BODY.procedures) >= 60
    assert all(procedure.sample for procedure in BODY.procedures)
    # Codes as the national database has them.
    assert all(re.fullmatch(r"[12]\.[0-9]{6}", procedure.code) for procedure in BODY.procedures)
    assert len({procedure.name for procedure in BODY.procedures}) == len(BODY.procedures)
    assert len({procedure.field for procedure in BODY.procedures}) >= 12
    assert 10 <= sum(procedure.end_to_end for procedure in BODY.procedures) < len(BODY.procedures) / 2
    assert all(procedure.field.isascii() for procedure in BODY.procedures)
    limits = [procedure.time_limit for procedure in BODY.procedures]
    assert None in limits
    assert {limit.unit for limit in limits if limit} == {"working_hours", "working_days", "calendar_days", "months"}
    assert any(limit.amount == 0 for limit in limits if limit)
    acts = {procedure.code: procedure.legal_basis for procedure in BODY.procedures if procedure.legal_basis is not None}
    assert acts["1.001193"] == "Luật Hộ tịch số 60/2014/QH13, Điều 16"
    assert all(re.fullmatch(r"(Luật Hộ tịch|Nghị định) số [0-9]+/20[0-9]{2}/\S+, Điều [0-9]+", act) for act in acts.values())
    assert len(acts) == 15


def test_a_catalogue_without_acts_has_the_bytes_that_it_always_had() -> None:
    """An archive that was opened under such a body is read under it for ever."""
    plain = structs.replace(BODY, procedures=[structs.replace(each, legal_basis=None) for each in BODY.procedures])
    assert b"legal_basis" not in reference.encode(plain)
    assert reference.encode(BODY).count(b'"legal_basis":') == 15


def test_days_off_and_make_up_days_of_two_years_are_the_announced_ones() -> None:
    """The announcements were copied by hand; where the package did not know one, calendar.toml adds it."""
    calendar = BODY.calendar
    for year in ("2025", "2026"):
        assert {day for day in calendar.days_off if day.startswith(year)} == {
            day for day in DAYS_OFF if day.startswith(year)
        }
        assert {day for day in calendar.make_up_days if day.startswith(year)} == {d for d in MADE_UP if d.startswith(year)}
    assert "26/04/2025" in calendar.days_off["2025-05-02"]
    assert "02/05/2025" in calendar.make_up_days["2025-04-26"]


def test_national_holidays_are_written_out_for_every_year_and_no_day_is_both() -> None:
    off, worked = national_holidays.written_out()
    for year in range(2000, 2041):
        assert {f"{year}-01-01", f"{year}-04-30", f"{year}-05-01", f"{year}-09-02"} <= off.keys()
    assert not off.keys() & worked.keys()


def test_the_calendar_file_wins_over_the_national_days(tmp_path: Path) -> None:
    text = PROFILE + WEEK + '[days_off]\n2025-04-26 = "quyết định khác"\n[make_up_days]\n2025-05-02 = "quyết định khác"\n'
    directory = _copy(tmp_path, "calendar.toml", text)
    (directory / "units.csv").write_text(UNITS, encoding="utf-8")
    calendar = reference_files.read(directory).calendar
    assert calendar.days_off["2025-04-26"] == calendar.make_up_days["2025-05-02"] == "quyết định khác"
    assert "2025-05-02" not in calendar.days_off
    assert "2025-04-26" not in calendar.make_up_days


def test_until_when_days_off_are_announced_is_told_and_is_no_part_of_the_body(tmp_path: Path) -> None:
    """The years checked by hand against their announcements, and no longer."""
    assert reference_files.announced_until(SHIPPED) == f"{max(DAYS_OFF)[:4]}-12-31"
    text = (SHIPPED / "calendar.toml").read_text(encoding="utf-8")
    directory = _copy(tmp_path, "calendar.toml", re.sub("(?m)^announced_until.*$", "", text))
    assert reference_files.announced_until(directory) is None
    assert reference_files.read(directory) == BODY


def test_days_of_ones_own_are_taken_after_the_announced_ones_too(tmp_path: Path) -> None:
    """Extra days off and make-up days need no announcement."""
    text = (SHIPPED / "calendar.toml").read_text(encoding="utf-8")
    for table, day in (("days_off", "2031-03-03"), ("make_up_days", "2031-03-01")):
        text = text.replace(f"[{table}]\n", f'[{table}]\n"{day}" = "bão"\n')
    calendar = reference_files.read(_copy(tmp_path, "calendar.toml", text)).calendar
    assert calendar.days_off["2031-03-03"] == calendar.make_up_days["2031-03-01"] == "bão"


def _copy(tmp_path: Path, file: str, text: str) -> Path:
    directory = copytree(SHIPPED, tmp_path / "reference")
    (directory / file).write_text(text, encoding="utf-8", newline="")
    return directory
