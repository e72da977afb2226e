"""Pieces of a page: escaped text, tables with captions and scopes, figures with words for them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Html:
    """Markup that shows itself in a notebook and on a page.

    Attributes
    ----------
    text : str
        Safe markup: whatever came from outside was escaped when it was put in.
    """

    text: str

    def _repr_html_(self) -> str:
        return self.text

    def __add__(self, other: Html) -> Html:
        return Html(f"{self.text}\n{other.text}")


Content = str | Html
"""Plain text, which is escaped, or markup, which is not."""


def safe(content: Content) -> str:
    """Markup of a content, with plain text escaped.

    Examples
    --------
    >>> safe("a < b"), safe(Html("<b>c</b>"))
    ('a &lt; b', '<b>c</b>')
    """
    return content.text if isinstance(content, Html) else escape(content)


def tag(name: str, content: Content, /, **attributes: str) -> Html:
    """One element; `class_` stands for class and underscores for hyphens.

    Examples
    --------
    >>> tag("p", "1 < 2", class_="note").text
    '<p class="note">1 &lt; 2</p>'
    """
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
    )
    return Html(f"<{name}{words}>{safe(content)}</{name}>")


def join(parts: Iterable[Html]) -> Html:
    """Several pieces, one after the other."""
    return Html("\n".join(part.text for part in parts))


def bullets(items: Iterable[Content], class_: str = "points") -> Html:
    """A list of sentences."""
    return tag("ul", join(tag("li", item) for item in items), class_=class_)


@dataclass(frozen=True)
class Column:
    """A heading of a table, and whether figures stand under it."""

    heading: str
    numeric: bool = False
    class_: str = ""

    def classes(self) -> dict[str, str]:
        """The class attribute of its cells, where there is one."""
        names = " ".join(name for name in ("number" if self.numeric else "", self.class_) if name)
        return {"class_": names} if names else {}


@dataclass(frozen=True)
class Group:
    """A line in a table that names the rows below it."""

    name: str


Row = Sequence[Content] | Group

SHORT = 16
"""Tables up to this many rows are never divided between two printed pages."""


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    explained: str = "",
    notes: Iterable[Content] = (),
    class_: str = "",
) -> Html:
    """A table with a caption, and a scope on every heading.

    Parameters
    ----------
    caption : str
        What the table shows, in one line; the page numbers it.
    columns : sequence of Column
    rows : sequence of Row
        Cells in the order of the columns, the first of which is the row's heading; or a `Group`.
    explained : str
        A second line of the caption, as the unit.
    notes : iterable of Content
        Printed under the table.
    class_ : str

    Returns
    -------
    Html
        The table in a region that scrolls on its own where the window is narrow.
    """
    head = join(tag("th", c.heading, scope="col", **c.classes()) for c in columns)
    title = tag("strong", caption, class_="title")
    small = tag("span", explained, class_="explained") if explained else Html("")
    inner = join(
        [
            tag("caption", title + small),
            tag("thead", tag("tr", head)),
            *_bodies(columns, rows),
        ]
    )
    region = tag(
        "div",
        tag("table", inner, **({"class_": class_} if class_ else {})),
        class_="scroll",
        role="region",
        tabindex="0",
        aria_label=caption,
    )
    under = join(tag("p", note, class_="note") for note in notes)
    return tag("div", region + under, class_="table short" if len(rows) <= SHORT else "table")


def _bodies(columns: Sequence[Column], rows: Sequence[Row]) -> list[Html]:
    bodies: list[list[Html]] = [[]]
    for row in rows:
        if isinstance(row, Group):
            heading = tag("th", row.name, scope="rowgroup", colspan=str(len(columns)))
            bodies.append([tag("tr", heading, class_="group")])
        else:
            bodies[-1].append(_row(columns, row))
    return [tag("tbody", join(body)) for body in bodies if body]


def _row(columns: Sequence[Column], cells: Sequence[Content]) -> Html:
    first, *rest = cells
    heading = tag("th", first, scope="row", **columns[0].classes())
    others = (tag("td", c, **k.classes()) for k, c in zip(columns[1:], rest, strict=True))
    return tag("tr", join([heading, *others]))


@dataclass(frozen=True)
class Figure:
    """A drawing with its caption and the words for those who do not see it.

    Attributes
    ----------
    svg : str
        The drawing.
    alt : str
        What it shows, written from the data. Required.
    caption : str
    """

    svg: str
    alt: str
    caption: str

    def __post_init__(self) -> None:
        if not self.alt.strip() or not self.caption.strip():
            raise ValueError("a figure needs words for those who do not see it, and a caption")

    def html(self) -> Html:
        """The figure as an image that fetches nothing."""
        code = base64.b64encode(self.svg.encode("utf-8")).decode("ascii")
        image = f'<img src="data:image/svg+xml;base64,{code}" alt="{escape(self.alt)}">'
        caption = tag("figcaption", tag("strong", self.caption, class_="title"))
        return tag("figure", caption + Html(image))

    def _repr_html_(self) -> str:
        return self.html().text
