"""Files and frames in, typed rows out, with every loss and every trouble counted."""

from deepvalue_stats.data.dataset import (
    Action,
    AttritionStep,
    Column,
    Dataset,
    Problem,
    TableSchema,
)
from deepvalue_stats.data.files import read_text_tables
from deepvalue_stats.data.ids import NORMALISER, normalised, padded
from deepvalue_stats.data.problems import problems_report, reading_notes
from deepvalue_stats.data.reading import read_data, type_tables
from deepvalue_stats.data.schema import compile_schemas, locate, wanted_columns
from deepvalue_stats.data.text import HowRead, TextTable

__all__ = [
    "NORMALISER",
    "Action",
    "AttritionStep",
    "Column",
    "Dataset",
    "HowRead",
    "Problem",
    "TableSchema",
    "TextTable",
    "compile_schemas",
    "locate",
    "normalised",
    "padded",
    "problems_report",
    "read_data",
    "read_text_tables",
    "reading_notes",
    "type_tables",
    "wanted_columns",
]
