"""Each kind of bad input has the outcome that docs/import.md says."""

from __future__ import annotations

import resource
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ccstream.client.contact_points import ContactPoints
from ccstream.errors import CustomerFileError
from ccstream.imports.facts import REJECTIONS, SET_ASIDE
from tests.imports.conftest import NOW, Stage
from tests.imports.customer_files import CRM_MAP, LOYALTY_MAP
from tests.support.source import ROOT

HEAD = "id,number,mail,tel,city,optin,updated\n"
MILLION_S_MAX = 120
"""Of processor time, interpreted; it takes some 20."""
GROWTH_KIB_MAX = 16 * 1024
"""For buffers. To remember something of each row would take several times as much."""
GOOD = "c1,42,ada@example.org,06 12 34 56 78,Lyon,1,2020-05-01T10:00:00Z\n"


def row(**cells: str) -> str:
    names = HEAD.strip().split(",")
    values = dict(zip(names, GOOD.strip().split(","), strict=True)) | cells
    return ",".join(values[name] for name in names) + "\n"


def test_a_good_row_says_all_that_the_map_reads(stage: Stage, points: ContactPoints) -> None:
    done = stage(HEAD + GOOD, CRM_MAP)
    (facts,) = done.facts
    assert facts.account == "customer:42"
    assert facts.time_ms == 1_588_327_200_000
    assert facts.identifiers == (
        points.email_key("ada@example.org"),
        points.phone_key("+33612345678"),
    )
    assert [(one.name, one.value) for one in facts.traits] == [("city", "Lyon")]
    (consent,) = facts.consents
    assert (consent.status, consent.point) == ("granted", points.email("ada@example.org"))
    assert not done.problems


def test_a_missing_column_is_found_before_any_row_and_named(stage: Stage) -> None:
    with pytest.raises(CustomerFileError, match=r"no column 'updated'.*id, number"):
        stage(HEAD.replace("updated", "changed") + GOOD, CRM_MAP)
    with pytest.raises(CustomerFileError, match="'city' twice"):
        stage(HEAD.replace("\n", ",city\n") + GOOD, CRM_MAP)
    with pytest.raises(CustomerFileError, match="is empty"):
        stage("", CRM_MAP)


def test_a_wrong_encoding_is_told_with_its_line_and_the_right_one_reads(stage: Stage) -> None:
    content = (HEAD + GOOD * 3000 + row(id="c2", city="Orléans")).encode("cp1252")
    with pytest.raises(CustomerFileError, match=r"line 3002 is not utf-8.*file\.encoding"):
        stage(content, CRM_MAP)
    done = stage(content, CRM_MAP.replace("[row]", '[file]\nencoding = "cp1252"\n[row]', 1))
    assert done.facts[-1].traits[0].value == "Orléans"
    assert stage(b"\xef\xbb\xbf" + (HEAD + GOOD).encode(), CRM_MAP).report.rows == 1


def test_a_quote_that_is_never_closed_is_an_error_and_no_enormous_cell(stage: Stage) -> None:
    with pytest.raises(CustomerFileError, match="every quote closed"):
        stage(HEAD + row(city='"Lyon') + GOOD, CRM_MAP)
    with pytest.raises(CustomerFileError, match="every quote closed"):
        stage(HEAD + row(city="x" * 200_000), CRM_MAP)


def test_damaged_parquet_is_told_as_that_wherever_it_is_damaged(
    stage: Stage, tmp_path: Path
) -> None:
    """Ends of the file, packed pages, and values that can be unpacked and are no text or date."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = 200
    columns = {name: [f"{name}é{row}" for row in range(rows)] for name in HEAD.strip().split(",")}
    columns["updated"] = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(row) for row in range(rows)]
    path = tmp_path / "whole.parquet"
    parquet.write_table(arrow.table(columns), path, compression="none", use_dictionary=False)
    whole = path.read_bytes()
    assert stage(whole, CRM_MAP).report.rows == rows
    text = whole.index("cityé7".encode()) + 4
    dates = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1_000_000).to_bytes(8, "little")
    broken = (
        whole[: len(whole) // 2],
        b"PAR1" + whole[100:],
        whole[:text] + b"\xff" + whole[text + 1 :],
        whole.replace(dates, dates[:7] + b"\x7f"),
        whole[:-8] + bytes(4) + b"PAR1",
    )
    for content in broken:
        with pytest.raises(CustomerFileError, match=r"cannot be read as Parquet behind row 0: \S"):
            stage(content, CRM_MAP)


def test_rows_that_repeat_each_other_make_the_events_of_one(stage: Stage) -> None:
    done = stage(HEAD + GOOD * 20_000, CRM_MAP)
    assert (done.report.rows, done.report.repeated) == (20_000, 19_999)
    assert sum(done.report.events.values()) == 4
    again = stage(HEAD + GOOD, CRM_MAP)
    assert [e.event_id for _, some in done.plan.rows() for e in some] == [
        e.event_id for _, some in again.plan.rows() for e in some
    ]


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_million_rows_that_repeat_each_other_take_no_more_room_than_one(
    stage: Stage, tmp_path: Path
) -> None:
    path = tmp_path / "many.csv"
    with path.open("w") as opened:
        opened.write(HEAD)
        for _ in range(1_000):
            opened.write(GOOD * 1_000)
    peak_kib, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    done = stage(path, CRM_MAP)
    assert time.process_time() - begun < MILLION_S_MAX
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_kib < GROWTH_KIB_MAX
    assert (done.report.rows, done.report.repeated) == (1_000_000, 999_999)
    assert (path.parent / "stage-1" / "rows.sqlite").stat().st_size < 1 << 20


def test_malformed_addresses_and_numbers_are_set_aside_and_the_row_counts(stage: Stage) -> None:
    done = stage(
        HEAD
        + row(id="a", mail="ada(at)example.org", tel="12")
        + row(id="b", mail="ada@", tel="call me")
        + row(id="c", mail="", tel=""),
        CRM_MAP,
    )
    assert done.report.set_aside == {
        "bad_email": 2,
        "bad_phone": 2,
        "consent_without_point": 3,
    }
    assert done.report.named == 3
    assert [(one.number, one.column) for one in done.problems if one.reason == "bad_email"] == [
        (2, "mail"),
        (3, "mail"),
    ]
    assert "ada" not in repr(done.problems)


def test_addresses_that_differ_by_case_are_one(stage: Stage) -> None:
    done = stage(
        HEAD + row(id="a", mail="Ada@Example.ORG") + row(id="b", mail="ada@example.org"), CRM_MAP
    )
    assert len({facts.identifiers for facts in done.facts}) == 1
    assert done.report.conflicts.identifiers == 0


@pytest.mark.parametrize("nothing", ["null", "NULL", "0", "0000", "None", "anonymous", "0-0"])
def test_null_and_zeros_are_nobodys_key_account_or_identifier(stage: Stage, nothing: str) -> None:
    done = stage(
        HEAD + row(id=nothing) + row(number=nothing) + row(mail=nothing, tel=nothing), CRM_MAP
    )
    assert done.report.rejected == {"no_key": 1, "bad_account": 1}
    assert done.report.set_aside["blocked_identifier"] == 2
    (facts,) = done.facts
    assert facts.identifiers == ()


def test_a_row_that_says_neither_when_nor_whose_is_rejected_with_the_reason(stage: Stage) -> None:
    ahead = "2099-01-01"
    done = stage(
        HEAD
        + row(updated="")
        + row(updated="yesterday")
        + row(updated=ahead)
        + row(updated="1969-12-31")
        + row(number="", mail="", tel="")
        + row(number="a b")
        + row(number="ada@example.org")
        + "c1,42\n",
        CRM_MAP,
    )
    assert done.report.rejected == {
        "no_time": 1,
        "bad_time": 2,
        "future_time": 1,
        "nobody": 1,
        "bad_account": 2,
        "ragged_row": 1,
    }
    assert done.facts == []


def test_a_consent_that_is_unclear_is_none_and_unasked_says_nothing(stage: Stage) -> None:
    mapping = CRM_MAP.replace('no = ["0"]', 'unasked = ["0"]')
    done = stage(HEAD + row(id="a", optin="0") + row(id="b", optin="perhaps"), mapping)
    assert [facts.consents for facts in done.facts] == [(), ()]
    assert done.report.set_aside == {"unclear_consent": 1}


def test_a_text_that_is_too_long_is_set_aside(stage: Stage) -> None:
    done = stage(HEAD + row(city="x" * 1_001), CRM_MAP)
    assert done.report.set_aside == {"text_too_long": 1}
    assert done.facts[0].traits == ()


def test_an_identifier_that_cannot_be_a_key_is_set_aside(stage: Stage) -> None:
    head = "card,customer,email,town,size,changed\n"
    done = stage(head + "a b,7,,Lyon,40,2020-01-01\n" + "x#1,7,,Lyon,40,2020-01-01\n", LOYALTY_MAP)
    assert done.report.set_aside == {"bad_identifier": 2}


def test_times_without_a_zone_are_the_maps_and_may_have_a_form_of_their_own(stage: Stage) -> None:
    mapping = CRM_MAP.replace(
        'region = "FR"', 'time_zone = "Europe/Paris"\ntime_format = "%d/%m/%Y %H:%M"'
    )
    (facts,) = stage(HEAD + row(updated="01/05/2020 12:00", tel=""), mapping).facts
    assert facts.time_ms == 1_588_327_200_000


def test_two_rows_of_one_key_and_time_that_differ_are_a_conflict(stage: Stage) -> None:
    done = stage(HEAD + GOOD + row(city="Paris") + row(city="Nice", updated="2021-01-01"), CRM_MAP)
    assert done.report.conflicts.rows == 1
    assert done.report.repeated == 0


def test_a_number_of_two_accounts_is_a_conflict_and_of_five_too_many(stage: Stage) -> None:
    done = stage(HEAD + GOOD + row(id="c2", number="43", mail=""), CRM_MAP)
    assert (done.report.conflicts.identifiers, done.report.conflicts.too_many) == (1, 0)
    five = "".join(row(id=f"c{n}", number=str(n), mail="") for n in range(1, 6))
    assert stage(HEAD + five, CRM_MAP).report.conflicts.too_many == 1


def test_a_subject_of_more_events_than_the_worker_remembers_is_counted(stage: Stage) -> None:
    rows = "".join(row(updated=f"2020-05-01T10:00:{n:02}Z") for n in range(60))
    assert stage(HEAD + rows, CRM_MAP).report.crowded == 1  # the account: two events a row
    assert stage(HEAD + row() + row(id="c2"), CRM_MAP).report.crowded == 0


def test_parquet_says_the_same_as_csv(stage: Stage, tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    import datetime

    table = arrow.table(
        {
            "id": ["c1"],
            "number": [42.0],  # as a column with gaps in it has numbers
            "mail": ["ada@example.org"],
            "tel": ["06 12 34 56 78"],
            "city": ["Lyon"],
            "optin": [1],
            "updated": [datetime.datetime(2020, 5, 1, 10, tzinfo=datetime.UTC)],
            "unread": [None],
        }
    )
    path = tmp_path / "customers.parquet"
    parquet.write_table(table, path)
    (made,) = stage(path, CRM_MAP).facts
    (expected,) = stage(HEAD + GOOD, CRM_MAP).facts
    assert (made.account, made.identifiers, made.time_ms) == (
        expected.account,
        expected.identifiers,
        expected.time_ms,
    )
    assert (made.traits, made.consents) == (expected.traits, expected.consents)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CustomerFileError, match="as Parquet"):
        stage(path, CRM_MAP)


def test_the_page_explains_every_reason() -> None:
    page = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    for reason in (*REJECTIONS, *SET_ASIDE):
        assert f"`{reason}`" in page, reason


assert NOW > 1_588_327_200_000
