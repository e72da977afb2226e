"""Does the package tell truth from bias? Every preset of the generator, many times over.

`samples` lays out a replicate, `estimators` is the register of ways to estimate, `judging` asks the
package's own verdicts, `running` repeats this in parallel, `scoring` compares with the truth, and
`page` says in words what came of it. `plans` has the plan of each preset, and `example` goes the
long way once, from written extracts to sentences.
"""

from deepvalue_stats.bench.estimators import ESTIMATORS, Estimator
from deepvalue_stats.bench.example import run_example, write_examples
from deepvalue_stats.bench.running import BenchResults, run_bench
from deepvalue_stats.bench.scoring import preset_table, score_estimates, score_verdicts

__all__ = [
    "ESTIMATORS",
    "BenchResults",
    "Estimator",
    "preset_table",
    "run_bench",
    "run_example",
    "score_estimates",
    "score_verdicts",
    "write_examples",
]
