"""Folders saved by `datasets`, served by the hub, or with a file or folder for each class."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dnasweep.data.names import LABEL_NAMES, SPLIT_NAMES, label_in_name, split_in_name
from dnasweep.data.source import Source
from dnasweep.errors import InputError
from dnasweep.formats.content import file_errors
from dnasweep.formats.detection import ENDINGS, ending, stem
from dnasweep.formats.paths import entries_of, user_path

KNOWN = frozenset(e for endings in ENDINGS.values() for e in endings)
"""Extensions of files that may contain sequences."""

_TABLES = frozenset(e for kind in ("delimited", "json", "columnar") for e in ENDINGS[kind])
_ABOUT = re.compile(r"(?:readme|licen[cs]e|citation|changelog)(?:\.\w+)?$", re.IGNORECASE)
_SHARD = re.compile(r"(?P<split>\w+?)[-.](?P<number>\d{4,6})-of-(?P<total>\d{4,6})(?:-\w+)?")


def data_files(entries: Iterable[Path]) -> list[Path]:
    """Return the files that may contain sequences, by their extensions."""
    return [p for p in entries if ending(p) in KNOWN and p.is_file()]


def is_split_folder(path: Path) -> bool:
    """Return whether a path is a folder named after a split."""
    return path.name.lower() in SPLIT_NAMES and path.is_dir()


def saved_files(folder: Path) -> list[Source]:
    """Return the Arrow files, with splits, of a folder saved by `datasets` with `save_to_disk`.

    Raises
    ------
    InputError
        For a folder that lacks files in its own list.
    """
    if (folder / "dataset_dict.json").is_file():
        names = _read_json(folder / "dataset_dict.json").get("splits", [])
        found = [(str(name), _saved(folder / str(name))) for name in names]
    elif (folder / "state.json").is_file():
        state = _read_json(folder / "state.json")
        found = [(str(state.get("_split") or ""), _saved(folder))]
    else:
        return []
    return [
        Source(file, split=SPLIT_NAMES.get(name.lower(), ""))
        for name, files in found
        for file in files
    ]


def label_tables(entries: Sequence[Path]) -> list[Source]:
    """Return the tables of a folder that has a FASTA file for each of them, with its sequences.

    In DeepSTARR's folder, `Sequences_activity_Train.txt` has the labels of `Sequences_Train.fa`. A folder with
    folders or files named after splits and classes is none of these.

    Parameters
    ----------
    entries
        The files and folders in it.
    """
    files = [file for file in data_files(entries) if not _ABOUT.match(file.name)]
    numbered = [p for p in entries if p.is_dir() and (p.name.isdecimal() or _is_class(p))]
    if numbered or any(map(is_split_folder, entries)) or any(map(_is_class, files)):
        return []
    tables: dict[str, list[Path]] = {}
    fasta: dict[str, list[Path]] = {}
    for file in files:
        kind = fasta if ending(file) in ENDINGS["fasta"] else tables
        if kind is tables and ending(file) not in _TABLES:
            continue
        kind.setdefault(split_in_name(file), []).append(file)
    pairs = [(split, tables[split], fasta[split]) for split in tables if split in fasta]
    if len(pairs) != len(tables | fasta) or any(len(t) + len(f) != 2 for _, t, f in pairs):
        return []
    return [Source(table[0], split=split, sequences=one[0]) for split, table, one in pairs]


def _is_class(path: Path) -> bool:
    return label_in_name(path) is not None


def _saved(folder: Path) -> list[Path]:
    state = _read_json(folder / "state.json")
    files = [
        folder / str(one["filename"])
        for one in state.get("_data_files", [])
        if isinstance(one, dict) and "filename" in one
    ]
    missing = next((file for file in files if not file.is_file()), None)
    if missing or not files:
        raise InputError(
            f"lacks {missing.name if missing else 'files of data'}, which its state.json lists",
            file=folder,
            remedy="Copy the folder again.",
        )
    return files


def _read_json(path: Path) -> dict[str, Any]:
    with file_errors(path, remedy="Copy the folder again."):
        text = path.read_text(encoding="utf-8", errors="replace")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(
            "is not a JSON file of datasets", file=path, remedy="Copy the folder again."
        )
    return found


def shards(entries: Sequence[Path]) -> list[Source]:
    """Return the files that are numbered parts of splits, such as train-00000-of-00002.parquet.

    Raises
    ------
    InputError
        If a part is missing.
    """
    found: list[Source] = []
    seen: dict[tuple[str, int], set[int]] = {}
    for file in data_files(entries):
        match = _SHARD.fullmatch(stem(file))
        if match and match["split"].lower() in SPLIT_NAMES:
            found.append(Source(file, split=SPLIT_NAMES[match["split"].lower()]))
            seen.setdefault((match["split"], int(match["total"])), set()).add(int(match["number"]))
    for (name, total), numbers in seen.items():
        if missing := set(range(total)) - numbers:
            raise InputError(
                f"part {min(missing) + 1} of {total} of the {name} split is missing",
                file=found[0].path.parent,
                remedy="Download all parts.",
            )
    return found


def class_sources(folder: Path, entries: Sequence[Path]) -> list[Source]:
    """Return the files of classes in folders of splits, or in folders of classes without splits.

    In a folder named train or test, files or folders positive and negative are the classes 1 and 0; other
    names are class names if they are the same in all splits. A single file there contains the rows of the
    split, and numbered files are its parts. Folders of classes without splits are also read; those with
    names other than positive and negative must contain only FASTA or text files.

    Raises
    ------
    InputError
        If a split lacks a class that another split has.
    """
    splits = [p for p in entries if is_split_folder(p)]
    if not splits:
        folders = [p for p in entries if p.is_dir()]
        inside = [p for p in folders if p.name.lower() in LABEL_NAMES]
        if not inside and len(folders) > 1 and not data_files(entries):
            inside = folders if all(map(_holds_sequences_alone, folders)) else []
        return [s for p in inside for s in _class_folder(p, "")]
    held = {p: _classes(entries_of(p)) for p in splits}
    if not all(held.values()):
        return []
    names = {name for classes in held.values() for name in classes}
    plain = names <= LABEL_NAMES.keys()
    numbered = all(map(str.isdecimal, names))
    files = [path for classes in held.values() for path in classes.values() if path.is_file()]
    if not plain and (all(len(classes) == 1 for classes in held.values()) or (numbered and files)):
        # One file, or numbered parts, for each split.
        return [
            Source(path, split=SPLIT_NAMES[split.name.lower()])
            for split, classes in held.items()
            for path in classes.values()
            if path in files
        ]
    for split, classes in held.items():
        if lacking := names - set(classes):
            raise InputError(
                f"the folder {split.name} has no {min(lacking)}, which another split has",
                file=folder,
                remedy="Use the same names of classes in all splits.",
            )
    found = [
        source
        for split, classes in held.items()
        for path in classes.values()
        for source in _class_folder(path, SPLIT_NAMES[split.name.lower()])
    ]
    return [s._replace(class_name="") for s in found] if plain else found


def _classes(entries: Sequence[Path]) -> dict[str, Path]:
    """Return the files and folders that may be classes, by name; some of positive and negative only."""
    files = {stem(p).lower(): p for p in data_files(entries)}
    folders = {p.name.lower(): p for p in entries if p.is_dir()}
    if told := {n: p for n, p in {**files, **folders}.items() if n in LABEL_NAMES}:
        return told
    return folders if len(folders) > 1 and not files else files


def _holds_sequences_alone(folder: Path) -> bool:
    """Return whether a folder contains only FASTA or text files of sequences, no tables or splits."""
    entries = entries_of(folder)
    return (
        bool(entries)
        and all(p.is_file() and ending(p) in {*ENDINGS["fasta"], "txt"} for p in entries)
        and not any(stem(p).lower() in SPLIT_NAMES for p in entries)
    )


def _class_folder(path: Path, split: str) -> list[Source]:
    """Return the file of a class, or the files of its folder; text files of one sequence are grouped."""
    name = stem(path) if path.is_file() else path.name
    label = LABEL_NAMES.get(name.lower())
    made = Source(path, label=label, split=split, class_name=name)
    if path.is_file():
        return [made]
    inside = [p for p in entries_of(path) if p.is_file() and not _ABOUT.match(p.name)]
    files = [p for p in inside if ending(p) in KNOWN - {"txt"}]
    if not files:
        texts = tuple(user_path(p) for p in inside if ending(p) in ("txt", ""))
        if not texts:
            raise InputError("the folder of a class contains no sequences", file=path)
        return [made._replace(files=texts)]
    return [made._replace(path=file) for file in files]
