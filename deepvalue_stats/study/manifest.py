"""Whether the files of a run are still those that it wrote, told file by file and all at once."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deepvalue_stats.errors import DataError, LinkageError
from deepvalue_stats.folders import staged_text
from deepvalue_stats.linkage import read_key

PAGES = "pages.json"
State = Literal["as written", "changed", "missing", "not in the manifest", "not checked"]
WRONG = ("changed", "missing", "not in the manifest")


@dataclass(frozen=True)
class Check:
    """One file of a run, or one digest, and how it stands; `why` where it could not be checked."""

    name: str
    state: State
    why: str = ""


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def keyed(digest: str, key: bytes) -> str:
    """A digest that nobody without the key can confirm by guessing what it was taken of.

    Examples
    --------
    >>> keyed("0a", b"k" * 16) == keyed("0a", b"l" * 16)
    False
    """
    return hmac.new(key, digest.encode(), hashlib.sha256).hexdigest()


def write_pages(folder: Path, pages: Sequence[Path]) -> Path:
    """Keep the digests of the pages of a run beside them.

    Parameters
    ----------
    folder : Path
        Holds `findings/`; pages elsewhere are left out.
    pages : sequence of Path
        What was written now; pages that were kept before and are still there stay.

    Returns
    -------
    Path
        `pages.json`. Of a PDF it has the name alone: a PDF holds the time of its making.
    """
    place, home = folder / PAGES, folder.resolve()
    before = _read(place)["files"] if place.is_file() else {}
    kept = {name: digest for name, digest in before.items() if (folder / name).is_file()}
    here = [page for page in pages if page.resolve().parent == home]
    made = {page.name: None if page.suffix == ".pdf" else file_digest(page) for page in here}
    content = {"findings": file_digest(folder / "findings/manifest.json"), "files": kept | made}
    staged_text(place, json.dumps(content, indent=1, sort_keys=True) + "\n")
    return place


def verify_manifest(folder: Path) -> tuple[Check, ...]:
    """Compute every digest of a run anew.

    Parameters
    ----------
    folder : Path
        Holds `findings/`; `room/`, `pages.json` and the data are checked where they are there.

    Returns
    -------
    tuple of Check
        Every file, and every digest of data.

    Raises
    ------
    DataError
        If there is no manifest of findings, or a manifest cannot be read.
    """
    if not (folder / "findings/manifest.json").is_file():
        raise DataError(
            "there are no findings here", str(folder), "run the study first: deepvalue run PLAN"
        )
    public = _read(folder / "findings/manifest.json")
    checks = [*_inside(folder, "findings", public["files"])]
    checks += _pages(folder)
    if not (folder / "room/manifest.json").is_file():
        why = "the room is not here, and with it what the digest was taken of"
        checks += [Check(f"data {name}", "not checked", why) for name in public.get("data", {})]
        return tuple(checks)
    private = _read(folder / "room/manifest.json")
    checks += _inside(folder, "room", private["files"])
    checks += _data(public, private)
    return tuple(checks)


def describe_checks(checks: Sequence[Check]) -> list[str]:
    """A line for each file that is not as written, and one that counts the others."""
    lines = [
        f"{one.state}: {one.name}{f' ({one.why})' if one.why else ''}"
        for one in checks
        if one.state != "as written"
    ]
    sound = sum(one.state == "as written" for one in checks)
    return [*lines, f"{sound} of {len(checks)} as written"]


def require_unchanged(checks: Sequence[Check], folder: Path) -> None:
    """Refuse a run of which a file is changed, missing or not in its manifest.

    Raises
    ------
    DataError
    """
    wrong = sum(one.state in WRONG for one in checks)
    if wrong:
        are = "file or digest is" if wrong == 1 else "files or digests are"
        raise DataError(
            f"{wrong} {are} not what the manifests say",
            str(folder),
            "see the list; run the study again to have files that belong together",
        )


def _inside(folder: Path, part: str, files: dict[str, str]) -> Iterator[Check]:
    for name, digest in sorted(files.items()):
        yield _file(folder / part / name, f"{part}/{name}", digest)
    known = {*files, "manifest.json"}
    for path in sorted((folder / part).rglob("*")):
        name = path.relative_to(folder / part).as_posix()
        if path.is_file() and name not in known:
            yield Check(f"{part}/{name}", "not in the manifest")


def _pages(folder: Path) -> Iterator[Check]:
    """The pages beside the findings, and whether they were made from these findings."""
    kept: dict[str, Any] = {"files": {}}
    if (folder / PAGES).is_file():
        kept = _read(folder / PAGES)
        yield _file(folder / "findings/manifest.json", "findings/manifest.json",
                    str(kept.get("findings")))  # fmt: skip
    for name, digest in sorted(kept["files"].items()):
        if digest is None and (folder / name).is_file():
            yield Check(name, "not checked", "a PDF holds the time of its making")
        else:
            yield _file(folder / name, name, digest)
    known = {*kept["files"], PAGES}
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name not in known:
            yield Check(path.name, "not in the manifest")


def _data(public: dict[str, Any], private: dict[str, Any]) -> Iterator[Check]:
    """The data as they lie now, and whether both manifests speak of the same data."""
    home = Path(private["folder"])
    for name, source in private["sources"].items():
        if "sha256" in source:
            yield _file(home / source["path"], f"source {name}", source["sha256"])
        else:
            yield Check(f"source {name}", "not checked", "it is no single file beside the plan")
        told = public["data"].get(name)
        yield _same(f"data {name}", source["digest"], told)


def _same(name: str, plain: str, told: str | None) -> Check:
    if told is None:
        return Check(name, "missing")
    if hmac.compare_digest(plain, told):
        return Check(name, "as written")
    try:
        key = read_key()
    except LinkageError:
        return Check(name, "not checked", "its public digest may be keyed, and no key is here")
    match = hmac.compare_digest(keyed(plain, key), told)
    return Check(name, "as written" if match else "changed", "" if match else "or of another key")


def _file(path: Path, name: str, digest: str) -> Check:
    if not path.is_file():
        return Check(name, "missing")
    return Check(name, "as written" if file_digest(path) == digest else "changed")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("files"), dict):
        raise DataError("this manifest cannot be read", str(path), "run the study again")
    return found
