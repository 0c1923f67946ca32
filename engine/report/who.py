"""The outliers in words: who they are, how sure that is, or how much is missing before anybody could be noticed."""

from __future__ import annotations

from collections.abc import Iterator

from engine.outliers.measured import Outliers
from engine.report.findings import Findings
from engine.report.wording import about, count, percent


def who_lines(f: Findings) -> list[str]:
    """Return what is known about the outliers as lines of text; [] when nobody decided anything."""
    found = f.measured
    return list(_lines(found)) if found and found.people else []


def _lines(found: Outliers) -> Iterator[str]:
    if not found.found:
        yield nobody(found)
        return
    yield headline(found)
    for group in found.groups:
        yield f"  {group.words}: {percent(group.outliers, 0)} of {count(group.people)} people, mostly {group.best}"
    yield from (f"  {line}" for line in sureness(found))


def headline(found: Outliers) -> str:
    """Return how many people another message than the single best one serves better."""
    return (
        f"Outliers at {found.point}: {percent(found.share, 0)} of {count(found.people)} people "
        f"are better served by another message than {found.single}"
    )


def nobody(found: Outliers) -> str:
    """Return why there is no group, and what would be needed."""
    if found.needed:
        return f"No detectable outlier group yet at {found.point}: needs about {about(found.needed)} more decisions."
    return (
        f"No outlier group at {found.point}: in {count(found.learned)} decisions nobody is better served "
        f"by another message than {found.single}."
    )


def sureness(found: Outliers) -> Iterator[str]:
    """Yield how stable the group is, and in a simulation how right."""
    if found.stable is not None:
        yield f"{percent(found.stable, 0)} of them would have been named with what was known a week ago"
    if found.right is not None:
        right, caught = found.right
        yield (
            f"known only in a simulation: {percent(right, 0)} of them truly are, "
            f"and {percent(caught, 0)} of those who truly are were found"
        )
