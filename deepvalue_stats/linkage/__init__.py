"""Who was rated when, what happened next, and who is missing from the answer."""

from deepvalue_stats.linkage.continuity import continuity_table
from deepvalue_stats.linkage.engine import DuckDB, Engine, Spark, brought_here, engine_of
from deepvalue_stats.linkage.flow import flow_table, sources_table
from deepvalue_stats.linkage.linking import Linked, link, linkage_sql, rating_fates
from deepvalue_stats.linkage.links import resolve_links, with_minimum
from deepvalue_stats.linkage.probabilistic import candidate_links
from deepvalue_stats.linkage.pseudonyms import key_id, pseudonym, pseudonymise, read_key
from deepvalue_stats.linkage.quality import linkage_table
from deepvalue_stats.linkage.ratings import FATES
from deepvalue_stats.linkage.rows import model_rows
from deepvalue_stats.linkage.standards import open_questions, standards_table

__all__ = [
    "FATES",
    "DuckDB",
    "Engine",
    "Linked",
    "Spark",
    "brought_here",
    "candidate_links",
    "continuity_table",
    "engine_of",
    "flow_table",
    "key_id",
    "link",
    "linkage_sql",
    "linkage_table",
    "model_rows",
    "open_questions",
    "pseudonym",
    "pseudonymise",
    "rating_fates",
    "read_key",
    "resolve_links",
    "sources_table",
    "standards_table",
    "with_minimum",
]
