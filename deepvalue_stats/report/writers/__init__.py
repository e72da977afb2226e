"""Other forms of the two pages: Word, spreadsheet, LaTeX, Markdown and CSV."""
