"""Products come from a file: read, merged, refused with a reason."""

from __future__ import annotations

FEED = "Article,Title,Category,Price,colour\nS-1,Trail shoe,shoes,89.90,red\nS-2,Road shoe,shoes,99,blue\nS-2,Again,shoes,1,x\nS-3,Sock,socks,cheap,\n"


def test_a_feed_is_read_by_the_names_of_its_columns_and_what_is_wrong_is_said(shop, sojourn):
    feed = shop / "feed.csv"
    feed.write_text(FEED)
    assert sojourn("product", "import", feed).code == 2  # no column is a sku by name
    said = sojourn("product", "import", feed, "--map", "Article=sku", "--json").json["data"]
    assert (said["new"], said["rejected"]) == (2, 2)
    assert said["reasons"] == {"duplicate": 1, "bad value": 1}
    listed = sojourn("product", "list", "--family", "shoes", "--json").json["data"]
    assert listed["products"][0] == {
        "sku": "S-1",
        "name": "Trail shoe",
        "family": "shoes",
        "price": 89.9,
        "colour": "red",
    }


def test_a_second_import_changes_what_changed_and_a_dry_run_nothing(shop, sojourn):
    feed = shop / "feed.csv"
    feed.write_text("sku,name,price\nA,One,1\nB,Two,2\n")
    assert sojourn("product", "import", feed, "--dry-run", "--json").json["data"]["new"] == 2
    assert "no products yet" in sojourn("product", "list").out
    sojourn("product", "import", feed)
    feed.write_text("sku,stock\nA,7\nB,\n")
    assert (again := sojourn("product", "import", feed, "--json").json["data"])["updated"] == 1, again
    assert sojourn("product", "list", "--json").json["data"]["products"][0] == {
        "sku": "A",
        "name": "One",
        "price": 1,
        "stock": 7,
    }
