"""Pseudonyms of a million rows beside hashing every row, and of an id beside `hmac.new`."""

from __future__ import annotations

import argparse
import hashlib
import hmac
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from deepvalue_stats.linkage.pseudonyms import _mapped, keyed

KEY = bytes(range(32))


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def bare(ids: Sequence[str]) -> list[str]:
    """The bare loop over two pre-keyed states."""
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in KEY.ljust(64, b"\0")))
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in KEY.ljust(64, b"\0")))
    found = []
    for one in ids:
        first, last = inner.copy(), outer.copy()
        first.update(one.encode())
        last.update(first.digest())
        found.append(last.hexdigest()[:32])
    return found


def by_hmac(ids: Sequence[str]) -> list[str]:
    """The standard library's own HMAC."""
    return [hmac.new(KEY, one.encode(), hashlib.sha256).hexdigest()[:32] for one in ids]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ids", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    distinct = [f"{i:010d}" for i in range(wanted.ids)]
    rows = pd.Series(np.repeat(distinct, 10)).sample(frac=1, random_state=1)
    hashed = keyed(KEY)
    assert [hashed(one) for one in distinct[:100]] == by_hmac(distinct[:100])
    peers = {
        "a bare loop over two pre-keyed states, distinct ids": lambda: bare(distinct),
        "hmac.new, distinct ids": lambda: by_hmac(distinct),
        "a bare loop, every row": lambda: bare(rows.tolist()),
    }
    print(f"{len(rows)} rows of {len(distinct)} ids, CPU, median of {wanted.rounds} rounds")
    for name, peer in peers.items():
        pairs = [(cpu(lambda: _mapped(rows, hashed)), cpu(peer)) for _ in range(wanted.rounds)]
        ratio = statistics.median(ours / theirs for ours, theirs in pairs)
        seconds = statistics.median(ours for ours, _ in pairs)
        print(f"ours {seconds:.2f} s, {ratio:.2f} of {name}")
    many = [f"{i:010d}" for i in range(len(rows))]
    alone = pd.Series(many)
    pairs = [(cpu(lambda: _mapped(alone, hashed)), cpu(lambda: bare(many)))
             for _ in range(wanted.rounds)]  # fmt: skip
    print(f"a column of {len(many)} ids, each once: "
          f"{statistics.median(a / b for a, b in pairs):.2f} of the bare loop")  # fmt: skip
    one = [(cpu(lambda: [*map(hashed, distinct)]), cpu(lambda: bare(distinct)))
           for _ in range(wanted.rounds)]  # fmt: skip
    print(f"an id alone: {statistics.median(a / b for a, b in one):.2f} of the bare loop")


if __name__ == "__main__":
    main()
