"""Exact optima of the multilevel logit oracle cases by a slow and independent route.

Kept so that the block `exact` of every expected/multilevel_*.json can be made again:
`python tests/oracle/exact_laplace.py [case ...]` computes it and writes it in place. It shares no
code with the package: the Hessian of the random effects is one dense matrix; its gradient
comes from the implicit function theorem on dense matrices, that of the quadrature from complex
steps. Both are polished by Newton steps until the gradient is nought to rounding; second
derivatives are differences of fourth order of exact gradients.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from formulaic import model_matrix
from multilevel_cases import LOGIT, Case, path_of
from scipy import linalg, optimize, sparse, special, stats

COMPLEX_STEP = 1e-20
SHARE_OF_ERROR = 1e-2
PROFILED = ("cbpp_laplace",)


@dataclass(frozen=True)
class Bar:
    """One random part: its group, the rows' codes, the effects' columns and their names."""

    group: str
    levels: list[Any]
    codes: np.ndarray
    columns: np.ndarray
    names: list[str]

    @property
    def effects(self) -> int:
        return self.columns.shape[1]

    @property
    def free(self) -> tuple[np.ndarray, np.ndarray]:
        columns, rows = np.triu_indices(self.effects)
        return rows, columns


@dataclass(frozen=True)
class Problem:
    """Rows of a binomial multilevel model."""

    names: list[str]
    x: np.ndarray
    successes: np.ndarray
    trials: np.ndarray
    bars: list[Bar]

    @property
    def constant(self) -> float:
        m, y = self.trials, self.successes
        chosen = special.gammaln(m + 1) - special.gammaln(y + 1) - special.gammaln(m - y + 1)
        return float(chosen.sum())

    @property
    def parts(self) -> list[int]:
        return [bar.effects * (bar.effects + 1) // 2 for bar in self.bars]


def problem_of(case: Case) -> Problem:
    frame = case.data()
    outcome, right = (side.strip() for side in case.formula.split("~"))
    found = re.findall(r"\(([^()|]+)\|([^()|]+)\)", right)
    fixed = re.sub(r"\+?\s*\([^()|]+\|[^()|]+\)", "", right).strip() or "1"
    x = model_matrix(fixed, frame)
    m = np.ones(len(frame)) if case.weights is None else frame[case.weights].to_numpy(float)
    bars = []
    for effects, group in found:
        codes, levels = pd.factorize(frame[group.strip()], sort=True)
        z = model_matrix(effects, frame)
        bars.append(Bar(group.strip(), list(levels), codes, z.to_numpy(float), list(z)))
    y = frame[outcome].to_numpy(float)
    return Problem(list(x), x.to_numpy(float), y, m, bars)


def loglik_of_rows(eta: np.ndarray, y: np.ndarray, m: np.ndarray) -> np.ndarray:
    far = np.where(eta.real > 0, eta, 0)
    return y * eta - m * (far + np.log1p(np.exp(eta - 2 * far)))


class DenseLaplace:
    """Minus the log-likelihood by Laplace, with its gradient, for any random parts."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.p = problem.x.shape[1]
        self.sizes = [len(bar.levels) * bar.effects for bar in problem.bars]
        self.u = np.zeros(sum(self.sizes))

    def factors(self, theta: np.ndarray) -> list[np.ndarray]:
        out, start = [], 0
        for bar, size in zip(self.problem.bars, self.problem.parts, strict=True):
            factor = np.zeros((bar.effects, bar.effects))
            factor[bar.free] = theta[start : start + size]
            out.append(factor)
            start += size
        return out

    def spread(self, values: list[np.ndarray]) -> sparse.csr_array:
        """Rows by random effects, from the values of each part's columns."""
        n, start, blocks = len(self.problem.trials), 0, []
        for bar, part, size in zip(self.problem.bars, values, self.sizes, strict=True):
            q = bar.effects
            rows = np.repeat(np.arange(n), q)
            cols = (bar.codes[:, None] * q + np.arange(q)).ravel()
            blocks.append(sparse.csr_array((part.ravel(), (rows, cols)), shape=(n, size)))
            start += size
        return sparse.csr_array(sparse.hstack(blocks))

    def design(self, theta: np.ndarray) -> sparse.csr_array:
        bars = self.problem.bars
        scaled = zip(bars, self.factors(theta), strict=True)
        return self.spread([bar.columns @ factor for bar, factor in scaled])

    def slopes(self) -> list[sparse.csr_array]:
        """Derivative of the design by each element of theta."""
        out = []
        for which, bar in enumerate(self.problem.bars):
            for row, col in zip(*bar.free, strict=True):
                parts = [np.zeros_like(other.columns) for other in self.problem.bars]
                parts[which][:, col] = bar.columns[:, row]
                out.append(self.spread(parts))
        return out

    def modes(self, fixed: np.ndarray, design: sparse.csr_array) -> tuple[np.ndarray, ...]:
        y, m, u = self.problem.successes, self.problem.trials, self.u
        value = self._penalised(u, fixed, design)
        for _ in range(200):
            mu = special.expit(fixed + design @ u)
            w = m * mu * (1 - mu)
            h = np.eye(len(u)) + (design.T @ (design * w[:, None])).toarray()
            chol = linalg.cho_factor(h, lower=True)
            score = design.T @ (y - m * mu) - u
            step = linalg.cho_solve(chol, score)
            if score @ step < 1e-24:
                break
            share = 1.0
            while share > 1e-6:
                new = self._penalised(u + share * step, fixed, design)
                if new <= value + 1e-12 * abs(value):
                    break
                share /= 2
            u, value = u + share * step, new
        self.u = u
        return u, mu, w, chol

    def _penalised(self, u: np.ndarray, fixed: np.ndarray, design: sparse.csr_array) -> float:
        rows = loglik_of_rows(fixed + design @ u, self.problem.successes, self.problem.trials)
        return float(u @ u / 2 - rows.sum())

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        beta, theta = point[: self.p], point[self.p :]
        x, y, m = self.problem.x, self.problem.successes, self.problem.trials
        design = self.design(theta)
        u, mu, w, chol = self.modes(x @ beta, design)
        value = self._penalised(u, x @ beta, design) + np.log(np.diag(chol[0])).sum()
        inverse = linalg.cho_solve(chol, np.eye(len(u)))
        half = design @ inverse
        h = np.asarray(design.multiply(half).sum(axis=1)).ravel()
        s = w * (1 - 2 * mu) * h / 2
        r = y - m * mu
        pulled = x - half @ (design.T @ (w[:, None] * x))
        grad = [pulled.T @ s - x.T @ r]
        for slope in self.slopes():
            direct = slope @ u
            move = inverse @ (slope.T @ r - design.T @ (w * direct))
            trace = w @ np.asarray(slope.multiply(half).sum(axis=1)).ravel()
            grad.append([trace - r @ direct + s @ (direct + design @ move)])
        return float(value - self.problem.constant), np.concatenate(grad)

    def effects(self, point: np.ndarray) -> dict[str, dict[str, Any]]:
        """Conditional modes and standard deviations by group, effects in order."""
        self(point)
        design = self.design(point[self.p :])
        u, _, _, chol = self.modes(self.problem.x @ point[: self.p], design)
        inverse = linalg.cho_solve(chol, np.eye(len(u)))
        out: dict[str, dict[str, Any]] = {}
        start = 0
        parts = zip(self.problem.bars, self.factors(point[self.p :]), self.sizes, strict=True)
        for bar, factor, size in parts:
            q = bar.effects
            there = out.setdefault(bar.group, {})
            for j in range(min(5, len(bar.levels))):
                here = slice(start + j * q, start + (j + 1) * q)
                mode = factor @ u[here]
                sd = np.sqrt(np.diag(factor @ inverse[here, here] @ factor.T))
                told = there.setdefault(str(bar.levels[j]), {})
                for name, b, error in zip(bar.names, mode, sd, strict=True):
                    told |= {name: float(b), f"{name}_se": float(error)}
            start += size
        return out


class Quadrature:
    """Minus the log-likelihood of one scalar intercept by adaptive Gauss-Hermite quadrature."""

    def __init__(self, problem: Problem, points: int) -> None:
        bar = problem.bars[0]
        order = np.argsort(bar.codes, kind="stable")
        self.codes = bar.codes[order]
        self.x, self.y, self.m = problem.x[order], problem.successes[order], problem.trials[order]
        self.starts = np.flatnonzero(np.diff(self.codes, prepend=-1))
        self.constant = problem.constant
        self.nodes, self.weights = special.roots_hermite(points)
        self.u = np.zeros(len(self.starts))

    def value(self, point: np.ndarray) -> complex:
        beta, theta = point[:-1], point[-1]
        fixed = self.x @ beta
        u = self.u.astype(point.dtype)
        for turn in range(60):
            p = 1 / (1 + np.exp(-(fixed + theta * u[self.codes])))
            score = theta * np.add.reduceat(self.y - self.m * p, self.starts) - u
            h = 1 + theta**2 * np.add.reduceat(self.m * p * (1 - p), self.starts)
            u = u + score / h
            # imaginary parts settle a step after real ones
            if turn > 3 and np.abs(score).max() < 1e-13:
                break
        if not np.iscomplexobj(u):
            self.u = u
        eta = fixed + theta * u[self.codes]
        p = 1 / (1 + np.exp(-eta))
        h = 1 + theta**2 * np.add.reduceat(self.m * p * (1 - p), self.starts)
        at = u[:, None] + np.sqrt(2 / h)[:, None] * self.nodes
        eta = fixed[:, None] + theta * at[self.codes]
        rows = loglik_of_rows(eta, self.y[:, None], self.m[:, None])
        logs = np.add.reduceat(rows, self.starts, axis=0) - at**2 / 2
        logs = logs + self.nodes**2 + np.log(self.weights)
        top = logs.real.max(axis=1)
        total = top + np.log(np.exp(logs - top[:, None]).sum(axis=1)) - np.log(h * np.pi) / 2
        return -(total.sum() + self.constant)

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        grad = np.empty(len(point))
        value = float(self.value(point))
        for k in range(len(point)):
            moved = point.astype(complex)
            moved[k] += 1j * COMPLEX_STEP
            grad[k] = self.value(moved).imag / COMPLEX_STEP
        return value, grad


Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]


def hessian(objective: Objective, point: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Second derivatives by differences of fourth order of exact gradients."""
    columns = []
    for k, error in enumerate(errors):
        step = np.zeros(len(point))
        step[k] = SHARE_OF_ERROR * error
        near = objective(point + step)[1] - objective(point - step)[1]
        wide = objective(point + 2 * step)[1] - objective(point - 2 * step)[1]
        columns.append((8 * near - wide) / (12 * step[k]))
    full = np.array(columns)
    return (full + full.T) / 2


def optimum(objective: Objective, start: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, ...]:
    """Best point and the second derivatives there; the gradient is nought to rounding."""

    def scaled(z: np.ndarray) -> tuple[float, np.ndarray]:
        value, grad = objective(start + scale * z)
        return value, grad * scale

    found = optimize.minimize(
        scaled, np.zeros(len(start)), jac=True, method="BFGS", options={"gtol": 1e-5}
    )
    point = start + scale * found.x
    errors = scale
    for _ in range(4):
        second = hessian(objective, point, errors)
        errors = np.sqrt(np.diag(linalg.inv(second)))
        grad = objective(point)[1]
        if np.abs(grad * errors).max() < 1e-9:
            break
        point = point - linalg.solve(second, grad, assume_a="pos")
    return point, second, np.abs(objective(point)[1] * errors).max()


def profile(objective: Objective, point: np.ndarray, second: np.ndarray, k: int) -> list[float]:
    """Where the deviance, least over all other parameters, is chi-squared's 95% point higher."""
    errors = np.sqrt(np.diag(linalg.inv(second)))
    least = objective(point)[0]
    others = np.arange(len(point)) != k

    def beyond(z: float) -> float:
        def free(rest: np.ndarray) -> tuple[float, np.ndarray]:
            moved = point.copy()
            moved[k] += z * errors[k]
            moved[others] += rest * errors[others]
            value, grad = objective(moved)
            return value - least, (grad * errors)[others]

        best = optimize.minimize(
            free, np.zeros(others.sum()), jac=True, method="BFGS", options={"gtol": 1e-8}
        )
        return 2 * float(best.fun) - stats.chi2.ppf(0.95, 1)

    ends = [optimize.brentq(beyond, *reach, xtol=1e-10) for reach in ((-4, -1), (1, 4))]
    return [float(point[k] + z * errors[k]) for z in ends]


def start_of(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients without random effects, standard deviations of one, and a scale of each."""
    beta = np.zeros(problem.x.shape[1])
    for _ in range(50):
        mu = special.expit(problem.x @ beta)
        w = problem.trials * mu * (1 - mu)
        information = problem.x.T @ (w[:, None] * problem.x)
        score = problem.x.T @ (problem.successes - problem.trials * mu)
        beta = beta + linalg.solve(information, score, assume_a="pos")
    theta = np.concatenate([(np.equal(*bar.free)).astype(float) for bar in problem.bars])
    errors = np.sqrt(np.diag(linalg.inv(information)))
    return np.concatenate([beta, theta]), np.concatenate([errors, np.full(len(theta), 0.2)])


def components(problem: Problem, theta: np.ndarray) -> list[dict[str, Any]]:
    out = []
    for bar, factor in zip(problem.bars, DenseLaplace(problem).factors(theta), strict=True):
        cov = factor @ factor.T
        sd = np.sqrt(np.diag(cov))
        for k, name in enumerate(bar.names):
            out.append({"group": bar.group, "term": name, "std_dev": float(sd[k])})
            out += [
                {
                    "group": bar.group,
                    "term": bar.names[j],
                    "term2": name,
                    "correlation": float(cov[k, j] / sd[k] / sd[j]),
                }
                for j in range(k)
            ]
    return out


def exact(case: Case, begin: list[float] | None = None) -> dict[str, Any]:
    """Everything that is frozen of a case.

    Parameters
    ----------
    case : Case
    begin : list of float, optional
        Coefficients and elements of theta to begin from; without random effects when None.

    Returns
    -------
    dict
    """
    problem = problem_of(case)
    start, scale = start_of(problem)
    dense = DenseLaplace(problem)
    points = case.quadrature_points
    objective: Objective = dense if points == 1 else Quadrature(problem, points)
    point, second, slope = optimum(objective, start if begin is None else np.asarray(begin), scale)
    p = len(problem.names)
    # both signs of a column of Lambda give the same model: its diagonal is told as positive
    factors = [held * np.where(np.diag(held) < 0, -1, 1) for held in dense.factors(point[p:])]
    pairs = zip(factors, problem.bars, strict=True)
    point[p:] = np.concatenate([held[bar.free] for held, bar in pairs])
    cov = linalg.inv(second)
    value = objective(point)[0]
    fixed = problem.x @ point[:p]
    dense(point)
    whole = fixed + dense.design(point[p:]) @ dense.u
    count = len(point)
    return {
        "quadrature_points": points,
        "terms": problem.names,
        "params": point[:p].tolist(),
        "se": np.sqrt(np.diag(cov))[:p].tolist(),
        "vcov": cov[:p, :p].tolist(),
        "theta": point[p:].tolist(),
        "theta_se": np.sqrt(np.diag(cov))[p:].tolist(),
        "variance_components": components(problem, point[p:]),
        "loglik": -value,
        "aic": 2 * value + 2 * count,
        "bic": 2 * value + np.log(len(problem.trials)) * count,
        "n_obs": len(problem.trials),
        "n_groups": {bar.group: len(bar.levels) for bar in problem.bars},
        "largest_gradient_in_errors": float(slope),
        "conditional_modes": dense.effects(point),
        "predictions_of_first_rows": {
            "typical": special.expit(fixed[:6]).tolist(),
            "conditional": special.expit(whole[:6]).tolist(),
        },
    }


def profiles(case: Case, told: dict[str, Any]) -> dict[str, list[float]]:
    """Profile intervals of every parameter of a model with one random intercept."""
    dense = DenseLaplace(problem_of(case))
    point = np.array(told["params"] + told["theta"])
    errors = np.array(told["se"] + told["theta_se"])
    second = hessian(dense, point, errors)
    return {
        name: profile(dense, point, second, k) for k, name in enumerate([*told["terms"], "std_dev"])
    }


def main(names: list[str]) -> None:
    for name in names or list(LOGIT):
        path = path_of(name)
        told = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        before = told.get("exact")
        begin = before and before["params"] + before["theta"]
        told["exact"] = exact(LOGIT[name], begin)
        if name in PROFILED:
            told["exact"]["profile"] = profiles(LOGIT[name], told["exact"])
        path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        print(name, told["exact"]["loglik"], told["exact"]["largest_gradient_in_errors"])


if __name__ == "__main__":
    main(sys.argv[1:])
