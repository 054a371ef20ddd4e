"""The words and sentences of the corpus `planted-clinical`: the sections of a discharge note and what stands in them.

Only material; how it is put together is in `planted_clinical.py`. `{slot}` stands for a choice from `SLOTS` (or
`PRONOUNS`); the two in capitals are the places where evidence may be planted. No name, date or number is anybody's.
"""

from __future__ import annotations

from collections.abc import Mapping

CLASSES = ("absent", "present")

EVIDENCE: Mapping[str, tuple[str, ...]] = {
    "DRUG": ("insulin", "metformin", "glipizide"),
    "CONDITION": ("diabetes mellitus", "diabetic neuropathy"),
}
"""What marks the positive class, and nothing else does: a drug or a diagnosis, in the place of a neutral one."""


def _choices(block: str) -> tuple[str, ...]:
    return tuple(" ".join(block.split()).split(", "))


PRONOUNS: tuple[Mapping[str, str], ...] = (
    {"He": "He", "he": "he", "his": "his", "His": "His", "him": "him", "man": "man", "M": "M"},
    {"He": "She", "he": "she", "his": "her", "His": "Her", "him": "her", "man": "woman", "M": "F"},
)

# Every choice of a slot has as many tokens as its neighbours: so the length of a note follows from its templates.
SLOTS: Mapping[str, tuple[str, ...]] = {
    "DRUG": _choices(
        """aspirin, lisinopril, metoprolol, atorvastatin, furosemide, omeprazole, warfarin, heparin,
        amlodipine, gabapentin, prednisone, levothyroxine, albuterol, acetaminophen, docusate, senna,
        pantoprazole, simvastatin, clopidogrel, digoxin, hydralazine, carvedilol, losartan, tamsulosin,
        sertraline, citalopram, trazodone, lorazepam, oxycodone, morphine, vancomycin, cefepime,
        ciprofloxacin, azithromycin, ceftriaxone, metronidazole, fluconazole, folate, thiamine,
        allopurinol, colchicine, famotidine, spironolactone, amiodarone, diltiazem, quetiapine"""
    ),
    "CONDITION": _choices(
        """atrial fibrillation, coronary disease, heart failure, chronic bronchitis, renal insufficiency,
        aortic stenosis, peptic ulcer, venous thrombosis, iron deficiency, gastric reflux, pulmonary embolism,
        lumbar stenosis, essential hypertension, sleep apnea, rheumatoid arthritis, chronic migraine,
        hepatic steatosis, bladder cancer, breast cancer, colonic polyps, mitral regurgitation,
        macular degeneration, cervical spondylosis, alcohol dependence, major depression, kidney stones,
        temporal arteritis, ulcerative colitis, restless legs, carotid stenosis"""
    ),
    "date": tuple(f"[**21{30 + i}-{1 + i * 7 % 12}-{1 + i * 11 % 28}**]" for i in range(60)),
    "name": tuple(f"[**Last Name (un) {100 + 37 * i % 900}**]" for i in range(40)),
    "hospital": tuple(f"[**Hospital1 {i}**]" for i in range(10, 40)),
    "n": tuple(str(i) for i in range(2, 10)),
    "nn": tuple(str(i) for i in range(20, 91)),
    "dose": _choices("5, 10, 20, 25, 40, 50, 75, 81, 100, 150, 200, 250, 325, 400, 500, 650, 1000"),
    "decimal": tuple(f"{i // 10}.{i % 10}" for i in range(12, 140, 3)),
    "temp": tuple(f"{i // 10}.{i % 10}" for i in range(968, 1012)),
    "systolic": tuple(str(i) for i in range(98, 172)),
    "route": _choices("PO, IV, SC, PR, SL"),
    "often": _choices("daily, nightly, weekly, hourly, BID, TID, QID, QHS, PRN"),
    "service": _choices("MEDICINE, SURGERY, CARDIOLOGY, NEUROLOGY, ORTHOPAEDICS, UROLOGY, ONCOLOGY"),
    "complaint": _choices(
        """chest pain, back pain, abdominal pain, short breath, leg swelling, high fever, altered speech,
        productive cough, rectal bleeding, joint swelling, poor appetite, frequent falls"""
    ),
    "symptom": _choices(
        """fever, chills, nausea, vomiting, dizziness, cough, fatigue, dyspnea, palpitations, headache,
        constipation, diarrhea, dysuria, weakness, rash, hemoptysis, syncope, edema"""
    ),
    "study": _choices(
        """echocardiogram, radiograph, ultrasound, colonoscopy, endoscopy, angiogram, electrocardiogram,
        biopsy, bronchoscopy, tomography"""
    ),
    "team": _choices("cardiology, surgery, neurology, nephrology, pulmonology, gastroenterology, psychiatry"),
    "organ": _choices("heart, liver, spleen, lung, kidney, bladder, aorta, colon, stomach, pancreas"),
    "finding": _choices(
        """unremarkable, normal, stable, unchanged, enlarged, mild, moderate, clear, improved, diffuse,
        symmetric, benign"""
    ),
    "lab": _choices(
        """WBC, RBC, Hgb, Hct, MCV, MCH, RDW, Plt, UreaN, Creat, Na, K, Cl, HCO3, ALT, AST, LDH, CK, TSH,
        Calcium, Phos, Mg, INR, PT, PTT, Lactate, Albumin"""
    ),
    "relative": _choices("Mother, Father, Brother, Sister, Uncle, Aunt, Grandfather, Grandmother"),
    "work": _choices(
        """teacher, carpenter, nurse, farmer, engineer, clerk, driver, cook, librarian, plumber, tailor,
        musician"""
    ),
    "place": _choices("home, rehab, hospice, clinic"),
    "side": _choices("left, right"),
    "time": _choices("hours, days, weeks, months"),
    "allergy": _choices("penicillin, codeine, sulfa, latex, iodine, erythromycin, shellfish"),
}

HEAD = "Admission Date:  {date}     Discharge Date:  {date}\n\nSex:  {M}\n\nService:  {service}\n"

SECTIONS: tuple[tuple[str, float, str], ...] = (
    ("Allergies:", 0.02, "{allergy}.\nAdverse reaction to {allergy}.\nNo known drug allergies.\n"),
    (
        "Chief Complaint:",
        0.02,
        "{complaint}\n{symptom}\n{symptom} and {symptom}\n{complaint} for {n} {time}\n",
    ),
    (
        "History of Present Illness:",
        0.17,
        """
        The patient is a {nn} year old {man} with {CONDITION} who presents with {complaint} for {n} {time}.
        {He} has a history of {CONDITION} and was in {his} usual state of health until {n} {time} ago.
        {He} denies {symptom}, {symptom} or {symptom}.
        {He} was seen at {hospital} on {date}.
        {He} took {DRUG} without relief.
        At baseline {he} walks {n} blocks, limited by {symptom}.
        {His} wife called Dr. {name}, who sent {him} to the emergency department.
        In the emergency department, vital signs were {temp}, {nn}, {systolic}/{nn}, {nn}.
        {He} was given {DRUG} and {DRUG}.
        Review of systems was notable for {symptom} and {symptom}.
        Of note, {DRUG} was stopped {n} {time} ago by Dr. {name} because of {symptom}.
        {He} reports {symptom}.
        No recent travel.
        """,
    ),
    (
        "Past Medical History:",
        0.09,
        """
        - {CONDITION}
        - {CONDITION}, on {DRUG}
        - {CONDITION}, diagnosed {date}
        - {CONDITION}, followed by Dr. {name}
        - s/p {study}, {date}
        - history of {CONDITION}
        """,
    ),
    (
        "Medications on Admission:",
        0.1,
        """
        - {DRUG} {dose} mg {route} {often}
        - {DRUG} {dose} mg tablet sig: one tablet {route} {often}
        - {DRUG} {decimal} mg {route} {often} as needed for {symptom}
        """,
    ),
    (
        "Social History:",
        0.04,
        """
        Lives with {his} family.
        {He} worked as a {work} until {n} years ago.
        Tobacco: {nn} pack years, quit {n} {time} ago.
        Alcohol: {n} drinks a week.
        No illicit drugs.
        Retired {work}.
        """,
    ),
    (
        "Family History:",
        0.03,
        """
        {relative} died at {nn}.
        {relative} is alive and well at {nn}.
        {relative} had {symptom} of unknown cause.
        Noncontributory.
        """,
    ),
    (
        "Physical Exam:",
        0.12,
        """
        VS: T {temp}, HR {nn}, BP {systolic}/{nn}, RR {nn}, O2 sat {nn}% on room air
        GENERAL: comfortable, in no acute distress.
        HEENT: sclera anicteric, oropharynx {finding}.
        CARDIAC: regular rate and rhythm, {finding} murmur at the {side} sternal border.
        LUNGS: {finding} to auscultation on the {side}.
        ABDOMEN: soft, nontender, {organ} {finding}.
        EXTREMITIES: {finding}, no edema on the {side}.
        NEURO: cranial nerves {finding}.
        SKIN: no rash.
        """,
    ),
    (
        "Pertinent Results:",
        0.17,
        """
        {date} BLOOD {lab}-{decimal} {lab}-{decimal} {lab}-{nn} {lab}-{decimal}
        {date} BLOOD {lab}-{nn}* {lab}-{decimal}
        {date} URINE {lab}-{decimal}
        {study} ({date}): the {organ} is {finding}.
        {study}: {finding} {organ}, {finding} {organ}, no acute process.
        Compared with {date}, the {organ} is {finding}.
        Impression: {finding} {organ}.
        """,
    ),
    (
        "Brief Hospital Course:",
        0.1,
        """
        # {CONDITION}: {he} was continued on {DRUG} and remained stable throughout.
        # {symptom}: {study} showed a {finding} {organ}, and {DRUG} was started.
        The {team} team was consulted and recommended {DRUG} {dose} mg {often}.
        {He} was transferred to the floor on {date}.
        On hospital day {n}, {he} developed {symptom}, which was treated with {DRUG}.
        {DRUG} was held because of {symptom} and resumed on {date}.
        {He} tolerated a regular diet.
        {He} was afebrile.
        {His} {lab} improved to {decimal}.
        Given {his} {CONDITION}, a {study} was obtained, which was {finding}.
        Blood cultures had no growth.
        """,
    ),
    (
        "Discharge Medications:",
        0.09,
        """
        - {DRUG} {dose} mg {route} {often}
        - {DRUG} {dose} mg tablet sig: one tablet {route} {often} for {n} {time}
        - {DRUG} {decimal} mg {route} {often} as needed for {symptom}
        """,
    ),
    ("Discharge Disposition:", 0.01, "{place}.\n"),
    (
        "Discharge Diagnosis:",
        0.03,
        "{CONDITION}.\n{CONDITION}, {CONDITION}.\n{symptom} due to {CONDITION}.\n",
    ),
)  # heading, share of the note, templates

LAST = (
    "Discharge Instructions:",
    """
    Stable.
    Rest well.
    Rest at home.
    Please call Dr. {name}.
    Weigh yourself every morning.
    You were admitted with {complaint}.
    Please keep all of your appointments.
    We gave you {DRUG}, and you improved.
    Return if you have {symptom} or {symptom}.
    Please follow up with {team} in {n} weeks.
    Take your {DRUG} {often} until you see Dr. {name}.
    You have an appointment with Dr. {name} on {date}.
    Continue all of your home medications, but do not take {DRUG} for {n} {time}.
    If {symptom} does not improve within {n} {time}, come back to {hospital} at once.
    """,
)
"""The last section, which takes what is left of a note and so has a template for every rest."""
