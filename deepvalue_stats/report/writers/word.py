"""A page as a Word document that a reader can restyle and a screen reader can follow."""

from __future__ import annotations

from io import BytesIO
from math import ceil
from typing import Any

from deepvalue_stats.report.drawing import INK
from deepvalue_stats.report.markup import Content, Group, Html, Table, plain
from deepvalue_stats.report.strips import Picture
from deepvalue_stats.report.writers.archive import without_times
from deepvalue_stats.report.writers.document import Document, Heading, Paragraph
from deepvalue_stats.report.writers.extras import library
from deepvalue_stats.report.writers.pictures import WIDE, png
from deepvalue_stats.report.writers.printed import notes

FONT = "Arial"
SIZES = {"Normal": 10, "Caption": 10, "Title": 19, "Heading 1": 14, "Heading 2": 12}
PAGE, MARGIN = (21.0, 29.7), 2.0
CELL, NOTE = 9.0, 8.5
LETTER = 0.0185 * CELL
"""Centimetres of a letter in a cell."""
SHORT_LINES = 18
WIDEST = 40
"""Characters of a cell beyond which a longer text asks for no more width."""
RULE, GROUP = "9AA5B1", "EEF1F4"


def write_word(document: Document) -> bytes:
    """A page as a Word document.

    Parameters
    ----------
    document : Document

    Returns
    -------
    bytes
        A4, upright for a summary and on its side for a technical report; British English; the
        title among its properties; tables with a caption, a heading row that repeats, and words
        for every picture. Equal documents give equal bytes: it holds no time.

    Raises
    ------
    DataError
        If python-docx is not installed.
    """
    return _Writer(document, library("docx")).bytes()


class _Writer:
    """One Word document while it is written; `w` makes elements in Word's own language."""

    def __init__(self, document: Document, docx: Any) -> None:
        self.document, self.docx = document, docx
        self.oxml, self.cm, self.pt = docx.oxml, docx.shared.Cm, docx.shared.Pt
        self.word = docx.Document()
        self.tables = 0
        wide = PAGE if document.kind == "summary" else PAGE[::-1]
        self.across = wide[0] - 2 * MARGIN - 0.25
        self._page(wide)
        self._styles()
        self._properties()

    def bytes(self) -> bytes:
        """The whole document, packed."""
        for block in self.document.blocks:
            if isinstance(block, Heading):
                style = "Title" if block.level == 1 else f"Heading {min(block.level - 1, 2)}"
                self.word.add_paragraph(block.text, style=style)
            elif isinstance(block, Paragraph):
                self._paragraph(block)
            else:
                self._table(block)
        out = BytesIO()
        self.word.save(out)
        return without_times(out.getvalue())

    def w(self, name: str, **attributes: str) -> Any:
        """An element such as `w:tblHeader`, with attributes of the same namespace."""
        element = self.oxml.OxmlElement(f"w:{name}")
        for key, value in attributes.items():
            element.set(self.oxml.ns.qn(f"w:{key}"), value)
        return element

    def _page(self, wide: tuple[float, float]) -> None:
        section = self.word.sections[0]
        section.page_width, section.page_height = (self.cm(one) for one in wide)
        if wide[0] > wide[1]:
            section.orientation = self.docx.enum.section.WD_ORIENT.LANDSCAPE
        for side in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
            setattr(section, side, self.cm(MARGIN))
        foot = section.footer.paragraphs[0]
        foot.alignment = self.docx.enum.text.WD_ALIGN_PARAGRAPH.CENTER
        field = self.w("fldSimple", instr="PAGE")
        foot.add_run("Page ").font.size = self.pt(NOTE)
        number = self.word.styles.element.makeelement(self.oxml.ns.qn("w:r"))
        field.append(number)
        foot._p.append(field)
        self.docx.text.run.Run(number, foot).text = "1"
        self.docx.text.run.Run(number, foot).font.size = self.pt(NOTE)

    def _styles(self) -> None:
        styles = self.word.styles
        for style in styles.element.iter(self.oxml.ns.qn("w:rFonts")):
            # a theme's font would win over the one that is named
            for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
                style.attrib.pop(self.oxml.ns.qn(f"w:{theme}"), None)
            for kind in ("ascii", "hAnsi", "cs", "eastAsia"):
                style.set(self.oxml.ns.qn(f"w:{kind}"), FONT)
        for name, size in SIZES.items():
            styles[name].font.size = self.pt(size)
            styles[name].font.name = FONT
        ink = self.docx.shared.RGBColor.from_string(INK.removeprefix("#").upper())
        black = self.docx.shared.RGBColor(0x0B, 0x0C, 0x0C)
        for name in ("Title", "Heading 1", "Heading 2"):
            styles[name].font.color.rgb = ink
            styles[name].paragraph_format.keep_with_next = True
            styles[name].paragraph_format.space_before = self.pt(12)
            styles[name].paragraph_format.space_after = self.pt(4)
        caption = styles["Caption"]
        caption.font.color.rgb, caption.font.bold = black, True
        caption.paragraph_format.keep_with_next = True
        caption.paragraph_format.space_before, caption.paragraph_format.space_after = (
            self.pt(10), self.pt(4))  # fmt: skip
        styles["Normal"].paragraph_format.space_after = self.pt(6)
        for border in list(styles["Title"].element.iter(self.oxml.ns.qn("w:pBdr"))):
            border.getparent().remove(border)

    def _properties(self) -> None:
        for lang in self.word.styles.element.iter(self.oxml.ns.qn("w:lang")):
            lang.set(self.oxml.ns.qn("w:val"), self.document.language)
        package = self.word.part.package
        for name, related in list(package.rels.items()):
            if related.reltype.endswith("/thumbnail"):  # of the empty template
                package.rels.pop(name)
        core = self.word.core_properties
        core.title, core.language = self.document.title, self.document.language
        core.author, core.comments, core.keywords = "", self.document.source, ""
        core.last_modified_by, core.revision = "", 1
        for name in ("dcterms:created", "dcterms:modified"):
            for time in core._element.findall(self.oxml.ns.qn(name)):
                core._element.remove(time)

    def _paragraph(self, block: Paragraph) -> None:
        style = "List Bullet" if block.style == "point" else "Normal"
        paragraph = self.word.add_paragraph(style=style)
        self._runs(paragraph, block)
        if block.style in ("note", "code", "figure"):
            for run in paragraph.runs:
                run.font.size = self.pt(NOTE)
        if block.style == "code":
            for run in paragraph.runs:
                run.font.name = "Courier New"
        if block.style == "status":
            paragraph._p.get_or_add_pPr().append(self._shade(GROUP))

    def _runs(self, paragraph: Any, block: Paragraph) -> None:
        for one in block.runs:
            run = paragraph.add_run(one.text)
            run.bold = one.bold or None

    def _shade(self, colour: str) -> Any:
        return self.w("shd", val="clear", color="auto", fill=colour)

    def _table(self, table: Table) -> None:
        self.tables += 1
        self._caption(table)
        widths = _widths(table, self.across)
        grid = self.word.add_table(rows=1, cols=len(table.columns))
        grid.autofit = False
        self._frame(grid, table, widths)
        self._row(grid.rows[0], [column.heading for column in table.columns], table, header=True)
        for row in table.rows:
            fresh = grid.add_row()
            if isinstance(row, Group):
                self._group(fresh, row)
            else:
                self._row(fresh, row, table)
        self._size(grid, widths)
        self._keep(grid, _lines(table, widths))
        self._under(table)

    def _caption(self, table: Table) -> None:
        caption = self.word.add_paragraph(style="Caption")
        caption.add_run(f"Table {self.tables}: {table.caption}")
        if table.explained:
            rest = caption.add_run()
            rest.add_break()
            rest.add_text(table.explained)
            rest.bold = False

    def _frame(self, grid: Any, table: Table, widths: list[float]) -> None:
        """What the table is for those who do not see it, its rules, and its width."""
        properties = grid._tbl.tblPr
        borders = self.w("tblBorders")
        for side in ("top", "bottom", "insideH"):
            borders.append(self.w(side, val="single", sz="4", space="0", color=RULE))
        look = properties.find(self.oxml.ns.qn("w:tblLook"))
        if look is not None:
            properties.remove(look)
        for old in properties.findall(self.oxml.ns.qn("w:tblW")):
            properties.remove(old)
        layout = properties.find(self.oxml.ns.qn("w:tblLayout"))
        layout.addprevious(self.w("tblW", w=str(_twips(sum(widths))), type="dxa"))
        layout.addprevious(self.w("tblInd", w="70", type="dxa"))
        layout.addprevious(borders)
        margins = self.w("tblCellMar")
        for side in ("left", "right"):
            margins.append(self.w(side, w="70", type="dxa"))
        layout.addnext(margins)
        margins.addnext(self.w("tblLook", val="0020", firstRow="1", firstColumn="1", lastRow="0",
                               lastColumn="0", noHBand="1", noVBand="1"))  # fmt: skip
        properties.append(self.w("tblCaption", val=table.caption))
        properties.append(self.w("tblDescription", val=_described(table)))

    def _row(self, row: Any, cells: Any, table: Table, *, header: bool = False) -> None:
        properties = row._tr.get_or_add_trPr()
        properties.append(self.w("cantSplit"))
        if header:
            properties.append(self.w("tblHeader"))
        align = self.docx.enum.text.WD_ALIGN_PARAGRAPH
        for place, (cell, content) in enumerate(zip(row.cells, cells, strict=True)):
            paragraph = self._cell_paragraph(cell)
            if table.columns[place].numeric:
                paragraph.alignment = align.RIGHT
            if isinstance(content, Picture):
                self._picture(paragraph, content)
                continue
            run = paragraph.add_run(plain(content))
            run.font.size = self.pt(CELL)
            run.bold = header or place == 0 or _strong(content) or None

    def _cell_paragraph(self, cell: Any) -> Any:
        paragraph = cell.paragraphs[0]
        paragraph.paragraph_format.space_before = self.pt(2)
        paragraph.paragraph_format.space_after = self.pt(2)
        cell.vertical_alignment = self.docx.enum.table.WD_CELL_VERTICAL_ALIGNMENT.CENTER
        return paragraph

    def _picture(self, paragraph: Any, picture: Picture) -> None:
        drawn = paragraph.add_run().add_picture(BytesIO(png(picture)), width=self.cm(WIDE))
        about = drawn._inline.docPr
        about.set("descr", picture.label)
        about.set("name", picture.label)

    def _group(self, row: Any, group: Group) -> None:
        row._tr.get_or_add_trPr().append(self.w("cantSplit"))
        whole = row.cells[0].merge(row.cells[-1]) if len(row.cells) > 1 else row.cells[0]
        whole._tc.get_or_add_tcPr().append(self._shade(GROUP))
        run = self._cell_paragraph(whole).add_run(plain(group.name))
        run.font.size, run.bold = self.pt(CELL), True

    def _size(self, grid: Any, widths: list[float]) -> None:
        """Widths in the grid and in every cell: programs differ in which of them they heed."""
        for column, width in zip(grid._tbl.tblGrid.gridCol_lst, widths, strict=True):
            column.w = self.cm(width)
        for row in grid._tbl.tr_lst:
            if len(row.tc_lst) == len(widths):
                for cell, width in zip(row.tc_lst, widths, strict=True):
                    cell.width = self.cm(width)
            else:
                row.tc_lst[0].width = self.cm(sum(widths))

    def _keep(self, grid: Any, lines: int) -> None:
        """A short table stays on one page with its caption and notes."""
        rows = list(grid._tbl.tr_lst)
        kept = rows if lines <= SHORT_LINES else [*rows[:2], *rows[2:][-1:]]
        for row in kept:
            for cell in row.tc_lst:
                for paragraph in cell.p_lst:
                    paragraph.get_or_add_pPr().get_or_add_keepNext()

    def _under(self, table: Table) -> None:
        said = [
            *notes(table, pictures=True),
            *([f"Source: {table.source}"] if table.source else []),
        ]
        for place, note in enumerate(said):
            paragraph = self.word.add_paragraph()
            paragraph.paragraph_format.space_before = self.pt(4 if place == 0 else 0)
            paragraph.paragraph_format.space_after = self.pt(8 if place == len(said) - 1 else 2)
            paragraph.paragraph_format.keep_with_next = place < len(said) - 1
            paragraph.add_run(note).font.size = self.pt(NOTE)


def _strong(content: Content) -> bool:
    return isinstance(content, Html) and content.text.startswith("<strong")


def _described(table: Table) -> str:
    rows = sum(not isinstance(row, Group) for row in table.rows)
    headings = ", ".join(column.heading for column in table.columns)
    return f"{rows} rows; columns: {headings}."


def _lines(table: Table, widths: list[float]) -> int:
    """Printed lines of a table, about."""
    rows = [row for row in table.rows if not isinstance(row, Group)]
    tallest = (
        max(
            ceil(len(plain(cell)) * LETTER / (width - 0.3))
            for cell, width in zip(row, widths, strict=True)
        )
        for row in rows
    )
    return sum(max(1, lines) for lines in tallest) + len(table.rows) - len(rows)


def _twips(centimetres: float) -> int:
    return round(centimetres / 2.54 * 1440)


def _widths(table: Table, across: float) -> list[float]:
    """Centimetres for each column: its longest word at least, the rest where there is much text."""
    letter, bold = LETTER, 1.16 * LETTER
    least: list[float] = []
    wanted: list[float] = []
    whole: list[float] = []
    for place, column in enumerate(table.columns):
        cells = [row[place] for row in table.rows if not isinstance(row, Group)]
        if any(isinstance(cell, Picture) for cell in cells):
            for kept in (least, wanted, whole):
                kept.append(WIDE + 0.3)
            continue
        texts = [plain(cell) for cell in cells] or [""]
        unbroken = texts if column.numeric else [word for text in texts for word in text.split()]
        heading = bold * max(map(len, column.heading.split()), default=1)
        wide = bold if place == 0 else letter
        longest = max(map(len, [column.heading, *texts]))
        least.append(max(heading, wide * max(map(len, unbroken), default=1)) + 0.45)
        wanted.append(max(least[-1], wide * min(longest, WIDEST) + 0.45))
        whole.append(max(wanted[-1], wide * longest + 0.45))
    return shared(shared(least, wanted, across), whole, across)


def shared(least: list[float], wanted: list[float], across: float) -> list[float]:
    """Share a width among columns.

    Examples
    --------
    >>> shared([1.0, 1.0], [1.0, 5.0], 4.0)
    [1.0, 3.0]
    >>> shared([4.0, 4.0], [4.0, 4.0], 4.0)
    [2.0, 2.0]
    """
    if sum(least) >= across:
        return [across * one / sum(least) for one in least]
    more = [max(want - low, 0.0) for want, low in zip(wanted, least, strict=True)]
    total = sum(more)
    share = min(1.0, (across - sum(least)) / total) if total else 0.0
    return [low + share * one for low, one in zip(least, more, strict=True)]
