"""The rules of the clock in plain loops: slow, and short enough to be checked by reading.

Rows are dictionaries, days are whole numbers after day 0, a missing value is None. The result has
the columns of the package's analysis table, with `index` as a day.
"""

import math
import statistics
from itertools import pairwise, zip_longest

NEVER = 10**9


def by_hand(plan, tables, day_0=0):
    """Rows by client, the fate of each rating, and how many episodes there are at each step."""
    episodes = every_episode(plan, tables, day_0)
    first = analysed(episodes)
    shares = shares_of(plan, episodes)
    rows = {client: row_of(plan, first[client], tables, shares) for client in sorted(first)}
    ratings = tables["ratings"]
    fates = [fate(plan, one, tables, first.get(one["client"])) for one in ratings]
    indexed = sum(one["index"] is not None for one in episodes)
    return rows, fates, {"episodes": len(episodes), "index": indexed, "first": len(first)}


def every_episode(plan, tables, day_0=0):
    clients = sorted({row["client"] for rows in tables.values() for row in rows})
    episodes = [one for client in clients for one in episodes_of(plan, client, tables)]
    return [one | {"index": index_of(plan, one, tables, day_0)} for one in episodes]


def analysed(episodes):
    """The first episode of each client that has an index."""
    return {one["client"]: one for one in reversed(episodes) if one["index"] is not None}


# --- episodes ------------------------------------------------------------------------------------


def numbered(rows, client, day):
    """The dated rows of a client, in time and then in the order of the file, with their lines."""
    mine = [(row[day], n, row) for n, row in enumerate(rows) if row["client"] == client]
    return sorted((one for one in mine if one[0] is not None), key=lambda one: one[:2])


def episodes_of(plan, client, tables):
    spec = plan.clock.episodes
    found = built(spec, client, tables) if spec.gap_days else listed(spec, client, tables)
    for number, episode in enumerate(found):
        after = found[number + 1] if number + 1 < len(found) else None
        episode |= {"client": client, "episode": number + 1}
        episode["next"] = after["start"] if after else None
    if spec.contacts:
        for episode in found:
            until = min(end_of(episode), NEVER if episode["next"] is None else episode["next"] - 1)
            episode["met"] = [
                (day, n, row)
                for day, n, row in numbered(tables["contacts"], client, "day")
                if episode["start"] <= day <= until
            ]
    return found


def end_of(episode):
    return NEVER if episode["end"] is None else episode["end"]


def built(spec, client, tables):
    found, known = [], None
    for day, n, row in numbered(tables["contacts"], client, "day"):
        changes = spec.practitioner == "split" and None not in (known, row["who"])
        changes = changes and known != row["who"]
        runs = found and day - found[-1]["met"][-1][0] <= spec.gap_days
        if runs and not changes:
            found[-1]["met"].append((day, n, row))
        else:
            found.append({"start": day, "met": [(day, n, row)]})
        known = (row["who"] or known) if runs else row["who"]
    for episode, after in zip_longest(found, found[1:]):
        open_to = episode["met"][-1][0] + spec.gap_days
        episode["end"] = min(open_to, after["start"] - 1) if after else open_to
    return found


def listed(spec, client, tables):
    found, runs_to = [], -NEVER
    for start, n, row in numbered(tables["spells"], client, "start"):
        overlaps = found and start < runs_to
        runs_to = max(runs_to, NEVER if row["end"] is None else row["end"])
        if overlaps and spec.overlap == "keep_first":
            continue
        if found and spec.overlap == "split" and start < end_of(found[-1]):
            found[-1]["end"] = start
        found.append({"start": start, "end": row["end"], "met": [(start, n, row)]})
    return found


def index_of(plan, episode, tables, day_0):
    clock = plan.clock
    if clock.index == "episode_start":
        return episode["start"]
    if clock.index == "date":
        day = clock.index_day - day_0
        return day if episode["start"] <= day <= end_of(episode) else None
    inside = [
        day
        for day, _, _ in numbered(tables["ratings"], episode["client"], "day")
        if episode["start"] <= day < (NEVER if episode["next"] is None else episode["next"])
    ]
    return inside[clock.index_rating - 1] if len(inside) >= clock.index_rating else None


def day_of(plan, anchor, episode):
    name, offset = anchor
    if name == "exposure_end":
        return day_of(plan, plan.clock.exposure.end, episode) + offset
    return (episode["index"] if name == "index" else episode["start"]) + offset


# --- whose, and how continuous -------------------------------------------------------------------


def window(plan, episode):
    last = day_of(plan, plan.clock.exposure.end, episode)
    return [row for day, _, row in episode["met"] if day <= last]


def practitioner_of(plan, episode):
    # a listed episode names its practitioner itself, also where the window ends before it begins
    rows = [row for *_, row in episode["met"]] if listed_alone(plan) else window(plan, episode)
    order = [row["who"] for row in rows if row["who"] is not None]
    if not order:
        return None
    if plan.clock.episodes.practitioner == "majority":
        return min(set(order), key=lambda who: (-order.count(who), order.index(who)))
    return order[0]


def listed_alone(plan):
    """Whether episodes come from a table, and no contacts are read."""
    return plan.clock.episodes.date is None and plan.clock.episodes.contacts is None


def continuity_of(plan, episode):
    if listed_alone(plan):
        return {}
    order = [row["who"] for row in window(plan, episode) if row["who"] is not None]
    counts, n = [order.count(who) for who in set(order)], len(order)
    indices = {"upc": None, "coc": None, "secon": None}
    if n >= 3:
        pairs = sum(one * (one - 1) for one in counts)
        same = sum(a == b for a, b in pairwise(order))
        indices = {"upc": max(counts) / n, "coc": pairs / (n * (n - 1)), "secon": same / (n - 1)}
    seen = {
        "contacts": len(episode["met"]),
        "contacts_seen": n or None,
        "practitioners_seen": len(counts) or None,
    }
    return {**seen, **{name: value(one) for name, one in indices.items()}}


def shares_of(plan, episodes):
    if not any(one.type == "share" for one in plan.covariates.values()):
        return {}
    flags = {}
    for episode in episodes:
        if episode["index"] is None:
            continue
        for row in window(plan, episode):
            if row["who"] is not None and row["flag"] is not None:
                flags.setdefault(row["who"], []).append(row["flag"])
    return {who: value(sum(given) / len(given)) for who, given in flags.items()}


# --- ratings -------------------------------------------------------------------------------------


def events_of(client, tables, since):
    days = [row["start"] for row in tables["outcomes"] if row["client"] == client]
    return [day for day in days if day is not None and day >= since]


def fate(plan, rating, tables, episode):
    exposure, day = plan.clock.exposure, rating["day"]
    if day is None:
        return 5
    if episode is None:
        return 4
    landmark = day_of(plan, plan.clock.follow_up.start, episode)
    if day < max(day_of(plan, exposure.start, episode), episode["start"]):
        return 2
    if day > day_of(plan, exposure.end, episode) or landmark - day < exposure.lag_days:
        return 3
    events = events_of(rating["client"], tables, episode["start"])
    return 1 if events and day >= min(events) else 0


def exposure_of(plan, episode, tables):
    rule = plan.clock.exposure
    rows = [
        (day, row["score"])
        for day, _, row in numbered(tables["ratings"], episode["client"], "day")
        if fate(plan, row, tables, episode) == 0
    ][: rule.early]
    scored = [(day, one) for day, one in rows if one is not None]
    enough = len(scored) >= rule.minimum_ratings
    record = {"rapport__ratings": len(scored), "rapport": None, "rapport__why": ""}
    for name in rule.also:
        if name != "n":
            record[f"rapport__{name}"] = value(summary(name, scored)) if enough else None
    if enough:
        record["rapport"] = value(summary(rule.summary, scored))
        if record["rapport"] is None:
            record["rapport__why"] = "all ratings in the exposure window on one day"
        return record
    if not rows:
        why = "no rating in the exposure window"
    elif not scored:
        why = "no rating in the exposure window with enough items of rapport"
    else:
        why = f"fewer than {rule.minimum_ratings} ratings in the exposure window"
    return {**record, "rapport__why": why}


def summary(kind, scored):
    days, scores = [day for day, _ in scored], [one for _, one in scored]
    if kind == "slope":
        if len(set(days)) < 2:
            return None
        return 30 * statistics.linear_regression(days, scores).slope
    if kind == "sd":
        return statistics.stdev(scores) if len(scores) > 1 else None
    return {"first": scores[0], "last": scores[-1], "mean": sum(scores) / len(scores)}[kind]


# --- outcomes ------------------------------------------------------------------------------------


def outcome_of(plan, name, episode, tables):
    rule, after, client = plan.outcomes[name], plan.clock.follow_up, episode["client"]
    events = [row for row in tables["outcomes"] if row["client"] == client]
    days = [row["start"] for row in events if row["start"] is not None]
    start, landmark = episode["start"], day_of(plan, after.start, episode)
    last = landmark + after.days - 1
    needed = last + rule.sustained_days
    known = [row for row in tables["clients"] if row["client"] == client]
    ends = [row["last"] for row in known if row["last"] is not None]
    deaths = [row["died"] for row in known if row.get("died") is not None]
    washed = [day for day in days if start - rule.washout_days <= day < start]
    record = {}
    if rule.prior == "flag":
        record[f"{name}__baseline"] = float(bool(washed))
    why = ""
    if not events and plan.links["outcomes"].unlinked != "no_event":
        why = "no outcome record linked"
    elif washed and rule.prior == "exclude":
        why = f"outcome in the {rule.washout_days} days before the start"
    elif any(start <= day < landmark for day in days):
        why = "outcome before the landmark"
    elif after.censor and not ends:
        why = "end of the outcome record not known"
    elif after.censor and min(ends) < needed:
        why = "follow-up incomplete"
    elif after.death and deaths and min(deaths) < needed:
        why = "died before the end of follow-up"
    elif after.next_episode and episode["next"] is not None and episode["next"] <= last:
        why = "a new episode before the end of follow-up"
    if why:
        return {**record, name: None, f"{name}__why": why}
    happened = any(
        row["start"] is not None
        and landmark <= row["start"] <= last
        and (
            rule.end is None
            or row["end"] is None
            or row["end"] - row["start"] >= rule.sustained_days
        )
        for row in events
    )
    return {**record, name: float(happened), f"{name}__why": ""}


def duration_of(plan, name, episode, tables):
    """Day by day from the landmark on: was it seen, and what happened on it?"""
    if not any(m.estimator == "hazard" and m.outcome == name for m in plan.models.values()):
        return {}
    rule, after, client = plan.outcomes[name], plan.clock.follow_up, episode["client"]
    landmark, days, leave = day_of(plan, after.start, episode), f"{name}__days", f"{name}__exit"
    whole = outcome_of(plan, name, episode, tables)
    short = (
        "follow-up incomplete",
        "died before the end of follow-up",
        "a new episode before the end of follow-up",
    )
    why = whole[f"{name}__why"]
    if why and (after.incomplete == "exclude" or why not in short):
        return {days: None, f"{days}__why": why, leave: None}
    known = [row for row in tables["clients"] if row["client"] == client]
    ends = [row["last"] for row in known if row["last"] is not None] if after.censor else []
    deaths = [row["died"] for row in known if row.get("died") is not None] if after.death else []
    lasting = {
        row["start"]
        for row in tables["outcomes"]
        if row["client"] == client
        and row["start"] is not None
        and (
            rule.end is None
            or row["end"] is None
            or row["end"] - row["start"] >= rule.sustained_days
        )
    }
    seen, left = 0, 0
    for day in range(landmark, landmark + after.days):
        shown = day + rule.sustained_days
        if any(shown > end for end in ends) or any(shown > death for death in deaths):
            break
        if after.next_episode and episode["next"] is not None and day >= episode["next"]:
            break
        seen += 1
        if day in lasting:
            left = 1
            break
        if any(shown == death for death in deaths):
            left = 2
            break
    if not seen:
        return {days: None, f"{days}__why": "no day of the follow-up seen", leave: None}
    return {days: seen, f"{days}__why": "", leave: left}


def observed_of(plan, episode, tables):
    after, landmark = plan.clock.follow_up, day_of(plan, plan.clock.follow_up.start, episode)
    known = [row for row in tables["clients"] if row["client"] == episode["client"]]
    ends = [row["last"] for row in known if row["last"] is not None]
    if after.censor and not ends:
        return {"observed_days": None, "censored": None}
    stops = [landmark + after.days - 1, *(ends if after.censor else [])]
    stops += [row["died"] for row in known if after.death and row["died"] is not None]
    stops += [episode["next"] - 1] if after.next_episode and episode["next"] is not None else []
    seen = max(min(stops) - landmark + 1, 0)
    return {"observed_days": seen, "censored": int(seen < after.days)}


def row_of(plan, episode, tables, shares):
    row = {
        "client": episode["client"],
        "episode": episode["episode"],
        "index": episode["index"],
        "practitioner": practitioner_of(plan, episode),
        **continuity_of(plan, episode),
        **observed_of(plan, episode, tables),
        **exposure_of(plan, episode, tables),
    }
    for name in plan.outcomes:
        row |= outcome_of(plan, name, episode, tables)
        row |= duration_of(plan, name, episode, tables)
    for name, covariate in plan.covariates.items():
        if covariate.type == "share":
            row[name] = shares.get(row["practitioner"])
    return row


def value(number):
    return None if number is None or math.isnan(number) else round(float(number), 9)
