"""Drugs and diagnoses for made-up charts: RxNorm, ICD-10-CM and SNOMED CT codes with their displays.

They give the charts the shape and the variety of real ones; nothing clinical rests on them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Drug:
    """One product with the way it is usually taken."""

    rxcui: str
    display: str
    dose: str
    unit: str
    times_a_day: int


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One problem in both coding systems."""

    icd10cm: str
    display: str
    snomed: str
    snomed_display: str


KETAMINE = Drug("238082", "ketamine hydrochloride 10 MG/ML Injectable Solution", "40", "mg", 1)
LISINOPRIL = Drug("314076", "lisinopril 10 MG Oral Tablet", "10", "mg", 1)

SEDATING = (
    Drug("1049621", "oxycodone hydrochloride 5 MG Oral Tablet", "5", "mg", 3),
    Drug("310431", "gabapentin 300 MG Oral Capsule", "300", "mg", 3),
    Drug("856377", "trazodone hydrochloride 50 MG Oral Tablet", "50", "mg", 1),
    Drug("197901", "lorazepam 1 MG Oral Tablet", "1", "mg", 2),
    Drug("312744", "quetiapine 25 MG Oral Tablet", "25", "mg", 1),
    Drug("835603", "tramadol hydrochloride 50 MG Oral Tablet", "50", "mg", 2),
    Drug("854873", "zolpidem tartrate 10 MG Oral Tablet", "10", "mg", 1),
    Drug("828320", "cyclobenzaprine hydrochloride 5 MG Oral Tablet", "5", "mg", 2),
)

EVERYDAY = (
    LISINOPRIL,
    Drug("861007", "metformin hydrochloride 500 MG Oral Tablet", "500", "mg", 2),
    Drug("312941", "sertraline 50 MG Oral Tablet", "50", "mg", 1),
    Drug("617310", "atorvastatin 20 MG Oral Tablet", "20", "mg", 1),
    Drug("197361", "amlodipine 5 MG Oral Tablet", "5", "mg", 1),
    Drug("866924", "metoprolol tartrate 25 MG Oral Tablet", "25", "mg", 2),
    Drug("198051", "omeprazole 20 MG Delayed Release Oral Capsule", "20", "mg", 1),
    Drug("314231", "simvastatin 10 MG Oral Tablet", "10", "mg", 1),
    Drug("310798", "hydrochlorothiazide 25 MG Oral Tablet", "25", "mg", 1),
    Drug("979492", "losartan potassium 50 MG Oral Tablet", "50", "mg", 1),
    Drug("966222", "levothyroxine sodium 0.075 MG Oral Tablet", "0.075", "mg", 1),
    Drug("745679", "200 ACTUAT albuterol 0.09 MG/ACTUAT Metered Dose Inhaler", "0.18", "mg", 4),
    Drug("349332", "escitalopram 10 MG Oral Tablet", "10", "mg", 1),
    Drug("310385", "fluoxetine 20 MG Oral Capsule", "20", "mg", 1),
    Drug("993541", "24 HR bupropion hydrochloride 150 MG Extended Release Oral Tablet", "150", "mg", 1),
    Drug("314200", "pantoprazole 40 MG Delayed Release Oral Tablet", "40", "mg", 1),
    Drug("313988", "furosemide 40 MG Oral Tablet", "40", "mg", 1),
    Drug("309362", "clopidogrel 75 MG Oral Tablet", "75", "mg", 1),
    Drug("243670", "aspirin 81 MG Oral Tablet", "81", "mg", 1),
    Drug("855332", "warfarin sodium 5 MG Oral Tablet", "5", "mg", 1),
    Drug("312617", "prednisone 5 MG Oral Tablet", "5", "mg", 1),
    Drug("313782", "acetaminophen 325 MG Oral Tablet", "650", "mg", 4),
    Drug("310965", "ibuprofen 200 MG Oral Tablet", "400", "mg", 3),
    Drug("849574", "naproxen sodium 220 MG Oral Tablet", "220", "mg", 2),
    Drug("308192", "amoxicillin 500 MG Oral Tablet", "500", "mg", 3),
    Drug("863669", "tamsulosin hydrochloride 0.4 MG Oral Capsule", "0.4", "mg", 1),
    Drug("200224", "montelukast 10 MG Oral Tablet", "10", "mg", 1),
    Drug("859751", "rosuvastatin calcium 20 MG Oral Tablet", "20", "mg", 1),
    Drug("200033", "carvedilol 25 MG Oral Tablet", "25", "mg", 2),
    Drug("313096", "spironolactone 25 MG Oral Tablet", "25", "mg", 1),
    Drug("197319", "allopurinol 100 MG Oral Tablet", "100", "mg", 1),
    Drug("310273", "famotidine 20 MG Oral Tablet", "20", "mg", 2),
    Drug("197604", "digoxin 0.125 MG Oral Tablet", "0.125", "mg", 1),
    Drug("310346", "finasteride 5 MG Oral Tablet", "5", "mg", 1),
    Drug("311036", "insulin isophane 100 UNT/ML Injectable Suspension", "20", "U", 2),
    Drug("705129", "nitroglycerin 0.4 MG/ACTUAT Mucosal Spray", "0.4", "mg", 1),
)

DIAGNOSES = (
    Diagnosis("I10", "Essential (primary) hypertension", "59621000", "Essential hypertension (disorder)"),
    Diagnosis("E11.9", "Type 2 diabetes mellitus without complications", "44054006", "Diabetes mellitus type 2 (disorder)"),
    Diagnosis("E78.5", "Hyperlipidemia, unspecified", "55822004", "Hyperlipidemia (disorder)"),
    Diagnosis("F33.2", "Major depressive disorder, recurrent severe without psychotic features", "370143000", "Major depressive disorder (disorder)"),
    Diagnosis("F43.10", "Post-traumatic stress disorder, unspecified", "47505003", "Posttraumatic stress disorder (disorder)"),
    Diagnosis("G47.33", "Obstructive sleep apnea (adult) (pediatric)", "78275009", "Obstructive sleep apnea syndrome (disorder)"),
    Diagnosis("G89.4", "Chronic pain syndrome", "373621006", "Chronic pain syndrome (disorder)"),
    Diagnosis("M54.50", "Low back pain, unspecified", "279039007", "Low back pain (finding)"),
    Diagnosis("K21.9", "Gastro-esophageal reflux disease without esophagitis", "235595009", "Gastroesophageal reflux disease (disorder)"),
    Diagnosis("E03.9", "Hypothyroidism, unspecified", "40930008", "Hypothyroidism (disorder)"),
    Diagnosis("E66.9", "Obesity, unspecified", "414916001", "Obesity (disorder)"),
    Diagnosis("J45.909", "Unspecified asthma, uncomplicated", "195967001", "Asthma (disorder)"),
    Diagnosis("F41.1", "Generalized anxiety disorder", "21897009", "Generalized anxiety disorder (disorder)"),
    Diagnosis("M17.11", "Unilateral primary osteoarthritis, right knee", "239873007", "Osteoarthritis of knee (disorder)"),
    Diagnosis("N40.1", "Benign prostatic hyperplasia with lower urinary tract symptoms", "266569009", "Benign prostatic hyperplasia (disorder)"),
    Diagnosis("D50.9", "Iron deficiency anemia, unspecified", "87522002", "Iron deficiency anemia (disorder)"),
    Diagnosis("N18.30", "Chronic kidney disease, stage 3 unspecified", "433144002", "Chronic kidney disease stage 3 (disorder)"),
    Diagnosis("I25.10", "Atherosclerotic heart disease of native coronary artery without angina pectoris", "53741008",
              "Coronary arteriosclerosis (disorder)"),
    Diagnosis("G43.909", "Migraine, unspecified, not intractable, without status migrainosus", "37796009", "Migraine (disorder)"),
    Diagnosis("E55.9", "Vitamin D deficiency, unspecified", "34713006", "Vitamin D deficiency (disorder)"),
    Diagnosis("J30.9", "Allergic rhinitis, unspecified", "61582004", "Allergic rhinitis (disorder)"),
    Diagnosis("H25.9", "Unspecified age-related cataract", "193570009", "Cataract (disorder)"),
    Diagnosis("M81.0", "Age-related osteoporosis without current pathological fracture", "64859006", "Osteoporosis (disorder)"),
    Diagnosis("K59.00", "Constipation, unspecified", "14760008", "Constipation (finding)"),
    Diagnosis("R73.03", "Prediabetes", "714628002", "Prediabetes (finding)"),
    Diagnosis("F17.210", "Nicotine dependence, cigarettes, uncomplicated", "56294008", "Nicotine dependence (disorder)"),
    Diagnosis("G47.00", "Insomnia, unspecified", "193462001", "Insomnia (disorder)"),
    Diagnosis("L30.9", "Dermatitis, unspecified", "182782007", "Dermatitis (disorder)"),
)
