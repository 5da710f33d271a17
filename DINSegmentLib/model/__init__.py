"""Description of a model: its manifest, its structures, and the enhancement of its second image."""

from .config import NetworkConfig
from .enhancement import Enhancement, EnhancementChoice
from .labels import INFARCT, LEFT_VENTRICLE, MYOCARDIUM, RIGHT_VENTRICLE, TERMINOLOGY_CONTEXT, Code, Label
from .manifest import (
    CLEANUP_STEPS,
    MANIFEST,
    SCHEMA_VERSION,
    Axes,
    EnhancementDefaults,
    Expectations,
    Intensity,
    Model,
    catalogue,
    find_model,
    label_of,
    labels_of,
    read_manifest,
)

__all__ = [
    "CLEANUP_STEPS", "INFARCT", "LEFT_VENTRICLE", "MANIFEST", "MYOCARDIUM", "RIGHT_VENTRICLE", "SCHEMA_VERSION",
    "TERMINOLOGY_CONTEXT", "Axes", "Code", "Enhancement", "EnhancementChoice", "EnhancementDefaults", "Expectations",
    "Intensity", "Label", "Model", "NetworkConfig", "catalogue", "find_model", "label_of", "labels_of", "read_manifest",
]  # fmt: skip
