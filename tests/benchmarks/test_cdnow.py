"""The real purchases are all there, and come out the same every time."""

from __future__ import annotations

import csv

from benchmarks import cdnow


def test_every_purchase_of_the_file_becomes_one_event():
    events = cdnow.events()
    assert (len(events), len({event.id for event in events})) == (69_659, 69_659)
    assert round(sum(event.data["total"] for event in events)) == 2_500_316
    assert len(cdnow.contacts()) == 23_570
    assert {event.contact_id for event in events} == {contact.id for contact in cdnow.contacts()}


def test_events_come_in_the_order_of_their_time_and_on_their_own_day():
    orders = cdnow.orders()
    assert [order.at for order in orders] == sorted(order.at for order in orders)
    assert cdnow.FIRST < orders[0].at < orders[-1].at < cdnow.LAST
    first = next(order for order in orders if order.id == "cdnow-00001-1")
    local = first.at.astimezone(cdnow.ZONE)
    assert (local.date().isoformat(), 9 <= local.hour < 21, first.total) == ("1997-01-01", True, 11.77)


def test_a_part_of_the_people_has_all_of_its_purchases():
    some, chosen = cdnow.events(100), set(cdnow.customers(100))
    assert {event.contact_id for event in some} == {contact.id for contact in cdnow.contacts(100)}
    assert len(some) == sum(order.customer in chosen for order in cdnow.orders())


def test_the_csv_files_say_the_same(tmp_path):
    people, bought = cdnow.write_csv(tmp_path, 10)
    with people.open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == [contact.id for contact in cdnow.contacts(10)]
    with bought.open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == [event.id for event in cdnow.events(10)]
