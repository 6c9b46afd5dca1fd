"""An import, and the questions about a person, with a worker behind: by the command line."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccstream.cli import main
from ccstream.client.contact_points import ContactPoints
from ccstream.domain.events import (
    CartItemAdded,
    CartItemRemoved,
    ConsentChanged,
    ConsentProof,
    Event,
    IdentifiersLinked,
    IdentifierUnlinked,
    InteractionLogged,
    Money,
    OrderLine,
    OrderPlaced,
    ProfileUpdated,
    Trait,
)
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import SYNC_TOPICS, input_topic
from tests.imports.customer_files import CRM_MAP, LOYALTY_MAP
from tests.integration.harness import codec, rejected
from tests.integration.pipeline import Pipeline, Place, decoded, new_subject, of_event, of_key
from tests.support.produce import Sent
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.parametrize(
        "pipeline",
        ["embedded", pytest.param("real", marks=pytest.mark.long)],
        indirect=True,
        scope="module",
    ),
]

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Ask:
    """Run a command against the pipeline: its exit code, output, and what it said beside."""
    settings = pipeline.settings
    monkeypatch.setenv("CCSTREAM_IDENTITY__CONTACT_KEY", "k" * 32)
    monkeypatch.setenv("CCSTREAM_KAFKA__BOOTSTRAP", settings.kafka.bootstrap)
    monkeypatch.setenv("CCSTREAM_KAFKA__CONNECT_TIMEOUT_MS", str(settings.kafka.connect_timeout_ms))
    monkeypatch.setenv("CCSTREAM_APP_ID", settings.app_id)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        written = capsys.readouterr()
        return code, written.out, written.err

    return run


def word(cls: type[Any], subject: str, channel: str = "web", **fields: Any) -> Any:
    now = int(time.time() * 1000)
    common = {"event_id": str(uuid.uuid4()), "occurred_at": now, "source": f"{channel}-1"}
    return cls(**common | {"channel": channel, "subject": subject} | fields)


def put(pipeline: Pipeline, table: str, *events: Event) -> list[Place]:
    """Publish events one after the other, each once the one before has been folded."""
    places = []
    for event in events:
        value = codec.encode_event(event)
        places += pipeline.put(Sent(input_topic(event.channel), event.subject, value))
        of_links = isinstance(event, IdentifiersLinked | IdentifierUnlinked)
        topic = SYNC_TOPICS["aliases" if of_links else table]
        pipeline.tail(topic).until(of_event(event.event_id))
    return places


def explained(ask: Ask, *arguments: str, wanted: Callable[[Any], bool]) -> dict[str, Any]:
    """What is explained once the rows that the worker commits are as they should be."""

    def once() -> dict[str, Any]:
        code, out, err = ask("explain", *arguments, "--json")
        assert code in {0, 1}, err
        found: dict[str, Any] = json.loads(out)
        return found

    return eventually(once, wanted)


def test_a_line_is_explained_by_the_very_events_that_led_to_it(
    pipeline: Pipeline, ask: Ask
) -> None:
    visitor, account = new_subject(0, "visitor"), new_subject(1)
    before = word(CartItemAdded, visitor, sku="tea", quantity=2)
    log_in = word(IdentifiersLinked, visitor, identifiers=(account,))
    other = word(CartItemAdded, account, sku="cup", quantity=1)
    after = word(CartItemAdded, account, channel="app", sku="tea", quantity=1)
    places = put(pipeline, "carts", other, before, log_in)
    of_account = of_key(account)
    pipeline.tail(SYNC_TOPICS["carts"]).until(
        lambda m: of_account(m) and any(line["sku"] == "tea" for line in decoded(m)["lines"])
    )
    places += put(pipeline, "carts", after)

    found = explained(ask, account, "--line", "tea", wanted=lambda f: f["shown"] == {"line tea": 3})
    assert found["replayed_otherwise"] == [] and found["unfound"] == []
    told = [
        (e["event_id"], e["via"], e["changes"][0]["before"], e["changes"][0]["after"])
        for e in found["events"]
    ]
    assert told == [
        (before.event_id, "direct", None, 2),
        (log_in.event_id, "handed_over", None, 2),
        (after.event_id, "direct", 2, 3),
    ]
    where = [(e["topic"], e["partition"], e["offset"]) for e in found["events"]]
    assert where == [tuple(places[1]), tuple(places[2]), tuple(places[3])]
    assert found["events"][1]["changes"][0]["rule"].endswith("cart_merge = join")
    assert visitor not in json.dumps(found)

    by_alias = explained(ask, visitor, "--line", "tea", wanted=lambda f: bool(f["events"]))
    assert by_alias["redirects"] == [visitor]
    assert f'"{account}"' not in json.dumps(by_alias)
    shown = explained(ask, visitor, "--merge", "--show-values", wanted=lambda f: bool(f["events"]))
    assert shown["key"] == account and shown["redirects"] == [visitor]
    (link,) = shown["events"]
    assert (link["event_id"], link["changes"][0]["after"]) == (log_in.event_id, account)


def test_which_links_made_one_customer_is_explained_with_the_letters_that_told_of_them(
    pipeline: Pipeline, ask: Ask
) -> None:
    account, card = new_subject(0), new_subject(1, "loyalty")
    other = new_subject(2, "loyalty")
    scanned = word(IdentifiersLinked, card, identifiers=(other,), reason="card_scanned")
    log_in = word(IdentifiersLinked, other, identifiers=(account,))
    hat = word(CartItemAdded, card, sku="hat", quantity=1)
    put(pipeline, "carts", hat, scanned, log_in)

    found = explained(
        ask,
        *(account, "--show-values", "--all"),
        wanted=lambda f: f["shown"].get("line hat") == 1 and len(f["identifiers"]) == 2,
    )
    assert set(found["identifiers"]) == {card, other}
    assert found["replayed_otherwise"] == [] and found["unfound"] == []
    moves = {
        (e["entity"], e["event_id"], e["via"], change["after"])
        for e in found["events"]
        for change in e["changes"]
        if change["what"] == "account"
    }
    # whichever of the cards has the smaller key was the root until the account was known
    smaller, larger = sorted((card, other))
    assert {(entity, event, after) for entity, event, _, after in moves} >= {
        (larger, scanned.event_id, smaller),
        (smaller, log_in.event_id, account),
        (larger, log_in.event_id, account),
    }
    assert any(via == "linked" for _, _, via, _ in moves)
    rules = {c["rule"] for e in found["events"] for c in e["changes"] if c["what"] == "account"}
    assert all(rule.startswith("links count surest first") for rule in rules)
    hats = [e["via"] for e in found["events"] for c in e["changes"] if c["what"] == "line hat"]
    assert hats[0] == "direct" and set(hats[1:]) == {"handed_over"}

    code, out, _ = ask("privacy", "access", account)
    assert code == 0
    held = json.loads(out)
    assert set(held["identifiers"]) == {card, other}
    assert [e["event_id"] for e in held["events"]].count(scanned.event_id) == 1


def order(subject: str, order_id: str) -> OrderPlaced:
    total = Money(1_200, "EUR")
    line = OrderLine(sku="tea", quantity=1, amount=total)
    return word(OrderPlaced, subject, "store", order_id=order_id, lines=(line,), total=total)


def test_what_came_by_a_card_goes_with_it_and_nobody_is_given_what_is_anothers(
    pipeline: Pipeline, ask: Ask
) -> None:
    wrong, right = new_subject(0), new_subject(1)
    card = new_subject(2, "loyalty")
    number = f"T-{uuid.uuid4().hex[:8]}"
    at = int(time.time() * 1000)
    scanned = word(IdentifiersLinked, card, identifiers=(wrong,), occurred_at=at)
    before = word(CartItemAdded, card, sku="hat", quantity=1)
    placed = order(card, number)
    said = {"kind": "call", "topic": "size", "intent": "a larger hat", "outcome": "ordered it"}
    call = word(InteractionLogged, card, "call_centre", interaction_id=f"c-{number}", **said)
    stated = word(ProfileUpdated, wrong, traits=(Trait("city", "Lyon"),))
    late = word(CartItemAdded, card, sku="cap", quantity=1, occurred_at=1_000)
    split = word(IdentifierUnlinked, card, identifiers=(wrong,), occurred_at=at + 10)
    linked = word(IdentifiersLinked, card, identifiers=(right,), occurred_at=at + 20)
    own = word(CartItemAdded, right, sku="cup", quantity=1)
    put(pipeline, "carts", scanned, before)
    put(pipeline, "orders", placed)
    put(pipeline, "interactions", call)
    put(pipeline, "profiles", stated)
    put(pipeline, "carts", own)
    for event in (late, split):
        value = codec.encode_event(event)
        pipeline.put(Sent(input_topic(event.channel), event.subject, value))
    on_its_own = explained(
        ask,
        *(card, "--order", number, "--show-values"),
        wanted=lambda f: f["key"] == card and f["shown"],
    )
    assert on_its_own["unfound"] == [] and on_its_own["replayed_otherwise"] == []
    told = [(e["event_id"], e["via"], e["entity"]) for e in on_its_own["events"]]
    assert told == [(placed.event_id, "forwarded", wrong), (split.event_id, "parted", card)]
    assert all(c["rule"] for e in on_its_own["events"] for c in e["changes"])
    assert "12.00 EUR" in ask("explain", card, "--order", number)[1]

    talked = ask("explain", card, "--interaction", f"c-{number}")[1]
    assert "call in call_centre about size, intent •••, outcome •••" in talked
    assert "takes the interactions along that came by its key" in talked
    assert "larger hat" not in talked
    rows = json.loads(ask("inspect", card, "--json")[1])["rows"]["interactions"]
    assert [one["outcome"] for one in rows[0]["value"]["interactions"]] == ["ordered it"]

    put(pipeline, "aliases", linked)

    def held(key: str) -> tuple[dict[str, Any], str]:
        code, out, err = ask("privacy", "access", key)
        assert code in {0, 1}, err
        return (json.loads(out) if out else {"rows": {}}), out

    def has_order(found: tuple[dict[str, Any], str]) -> bool:
        return any(number in row["key"] for row in found[0]["rows"].get("orders", ()))

    theirs, text = eventually(lambda: held(right), has_order)
    assert theirs["identifiers"] == [card]
    assert wrong not in text and stated.event_id not in text
    ids = [one["event_id"] for one in theirs["events"]]
    assert len(set(ids)) == len(ids)
    assert {before.event_id, placed.event_id, own.event_id, linked.event_id} <= set(ids)
    assert "a larger hat" in str(theirs["rows"]["interactions"])
    (reason,) = [one["reason"] for one in theirs["rejected"]]
    assert reason == "too_late"

    others, text = held(wrong)
    assert others["identifiers"] == [] and others["rejected"] == []
    assert [one["event_id"] for one in others["events"]] == [stated.event_id]
    for part in (card, right, number, "hat", "ordered it", before.event_id, linked.event_id):
        assert part not in text

    code, out, _ = ask("explain", wrong, "--show-values")
    assert code == 0
    assert f"{card} was part of it, and is not any more" in out
    assert "takes the orders along" in out


def test_of_a_device_that_others_use_too_a_person_is_given_what_it_did_for_them(
    pipeline: Pipeline, ask: Ask
) -> None:
    first, second = new_subject(0), new_subject(1)
    tablet = new_subject(3, "visitor")
    at = int(time.time() * 1000) - 60_000

    def did(sku: str, after: int) -> CartItemAdded:
        return word(CartItemAdded, tablet, sku=sku, quantity=1, occurred_at=at + after)

    guest, during = did("guest", 0), did("during", 20)
    log_in = word(IdentifiersLinked, tablet, identifiers=(first,), occurred_at=at + 10)
    log_out = word(IdentifierUnlinked, tablet, occurred_at=at + 30)
    nobody, later = did("nobody", 40), did("later", 60)
    other = word(IdentifiersLinked, tablet, identifiers=(second,), occurred_at=at + 50)
    put(pipeline, "carts", guest, log_in, during)
    put(pipeline, "aliases", log_out)
    put(pipeline, "carts", nobody, other, later)

    def ids(key: str) -> tuple[list[str], set[str], str]:
        code, out, err = ask("privacy", "access", key)
        assert code in {0, 1}, err
        found = json.loads(out)
        return found["identifiers"], {one["event_id"] for one in found["events"]}, out

    of_first = {one.event_id for one in (guest, log_in, during, log_out)}
    of_second = {one.event_id for one in (nobody, other, later)}
    held, events, text = eventually(lambda: ids(second), lambda f: len(f[1]) == len(of_second))
    assert (held, events) == ([tablet], of_second) and first not in text
    held, events, text = eventually(lambda: ids(first), lambda f: len(f[1]) == len(of_first))
    assert (held, events) == ([], of_first) and second not in text
    _, events, text = ids(tablet)  # whoever has it: the account that is logged in
    assert events == of_second


def test_what_was_sent_on_and_what_was_rejected_or_repeated_is_told_with_its_place(
    pipeline: Pipeline, ask: Ask
) -> None:
    card, account = new_subject(2, "loyalty"), new_subject(3)
    scanned = word(IdentifiersLinked, card, channel="store", identifiers=(account,))
    late = word(CartItemAdded, account, sku="hat", quantity=1, occurred_at=1_000)
    sent_on = word(CartItemAdded, card, channel="store", sku="tea", quantity=1)
    gone = word(CartItemRemoved, account, sku="tea", dots=(sent_on.event_id,))
    places = put(pipeline, "carts", scanned, sent_on)
    of_account = of_key(account)
    pipeline.tail(SYNC_TOPICS["carts"]).until(lambda m: of_account(m) and decoded(m)["lines"])
    put(pipeline, "carts", late, gone, gone)

    found = explained(ask, account, "--all", wanted=lambda f: len(f["events"]) >= 4)
    by_id = {}
    for event in found["events"]:
        by_id.setdefault(event["event_id"], []).append(event)
    (rejection,) = by_id[late.event_id]
    assert (rejection["outcome"], rejection["reason"]) == ("rejected", "too_late")
    (forwarded,) = by_id[sent_on.event_id]
    assert forwarded["via"] == "forwarded"
    assert (forwarded["topic"], forwarded["partition"], forwarded["offset"]) == places[1]
    first, second = by_id[gone.event_id]
    assert (first["outcome"], second["outcome"]) == ("applied", "duplicate")
    code, out, _ = ask("explain", account, "--line", "tea")
    assert code == 0
    assert "line tea: 1 → nothing" in out and "CartItemRemoved" in out


def test_traits_are_hidden_unless_they_are_asked_for(pipeline: Pipeline, ask: Ask) -> None:
    account = new_subject()
    put(pipeline, "profiles", word(ProfileUpdated, account, traits=(Trait("city", "Lyon"),)))
    hidden = explained(ask, account, "--trait", "city", wanted=lambda f: bool(f["shown"]))
    assert "Lyon" not in json.dumps(hidden)
    shown = explained(
        ask, account, "--trait", "city", "--show-values", wanted=lambda f: bool(f["shown"])
    )
    assert shown["shown"] == {"trait city": "Lyon"}
    assert "most_recent" in shown["events"][0]["changes"][0]["rule"]


def test_an_event_whose_record_is_not_read_is_named_by_the_row(
    pipeline: Pipeline, ask: Ask
) -> None:
    if not pipeline.real:
        pytest.skip("the embedded broker finds no offset by its time")
    account = new_subject()
    event = word(ProfileUpdated, account, traits=(Trait("city", "Lyon"),))
    put(pipeline, "profiles", event)
    found = explained(
        ask, account, "--since", "2099-01-01", wanted=lambda f: "trait city" in f["shown"]
    )
    assert found["events"] == []
    assert [one["event_id"] for one in found["unfound"]] == [event.event_id]
    assert "trait city" in found["replayed_otherwise"]
    assert any("--since" in note for note in found["notes"])
    for about in (("--line", "nix"), ("--trait", "nix"), ("--consent", "email/nix")):
        code, _, err = ask("explain", account, *about)
        assert (code, "nothing is known of" in err) == (1, True), about
    assert ask("explain", account, "--consent", "fax")[0] == 2


def test_of_a_key_that_nobody_has_nothing_is_known(pipeline: Pipeline, ask: Ask) -> None:
    code, _, err = ask("explain", new_subject())
    assert code == 1
    assert "nothing is known" in err
    assert ask("explain", "nobody")[0] == 2
    assert ask("privacy", "consents", new_subject())[0] == 1
    assert ask("privacy", "access", new_subject())[0] == 1


def consent(subject: str, status: str, at: int) -> ConsentChanged:
    return word(
        ConsentChanged,
        subject,
        occurred_at=at,
        contact_point="5f" * 32,
        contact_channel="email",
        purpose="newsletter",
        status=status,
        proof=ConsentProof("f-1", "web", at),
    )


def test_the_history_of_consents_has_each_word_and_what_holds(pipeline: Pipeline, ask: Ask) -> None:
    account = new_subject()
    now = int(time.time() * 1000)
    words = [consent(account, "granted", now - 2_000), consent(account, "withdrawn", now - 1_000)]
    older = consent(account, "granted", now - 3_000)
    places = put(pipeline, "consents", *words, older)

    def history() -> Any:
        code, out, err = ask("privacy", "consents", account, "--json")
        return json.loads(out) if code in {0, 1} else err

    found = eventually(history, lambda f: bool(f["holding"]))
    assert [one["said"]["status"] for one in found["words"]] == ["granted", "withdrawn", "granted"]
    assert [one["took_effect"] for one in found["words"]] == [True, True, False]
    assert [one["offset"] for one in found["words"]] == [place.offset for place in places]
    (holding,) = found["holding"]["consents"]
    assert (holding["status"], holding["event_id"]) == ("withdrawn", words[1].event_id)
    assert holding["proof"]["form_version"] == "f-1"


def test_all_that_is_held_is_given_as_json_and_as_a_page(
    pipeline: Pipeline, ask: Ask, tmp_path: Path
) -> None:
    visitor, account = new_subject(None, "visitor"), new_subject()
    viewed = word(CartItemAdded, visitor, sku="<b>tea</b>", quantity=2)
    log_in = word(IdentifiersLinked, visitor, identifiers=(account,))
    stated = word(ProfileUpdated, account, traits=(Trait("city", "Lyon"),))
    put(pipeline, "carts", viewed, log_in)
    put(pipeline, "profiles", stated)
    page = tmp_path / "page.html"

    def held() -> Any:
        code, out, err = ask("privacy", "access", account, "--page", str(page))
        return json.loads(out) if code == 0 else {"rows": {}, "err": err}

    found = eventually(held, lambda f: {"carts", "profiles"} <= f["rows"].keys())
    assert found["identifiers"] == [visitor]
    assert {viewed.event_id, log_in.event_id, stated.event_id} <= {
        one["event_id"] for one in found["events"]
    }
    assert found["rows"]["profiles"][0]["traits"][0]["statements"][0]["value"] == "Lyon"
    html = page.read_text()
    assert "Lyon" in html and visitor in html and "<b>tea</b>" not in html
    assert page.stat().st_mode & 0o077 == 0


def test_an_import_ends_as_profiles_and_once_more_publishes_nothing(
    pipeline: Pipeline, ask: Ask, tmp_path: Path
) -> None:
    mark = uuid.uuid4().hex[:8]
    points = ContactPoints(Settings.load())
    crm = tmp_path / "crm.csv"
    crm.write_text(
        "id,number,mail,tel,city,optin,updated\n"
        f"c1,{mark},Ada{mark}@Example.org,,Lyon,1,2020-05-01T10:00:00Z\n"
        f"c2,null,x@example.org,,Lyon,1,2020-05-01T10:00:00Z\n"
    )
    loyalty = tmp_path / "loyalty.csv"
    loyalty.write_text(
        "card,customer,email,town,size,changed\n"
        f"k{mark},,ada{mark}@example.org,Paris,41,2021-05-01T10:00:00Z\n"
    )
    (tmp_path / "crm.toml").write_text(CRM_MAP)
    (tmp_path / "loyalty.toml").write_text(LOYALTY_MAP)
    account = f"customer:{mark}"
    command = ("import", "customers", str(crm), "--map", str(tmp_path / "crm.toml"), "--json")

    code, out, _ = ask(*command, "--dry-run")
    assert code == 1  # a row was rejected
    counted = json.loads(out)
    assert counted["rejected"] == {"bad_account": 1} and counted["published"] is None
    assert counted["matches"]["named"] == 1

    told = tmp_path / "problems.jsonl"
    assert json.loads(ask(*command, "--problems", str(told))[1])["published"] == 3
    assert json.loads(told.read_text()) == {"line": 3, "column": "number", "reason": "bad_account"}
    pipeline.tail(SYNC_TOPICS["profiles"]).until(of_key(account))
    pipeline.tail(SYNC_TOPICS["consents"]).until(of_key(account))
    pipeline.tail(SYNC_TOPICS["aliases"]).until(of_key(points.email_key(f"ada{mark}@example.org")))
    assert json.loads(ask(*command)[1])["published"] == 0  # it was done

    command = ("import", "customers", str(loyalty), "--map", str(tmp_path / "loyalty.toml"))
    counted = json.loads(ask(*command, "--json")[1])
    assert counted["matches"] == {"named": 0, "found": 1, "unmatched": 0, "links_known": 1}

    def city(message: Any) -> bool:
        return of_key(account)(message) and any(
            trait["name"] == "city" and trait["values"][0]["value"] == "Paris"
            for trait in decoded(message)["traits"]
        )

    synced = decoded(pipeline.tail(SYNC_TOPICS["profiles"]).until(city))
    assert {trait["name"] for trait in synced["traits"]} == {"city", "shoe_size"}

    (tmp_path / "crm.csv.import.json").unlink()
    assert json.loads(ask(*command, "--json")[1])["published"] == 0
    of_loyalty = [one for one in rejected(pipeline.settings.kafka.bootstrap) if mark in str(one)]
    assert of_loyalty == []
    told.write_text("this is no file of progress")
    code, _, err = ask(*command, "--state", str(told))
    assert code == 2 and "no file of progress" in err


def test_an_import_that_cannot_begin_publishes_nothing(ask: Ask, tmp_path: Path) -> None:
    crm, mapping = tmp_path / "crm.csv", tmp_path / "crm.toml"
    crm.write_text("id,number\n1,2\n")
    mapping.write_text(CRM_MAP)
    code, out, err = ask("import", "customers", str(crm), "--map", str(mapping))
    assert (code, out) == (2, "")
    assert "no column 'updated'" in err
    mapping.write_text(CRM_MAP.replace('"call_centre"', '"telex"'))
    code, _, err = ask("import", "customers", str(crm), "--map", str(mapping))
    assert code == 4 and "there is no channel 'telex'" in err
    code, _, err = ask("import", "customers", str(crm), "--map", str(mapping), "--offline")
    assert code == 2
