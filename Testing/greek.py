"""A language for tests: Greek letters replace Latin ones, which reveals untranslated text."""

import re

GREEK = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "αβψδεφγηιξκλμνοπϙρστθωϝχυζΑΒΨΔΕΦΓΗΙΞΚΛΜΝΟΠϘΡΣΤΘΩϜΧΥΖ"
)
# names that are the same in every language: of programs, devices and what manifests call things
NAMES = {"cpu", "CPU", "MRI", "DICOM", "torch", "Heart", "chambers", "short", "axis", "cine", "Abdominal", "organs"}


def greek(context, text):
    """All letters but those of fields."""
    return "".join(part if part.startswith("{") else part.translate(GREEK) for part in re.split(r"(\{[^}]*\})", text))


def english(text):
    return sorted(set(re.findall(r"[A-Za-z]{3,}", text)) - NAMES)
