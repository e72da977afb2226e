"""Pieces of a page: escaped text, tables with captions and scopes, figures with words for them.

A piece of markup remembers the tables and figures in it, so that other writers than the one of
HTML make theirs from the same descriptions.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape, unescape


@dataclass(frozen=True)
class Html:
    """Markup that shows itself in a notebook and on a page.

    Attributes
    ----------
    text : str
        Safe markup: whatever came from outside was escaped when it was put in.
    inside : tuple of Table
        The tables that were joined into it.
    """

    text: str
    inside: tuple[Table, ...] = field(default=(), repr=False, compare=False, kw_only=True)

    def _repr_html_(self) -> str:
        return self.text

    def __add__(self, other: Html) -> Html:
        return join([self, other])

    @property
    def tables(self) -> tuple[Table, ...]:
        """The descriptions of the tables in it, in the order of the page."""
        return self.inside


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


def plain(content: Content) -> str:
    """The words of a content, without markup and with single spaces.

    Examples
    --------
    >>> plain("a < b"), plain(Html("<b>c</b> &lt;<br>d"))
    ('a < b', 'c < d')
    """
    if isinstance(content, Html):
        content = unescape(re.sub(r"<[^>]*>", " ", content.text))
    return " ".join(content.split())


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
    inside = content.tables if isinstance(content, Html) else ()
    return Html(f"<{name}{words}>{safe(content)}</{name}>", inside=inside)


def join(parts: Iterable[Html]) -> Html:
    """Several pieces, one after the other."""
    pieces = list(parts)
    inside = tuple(one for piece in pieces for one in piece.tables)
    return Html("\n".join(piece.text for piece in pieces), inside=inside)


def bullets(items: Iterable[Content], class_: str = "points") -> Html:
    """A list of sentences."""
    return tag("ul", join(tag("li", item) for item in items), class_=class_)


@dataclass(frozen=True)
class Column:
    """A heading of a table, whether figures stand under it, and what these count.

    A page says the unit under its caption; forms that are read by machines say it of the column.
    """

    heading: str
    numeric: bool = False
    class_: str = ""
    unit: str = ""

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


@dataclass(frozen=True)
class Table(Html):
    """What a table says, for every writer; it shows itself as HTML.

    Attributes
    ----------
    caption : str
        What the table shows, in one line; a page numbers it.
    columns : tuple of Column
    rows : tuple of Row
        Cells in the order of the columns, the first of which is the row's heading; or a `Group`.
    explained : str
        A second line of the caption, as the unit.
    notes : tuple of Content
        Printed under the table.
    class_ : str
    source : str
        Where the numbers come from, in one line.

    Examples
    --------
    >>> one = Table(caption="Age", columns=(Column("Who"), Column("Years", True)),
    ...             rows=(("all", "40"),))
    >>> one.text.startswith('<div class="table short">'), one.tables == (one,)
    (True, True)
    """

    text: str = field(init=False, repr=False, compare=False)
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    explained: str = ""
    notes: tuple[Content, ...] = ()
    class_: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if not isinstance(row, Group) and len(row) != len(self.columns):
                raise ValueError(f"table '{self.caption}': a row has not the table's columns")
        object.__setattr__(self, "text", _written(self).text)

    @property
    def tables(self) -> tuple[Table, ...]:
        """Itself."""
        return (self,)


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    explained: str = "",
    notes: Iterable[Content] = (),
    class_: str = "",
    source: str = "",
) -> Table:
    """A table with a caption, and a scope on every heading.

    Parameters
    ----------
    caption, columns, rows, explained, notes, class_, source
        See `Table`; lists are kept as tuples.

    Returns
    -------
    Table
    """
    kept = tuple(row if isinstance(row, Group) else tuple(row) for row in rows)
    return Table(
        caption=caption,
        columns=tuple(columns),
        rows=kept,
        explained=explained,
        notes=tuple(notes),
        class_=class_,
        source=source,
    )


def _written(table: Table) -> Html:
    """The table as HTML, in a region that scrolls on its own where the window is narrow."""
    head = join(tag("th", c.heading, scope="col", **c.classes()) for c in table.columns)
    title = tag("strong", table.caption, class_="title")
    small = tag("span", table.explained, class_="explained") if table.explained else Html("")
    inner = join(
        [
            tag("caption", title + small),
            tag("thead", tag("tr", head)),
            *_bodies(table.columns, table.rows),
        ]
    )
    region = tag(
        "div",
        tag("table", inner, **({"class_": table.class_} if table.class_ else {})),
        class_="scroll",
        role="region",
        tabindex="0",
        aria_label=table.caption,
    )
    said = (*table.notes, *([f"Source: {table.source}"] if table.source else []))
    under = join(tag("p", note, class_="note") for note in said)
    return tag("div", region + under, class_="table short" if len(table.rows) <= SHORT else "table")


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
