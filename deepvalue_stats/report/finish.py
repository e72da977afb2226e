"""From the exporter's markup to a page: sections, numbers, a contents list, and laws kept."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from bs4 import BeautifulSoup, Tag

from deepvalue_stats.errors import DataError

NO_WORDS = "No description has been provided for this image"
FETCHING = ("src", "href", "srcset", "data", "poster", "action", "background")
ALLOWED = ("#", "data:")
LINE, MUCH = 110, 63
"""Characters of a printed line; lines of a summary above which its print is set smaller."""


def finish(markup: str, *, name: str, kind: str) -> str:
    """Give the exported page its structure, and refuse one that a reader could not use.

    Parameters
    ----------
    markup : str
        From the exporter.
    name : str
        What an error calls the page.
    kind : str
        A technical or teaching page gets a list of its sections; a summary with much text is set
        smaller, so that it stays on two printed pages.

    Returns
    -------
    str

    Raises
    ------
    DataError
        See `faults`.
    """
    soup = BeautifulSoup(markup, "html.parser")
    main = soup.find("main")
    if not isinstance(main, Tag):
        raise _refused("the template has no <main>", name)
    _title(soup)
    _into_sections(soup, main)
    _number(soup, "table caption", "Table")
    _number(soup, "figure figcaption", "Figure")
    if kind != "summary":
        _add_contents(soup, main)
    elif _lines(main) > MUCH and soup.body is not None:
        soup.body["class"] = f"{kind} dense"
    for fault in faults(soup):
        raise _refused(fault, name)
    return soup.decode(formatter="minimal").replace(' viewbox="', ' viewBox="')


def _refused(fault: str, name: str) -> DataError:
    return DataError(
        f"this page cannot be published: {fault}", name, "put it right in the notebook"
    )


def _title(soup: BeautifulSoup) -> None:
    title, heading = soup.title, soup.h1
    if title is not None and heading is not None:
        title.string = f"{heading.get_text()} \u2013 {title.get_text()}"


def _into_sections(soup: BeautifulSoup, main: Tag) -> None:
    """Wrap each second-level heading and what follows it, so that print keeps them together."""
    section: Tag | None = None
    slugs: dict[str, int] = {}
    for node in list(main.contents):
        if isinstance(node, Tag) and node.name == "h2":
            node["id"] = _slug(node.get_text(), slugs)
            section = soup.new_tag("section", attrs={"aria-labelledby": str(node["id"])})
            node.insert_before(section)
        if section is not None:
            section.append(node.extract())


def _slug(text: str, used: dict[str, int]) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "section"
    used[slug] = used.get(slug, 0) + 1
    return slug if used[slug] == 1 else f"{slug}-{used[slug]}"


def _number(soup: BeautifulSoup, selector: str, kind: str) -> None:
    for number, caption in enumerate(soup.select(selector), 1):
        title = caption.select_one(".title")
        if title is not None:
            title.insert(0, f"{kind} {number}: ")


def _lines(main: Tag) -> int:
    blocks = main.select("p, li, tr")
    return sum(math.ceil(len(block.get_text()) / LINE) for block in blocks)


def _add_contents(soup: BeautifulSoup, main: Tag) -> None:
    listed = soup.new_tag("ol")
    for heading in main.find_all("h2"):
        link = soup.new_tag("a", attrs={"href": f"#{heading['id']}"})
        link.string = heading.get_text()
        line = soup.new_tag("li")
        line.append(link)
        listed.append(line)
    nav = soup.new_tag("nav", attrs={"aria-label": "Contents"})
    nav.append(listed)
    first = main.find("section")
    if isinstance(first, Tag):
        first.insert_before(nav)


def faults(soup: BeautifulSoup) -> Iterator[str]:
    """What would shut a reader out, or fetch something from a network.

    Parameters
    ----------
    soup : BeautifulSoup
        A whole page.

    Yields
    ------
    str
        One h1; a caption and scopes in every table; words for every image; nothing fetched.
    """
    if len(soup.find_all("h1")) != 1:
        yield "it needs exactly one first-level heading"
    if NO_WORDS in soup.get_text() or soup.find(alt=re.compile(NO_WORDS)):
        yield "an image has no description"
    for table in soup.find_all("table"):
        if table.find("caption") is None:
            yield "a table has no caption"
        if any(not heading.get("scope") for heading in table.find_all("th")):
            yield "a heading of a table has no scope"
    if any(not str(image.get("alt") or "").strip() for image in soup.find_all("img")):
        yield "an image has no words for those who do not see it"
    for drawing in soup.find_all("svg"):
        if drawing.get("role") != "img" or not drawing.get("aria-label"):
            yield "a drawing has no words for those who do not see it"
    yield from _fetches(soup)


def _fetches(soup: BeautifulSoup) -> Iterator[str]:
    if soup.find(["script", "iframe", "object", "embed", "link", "base"]):
        yield "it holds a script, a frame or a link to another file"
    for element in soup.find_all(True):
        for attribute in FETCHING:
            address = str(element.get(attribute) or "#")
            if element.name != "a" and not address.startswith(ALLOWED):
                yield f"<{element.name}> fetches something"
    styles = " ".join(style.get_text() for style in soup.find_all("style"))
    styles += " ".join(str(element["style"]) for element in soup.find_all(style=True))
    if re.search(r"@import|url\(\s*['\"]?(?!data:|#)", styles):
        yield "its style fetches something"
