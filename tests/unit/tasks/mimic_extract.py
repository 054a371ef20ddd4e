"""An extract in the form of MIMIC-III (v1.4), generated: the columns, quoting and irregularities of the real files.

Nothing in it comes from a patient. It is written as a stream, so that an extract of several GB can be made:

    python tests/unit/tasks/mimic_extract.py FOLDER --megabytes 1000
"""

import argparse
import csv
import gzip
import random
from pathlib import Path

NOTES = [
    *("ROW_ID", "SUBJECT_ID", "HADM_ID", "CHARTDATE", "CHARTTIME", "STORETIME"),
    *("CATEGORY", "DESCRIPTION", "CGID", "ISERROR", "TEXT"),
]
DIAGNOSES = ["ROW_ID", "SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ICD9_CODE"]
SPLITS = {"train": 7, "dev": 1, "test": 2}  # of ten admissions of the split

_OTHERS = [  # category, description, rough number of lines: nine tenths of the real file
    ("Nursing/other", "Report", 9),
    ("Radiology", "CHEST (PORTABLE AP)", 30),
    ("Nursing", "Nursing Progress Note", 40),
    ("ECG", "Report", 4),
    ("Physician ", "Physician Resident Progress Note", 90),
    ("Echo", "Report", 40),
    ("Respiratory ", "Respiratory Care Shift Note", 20),
]
_LINES = """
Admission Date: [**{year}-{month}-16**]     Discharge Date: [**{year}-{month}-27**]
Date of Birth: [**2086-9-30**]   Sex: F
Service: SURGERY, "team [**Last Name (un) {n}**]"
HISTORY OF PRESENT ILLNESS: {n} yo with hx of CAD s/p CABG who presented with SOB, "burning" chest pain and fever.
_______________________________________________________________
Vitals: T 98.{n}, BP 1{n}/72, HR {n}, RR 18, O2 sat 97% on 2L NC
[**{year}-{month}-18**] 05:15AM BLOOD WBC-{n}.4* RBC-3.81* Hgb-11.7* Hct-34.{n}* MCV-90
Patient was followed by [**Hospital1 {n}**] cardiology; the drain was removed on POD #{n} without difficulty.
DISCHARGE MEDICATIONS:  1. Aspirin 81 mg PO DAILY (Daily).  2. Metoprolol Tartrate 25 mg PO BID, hold for SBP < 100.
The lungs are clear, there is no pneumothorax; heart size is at the upper limit of normal since {n}/{month}.
She tolerated a regular diet, ambulated with PT, and will see Dr. [**First Name4 (NamePattern1) {n}**] in {n} weeks.
""".strip().splitlines()
_CODES = ["4019", "41401", "42731", "V5861", "E8788", "5849", "0389", "486", "2724", "51881"]


def write(folder, *, admissions=60, megabytes=0.0, seed=0, packed=False, lines=12, newline="\n"):
    """Write both files and a folder `ids` with the lists of a split; gives what was planted, by admission.

    A tenth of the bytes are discharge summaries, of `lines` lines or more each. With `megabytes` there are as many
    admissions as it takes to make the notes that large.
    """
    folder = Path(folder)
    (folder / "ids").mkdir(parents=True, exist_ok=True)
    rng = random.Random(f"mimic/{seed}")
    suffix = ".csv.gz" if packed else ".csv"
    planted, rows, size = {}, 0, 0
    with (
        opened(folder / f"NOTEEVENTS{suffix}") as notes,
        opened(folder / f"DIAGNOSES_ICD{suffix}") as codes,
    ):
        note_writer = csv.writer(notes, quoting=csv.QUOTE_NONNUMERIC, lineterminator=newline)
        code_writer = csv.writer(codes, quoting=csv.QUOTE_NONNUMERIC, lineterminator=newline)
        note_writer.writerow(NOTES)
        code_writer.writerow(DIAGNOSES)
        number = 0
        while size < megabytes * 1e6 if megabytes else number < admissions:
            subject, admission = 3 + number // 2, 100_000 + (number * 7919) % 900_000
            own = rng.sample(_CODES, 4) + [
                code
                for code, share in (
                    ("25000", 0.2),
                    ("2851", 0.12),
                    ("28521", 0.05),
                    ("28529", 0.05),
                    ("25002", 0.05),
                )
                if rng.random() < share
            ]
            if number % 53 == 9:
                own.append("")  # the real file has such rows
            for position, code in enumerate(own, start=1):
                code_writer.writerow([number * 20 + position, subject, admission, position, code])
            texts = []
            if number % 31 != 17:  # some admissions have no summary
                texts.append(("Report", _text(rng, lines + int(rng.random() * 2 * lines), own)))
                if number % 11 == 3:
                    texts.insert(0, ("Addendum", f"Addendum: please disregard bed {number}.\n"))
            for kind, text in texts:
                rows += 1
                size += _note(note_writer, rows, subject, admission, "Discharge summary", kind, "", text, rng)
            if number % 13 == 5:
                rows += 1
                size += _note(
                    note_writer, rows, subject, admission, "Discharge summary", "Report", 1, "wrong", rng
                )
            wanted = 9 * sum(len(text) for _, text in texts)
            while wanted > 0:
                category, description, length = _OTHERS[int(rng.random() * len(_OTHERS))]
                text = _text(rng, length, [])
                rows += 1
                home = "" if category == "ECG" else admission
                size += _note(note_writer, rows, subject, home, category, description, "", text, rng)
                wanted -= len(text)
            planted[admission] = (own, [text for _, text in reversed(texts)])
            number += 1
    listed = [admission for admission, (_, texts) in planted.items() if texts]
    share = sum(SPLITS.values())
    for split, begin in (("train", 0), ("dev", 7), ("test", 8)):
        own_ids = [a for i, a in enumerate(listed) if begin <= i % share < begin + SPLITS[split]]
        (folder / "ids" / f"{split}_50_hadm_ids.csv").write_text("".join(f"{a}\n" for a in own_ids))
    return planted


def opened(path):
    """The file for writing text, packed by its name."""
    if path.suffix == ".gz":
        return gzip.open(path, "wt", encoding="utf-8", newline="")
    return path.open("w", encoding="utf-8", newline="")


def _text(rng, lines, codes):
    made = [
        _LINES[int(rng.random() * len(_LINES))].format(
            n=10 + int(rng.random() * 89),
            month=1 + int(rng.random() * 12),
            year=2100 + int(rng.random() * 100),
        )
        for _ in range(lines)
    ]
    said = {"25000": "Diabetes mellitus type II", "2851": "acute blood loss anemia", "28521": "anemia of CKD"}
    made += [said[code] for code in codes if code in said]
    return "\n".join(made) + "\n"


def _note(writer, row, subject, admission, category, description, error, text, rng):
    date = f"21{10 + row % 80}-0{1 + row % 9}-1{row % 10}"
    caregiver = "" if category == "Discharge summary" else 14_000 + int(rng.random() * 6000)
    writer.writerow([row, subject, admission, date, "", "", category, description, caregiver, error, text])
    return len(text) + 90


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--packed", action="store_true")
    given = parser.parse_args()
    made = write(given.folder, megabytes=given.megabytes, packed=given.packed, lines=70)
    print(f"{len(made)} admissions")
