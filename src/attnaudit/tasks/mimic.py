"""Two cohorts of MIMIC-III, made from the user's own licensed NOTEEVENTS and DIAGNOSES_ICD files.

The rules are those of the published preprocessing: discharge summaries only, each admission's report and addenda
as one text, labels from ICD-9 codes. The files are read as streams and only texts of the cohort are kept; nothing
is downloaded, and no data comes with the package.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sklearn.model_selection import train_test_split

from attnaudit.errors import DataError
from attnaudit.instance import Instance
from attnaudit.spec import corpora as specs
from attnaudit.tasks.corpus import SPLITS, WHOLE, Corpus, Recipe, divided
from attnaudit.tasks.files import delimited, header, opened, refuse_absent
from attnaudit.tasks.rows import Faults, missing_columns
from attnaudit.text import TOKENISERS

RECIPE = Recipe("clinical-1", min_df=5)
SPLIT_FILES: Mapping[str, str] = {split: f"{split}_50_hadm_ids.csv" for split in SPLITS}
"""What the lists of the published split are called: admissions (HADM_ID), one a line, without a header."""

_NOTES = ("HADM_ID", "CHARTDATE", "CATEGORY", "DESCRIPTION", "ISERROR", "TEXT")
_DIAGNOSES = ("SUBJECT_ID", "HADM_ID", "ICD9_CODE")
_KINDS = {"report": 0, "addendum": 1}  # an addendum follows what it is added to, whatever its date
_LONGEST_NOTE = (
    5_000_000  # characters; real notes have less than 60 000, so more means an unclosed quotation mark
)
_WHOLE_NUMBER = re.compile(r"(\d{1,15})(?:\.0*)?")  # pandas writes a column of numbers with gaps as floats
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_ICD9 = re.compile(r"[0-9EV]\d{1,5}")
_ICD10 = re.compile(r"[A-DF-UW-Z]\d[0-9A-Z]{1,5}")
_OTHER_VERSION = {"ICD10_CODE", "ICD_CODE", "ICD_VERSION", "NOTE_ID", "NOTE_TYPE", "NOTE_SEQ"}


@dataclass(frozen=True, slots=True)
class _Admission:
    """An admission that has diagnoses: whose it is, and which of the prefixes its codes begin with."""

    subject: int
    found: frozenset[str]


def diabetes(spec: specs.Diabetes, seed: int) -> Corpus:
    """Diabetes (250.00) or not, in discharge summaries of MIMIC-III; needs your own licensed files.

    With `split_ids` the admissions are those of the published split; else all that have a discharge summary and
    diagnoses, divided by the seed.

    Raises:
        DataError: a file cannot be read, is of another version, or breaks its contract; says file and line.
    """
    chosen = _published_split(Path(spec.split_ids).expanduser()) if spec.split_ids is not None else None
    admissions, notes = _admissions(spec.diagnoses, ("25000",))
    wanted: Collection[int] = admissions
    if chosen is not None:
        wanted = {admission for admission in chosen if admission in admissions}
    texts, more = _summaries(spec.notes, wanted)
    ordered = sorted(texts, key=lambda admission: (admissions[admission].subject, admission))
    instances: dict[str, list[Instance]] = {WHOLE: []} if chosen is None else {split: [] for split in SPLITS}
    for admission in ordered:
        split = WHOLE if chosen is None else chosen[admission]
        target = int(bool(admissions[admission].found))
        instances[split].append(_instance("diabetes", admission, texts.pop(admission), target))
    if chosen is not None:
        absent = len(chosen) - len(ordered)
        notes.append(
            f"Published split: {len(chosen)} admissions are listed, {len(ordered)} of them stand in the files"
            + (f" with diagnoses and a discharge summary and {absent} do not." if absent else ".")
        )
        _refuse_empty(instances, spec.notes)
    else:
        notes.append(
            "The published split was not given (`split_ids`): all admissions with a discharge summary and diagnoses "
            "are taken, so the figures are not those of the published cohort."
        )
    kept, out = _of_length(instances, spec.above, spec.below)
    corpus = Corpus(
        "diabetes", ("no diabetes", "diabetes"), kept, recipe=RECIPE, notes=(*notes, *more, *out, _LICENCE)
    )
    _refuse_one_class(corpus, spec.diagnoses)
    return divided(corpus, seed=seed)


def anemia(spec: specs.Anemia, seed: int) -> Corpus:
    """Acute or chronic anemia (285.1, 285.2), in discharge summaries of MIMIC-III; needs your own licensed files.

    Admissions with both or neither are left out. The split is the published one: it does not depend on the seed.

    Raises:
        DataError: a file cannot be read, is of another version, or breaks its contract; says file and line.
    """
    del seed  # the published code draws with numbers of its own
    admissions, notes = _admissions(spec.diagnoses, ("2851", "2852"))
    targets = {
        admission: int(entry.found == {"2851"})
        for admission, entry in admissions.items()
        if len(entry.found) == 1
    }
    both = sum(len(entry.found) == 2 for entry in admissions.values())
    notes.append(
        f"Of {len(admissions)} admissions with diagnoses, {len(targets)} have either acute (285.1) or chronic "
        f"(285.2) anemia; {both} with both and {len(admissions) - len(targets) - both} with neither were left out."
    )
    texts, more = _summaries(spec.notes, targets)
    # the order of the published code, which its split depends on: first all chronic, then all acute
    ordered = sorted(texts, key=lambda i: (targets[i], admissions[i].subject, i))
    whole = [_instance("anemia", i, texts.pop(i), targets[i]) for i in ordered]
    corpus = Corpus("anemia", ("chronic", "acute"), {WHOLE: tuple(whole)}, recipe=RECIPE)
    _refuse_one_class(corpus, spec.diagnoses)
    rest, test = _parted(whole, 0.2, 12939)
    train, dev = _parted(rest, 0.15, 13448)
    notes.append(
        "Split as in the published code, by class: a fifth to test, 15% of the rest to development, drawn with "
        "its own seeds."
    )
    kept, out = _of_length({"train": train, "dev": dev, "test": test}, spec.above, spec.below)
    corpus = replace(corpus, splits=kept, notes=(*notes, *more, *out, _LICENCE))
    _refuse_one_class(corpus, spec.diagnoses)
    return corpus


_LICENCE = (
    "The notes are under the data use agreement of MIMIC-III: do not pass on a run folder or report with texts "
    "(`keep_text = false` leaves them out)."
)


# --- the two files ---------------------------------------------------------------------------------------


def _admissions(path_given: str, prefixes: Sequence[str]) -> tuple[dict[int, _Admission], list[str]]:
    """Admissions that have a diagnosis, with those of the prefixes that their codes begin with; and notes."""
    path = Path(path_given).expanduser()
    columns = _columns(path, _DIAGNOSES, "DIAGNOSES_ICD", _NOTES)
    faults = Faults()
    known = {prefix: frozenset({prefix}) for prefix in prefixes}
    nothing: frozenset[str] = frozenset()
    admissions: dict[int, _Admission] = {}
    empty = 0
    for line, (subject, admission, given) in delimited(path, ",", columns, faults):
        code = given.strip().upper().replace(".", "")
        if not code:
            empty += 1
            continue
        place = f"{path.name}, line {line}"
        if not _ICD9.fullmatch(code):
            if _ICD10.fullmatch(code):
                raise DataError(
                    f"{place}: `{given}` is a code of ICD-10, but the cohort is defined by ICD-9 codes. {_WANTED}"
                )
            faults.add(f"`{given[:20]}` is no ICD-9 code", place)
            continue
        numbers = _number(subject, "SUBJECT_ID", place, faults), _number(admission, "HADM_ID", place, faults)
        if numbers[0] is None or numbers[1] is None:
            continue
        found = next((known[prefix] for prefix in prefixes if code.startswith(prefix)), nothing)
        before = admissions.get(numbers[1])
        if before is None:
            admissions[numbers[1]] = _Admission(numbers[0], found)
        elif not found <= before.found:
            admissions[numbers[1]] = _Admission(before.subject, before.found | found)
    _refuse_faults(path, faults)
    if not admissions:
        raise DataError(f"{path.name}: there are no rows with a code")
    return admissions, [f"{empty} rows of diagnoses without a code were left out."] if empty else []


def _summaries(path_given: str, wanted: Collection[int]) -> tuple[dict[int, str], list[str]]:
    """The discharge summary of each wanted admission that has one, addenda behind it; and notes."""
    path = Path(path_given).expanduser()
    columns = _columns(path, _NOTES, "NOTEEVENTS", _DIAGNOSES)
    faults = Faults()
    pieces: dict[int, list[tuple[int, str, str]]] = {}
    categories: Counter[str] = Counter()
    marked = homeless = read = 0
    for line, (admission, date, category, kind, error, text) in delimited(
        path, ",", columns, faults, longest=_LONGEST_NOTE
    ):
        name = category.strip()
        categories[name if len(name) <= 40 else f"{name[:39]}…"] += 1
        if name.casefold() != "discharge summary":
            continue
        read += 1
        if error.strip() not in ("", "0", "0.0"):
            marked += 1
            continue
        if not admission.strip():
            homeless += 1
            continue
        place = f"{path.name}, line {line}"
        number = _number(admission, "HADM_ID", place, faults)
        if number is None or number not in wanted:
            continue
        if not _DATE.match(date):
            faults.add(f"CHARTDATE must be a date such as 2151-07-16, found `{date[:20]}`", place)
            continue
        order = _KINDS.get(kind.strip().casefold(), len(_KINDS))
        pieces.setdefault(number, []).append((order, date, text))
    _refuse_faults(path, faults)
    if not read:
        listed = ", ".join(f"`{name}` ({count})" for name, count in categories.most_common(12))
        raise DataError(
            f"{path.name}: no row has the category `Discharge summary`. Categories there (rows): {listed or 'none'}."
        )
    if not pieces:
        raise DataError(
            f"{path.name}: none of its {read} discharge summaries belongs to one of the {len(wanted)} admissions of "
            "the cohort. Are both files, and the lists of the split, of MIMIC-III?"
        )
    several = sum(len(parts) > 1 for parts in pieces.values())
    notes = [
        f"{len(pieces)} of {len(wanted)} admissions of the cohort have a discharge summary; {several} of them in "
        "several parts, which were joined: reports before addenda, each by date."
    ]
    if marked:
        notes.append(f"{marked} discharge summaries that are marked as errors (ISERROR) were left out.")
    if homeless:
        notes.append(f"{homeless} discharge summaries without an admission (HADM_ID) were left out.")
    texts = {}
    for number in list(pieces):
        parts = sorted(pieces.pop(number), key=lambda part: part[:2])
        texts[number] = " ".join(text for _, _, text in parts).strip()
    return texts, notes


_WANTED = "Give the files of MIMIC-III (v1.4), as PhysioNet gives them to you."


def _columns(path: Path, wanted: Sequence[str], table: str, of_the_other: Sequence[str]) -> list[str]:
    """What the wanted columns are called in the file, which may write them in small letters."""
    refuse_absent(path, (".csv",))
    existing = header(path, ",")
    if not existing:
        raise DataError(f"{path.name}: there are no rows")
    own = {name.strip().upper(): name for name in existing}
    missing = [name for name in wanted if name not in own]
    if not missing:
        return [own[name] for name in wanted]
    if strangers := [own[name] for name in own if name in _OTHER_VERSION]:
        listed = ", ".join(f"`{name}`" for name in strangers)
        raise DataError(
            f"{path.name}, line 1: the column{'s' if len(strangers) > 1 else ''} {listed} "
            f"belong{'' if len(strangers) > 1 else 's'} to another version (MIMIC-IV or ICD-10), and there is no "
            f"column `{missing[0]}`. {_WANTED}"
        )
    message = missing_columns([own.get(name, name) for name in wanted], existing, f"{path.name}, line 1")
    exchanged = all(name in own for name in of_the_other)
    hint = (
        " Are `notes` and `diagnoses` exchanged?"
        if exchanged
        else f" It must be the table {table}. {_WANTED}"
    )
    raise DataError(f"{message}{hint}")


def _number(value: str, column: str, place: str, faults: Faults) -> int | None:
    """The whole number that the value writes; else None, and a fault more."""
    match = _WHOLE_NUMBER.fullmatch(value.strip())
    if match is None:
        faults.add(f"{column} must be a whole number, found `{value[:20]}`", place)
        return None
    return int(match[1])


def _refuse_faults(path: Path, faults: Faults) -> None:
    if faults:
        listed = "".join(f"\n  {sentence}" for sentence in faults.sentences())
        raise DataError(f"{path.name} is malformed:{listed}\nCopy or unpack the file anew. {_WANTED}")


# --- the cohort ------------------------------------------------------------------------------------------


def _published_split(folder: Path) -> dict[int, str]:
    """Admission → split, from the three lists in the folder."""
    advice = (
        f"The folder must hold {', '.join(SPLIT_FILES.values())} (of the CAML repository, mimicdata/mimic3), each "
        "with one HADM_ID a line."
    )
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder. {advice}")
    if absent := [name for name in SPLIT_FILES.values() if not (folder / name).is_file()]:
        raise DataError(f"{folder}: lacks {', '.join(absent)}. {advice}")
    chosen: dict[int, str] = {}
    for split, name in SPLIT_FILES.items():
        with opened(folder / name, newline="\n") as stream:
            for line, written in enumerate(stream, start=1):
                if not written.strip():
                    continue
                match = _WHOLE_NUMBER.fullmatch(written.strip())
                if match is None:
                    raise DataError(
                        f"{name}, line {line}: must be a whole number, found `{written.strip()[:40]}`. {advice}"
                    )
                admission = int(match[1])
                if admission in chosen:
                    raise DataError(
                        f"{name}, line {line}: admission {admission} already stands in "
                        f"{SPLIT_FILES[chosen[admission]]}; each must stand in one list, once"
                    )
                chosen[admission] = split
        if split not in chosen.values():
            raise DataError(f"{name}: the list is empty. {advice}")
    return chosen


def _instance(name: str, admission: int, text: str, target: int) -> Instance:
    return Instance(f"{name}/{admission}", {"text": text}, target)


def _parted(instances: Sequence[Instance], share: float, seed: int) -> tuple[list[Instance], list[Instance]]:
    """The instances in two parts, each in its first order, the second with `share` of them, by class."""
    try:
        first, second = train_test_split(
            range(len(instances)),
            test_size=share,
            random_state=seed,
            stratify=[instance.target for instance in instances],
        )
    except ValueError as error:
        raise DataError(
            f"anemia: the cohort of {len(instances)} admissions is too small to be split ({error}). Are the files "
            "complete?"
        ) from error
    return [instances[i] for i in sorted(first)], [instances[i] for i in sorted(second)]


def _of_length(
    splits: Mapping[str, Sequence[Instance]], above: int | None, below: int
) -> tuple[dict[str, tuple[Instance, ...]], list[str]]:
    """The instances with more than `above` and fewer than `below` tokens; and notes on those left out."""
    tokenise = TOKENISERS[RECIPE.tokeniser]
    kept: dict[str, tuple[Instance, ...]] = {}
    notes = []
    for split, instances in splits.items():
        lengths = [len(tokenise(instance.fields["text"])) for instance in instances]
        least = min(lengths, default=0) if above is None else above
        kept[split] = tuple(i for i, length in zip(instances, lengths, strict=True) if least < length < below)
        name = "notes" if split == WHOLE else f"{split} notes"
        limits = f"more than {least} and fewer than {below} words"
        if not kept[split]:
            raise DataError(f"none of the {len(instances)} {name} has {limits}; change `above` or `below`")
        notes.append(
            f"Of {len(instances)} {name}, {len(kept[split])} with {limits} were kept and "
            f"{len(instances) - len(kept[split])} left out."
        )
    return kept, notes


def _refuse_empty(splits: Mapping[str, Sequence[Any]], notes: str) -> None:
    if empty := [split for split, instances in splits.items() if not instances]:
        raise DataError(
            f"{Path(notes).name}: none of the admissions in {SPLIT_FILES[empty[0]]} has diagnoses and a discharge "
            "summary there. Are the files complete, and all of MIMIC-III?"
        )


def _refuse_one_class(corpus: Corpus, diagnoses: str) -> None:
    for split, instances in corpus.splits.items():
        found = {instance.target for instance in instances}
        if len(found) < len(corpus.classes):
            lacking = [name for index, name in enumerate(corpus.classes) if index not in found]
            where = "" if split == WHOLE else f", split `{split}`"
            raise DataError(
                f"{corpus.name}{where}: none of {len(instances)} admissions has the class `{lacking[0]}` by "
                f"{Path(diagnoses).name}. Are the files complete?"
            )
