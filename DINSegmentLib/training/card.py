"""Texts of a model folder: model card and license terms."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..model import Model
from ..network import DIN

_CARD = """\
# {model.id}: {model.title}

## Intended use

Labels {labels} in {model.modality} volumes, slice by slice.

**Research use only. Not a medical device: do not use it for diagnosis, treatment or any other clinical decision.** \
Check every result before you use a number from it.

## Training data

{model.training_data}

TO BE WRITTEN by whoever trained it: patients, scanners and protocols, who drew the labels, and who may use them.

## Network and training

DIN with {millions:.1f} million parameters. Trained by `dinsegment train` ({device}, dinsegment {dinsegment}, torch \
{torch}){initial} with the configuration below. These are {which}, written by `dinsegment pack`.

```toml
{recipe}
```

## Performance

{figures}

## Known limitations

Only data like the training data were evaluated. TO BE WRITTEN: where the model errs, and what it was not trained on.

## License

{model.licence} `LICENSE.txt` repeats this and lists what to cite.
"""

_CHANGED = "These weights were not evaluated yet. TO BE WRITTEN: scores by `dinsegment evaluate`."

_TERMS = """\
License terms of the weights of {model.id} ({model.title})

{model.licence}

Research use only. Not a medical device: do not use it for diagnosis, treatment or any other clinical decision. The
weights are provided as they are, without any warranty.

Please cite:
{citation}
"""


def card(
    model: Model, validation: Mapping[str, Any], settings: Mapping[str, Any], versions: Mapping[str, str],
    changed: str = "",
) -> str:  # fmt: skip
    """Write a model card in Markdown; placeholders mark what only the author knows.

    Args:
        model: the manifest of the run.
        validation: as in the manifest: data, date, step, and Dice of each structure and their mean.
        settings, versions: the files of these names in the run folder.
        changed: the stored weights, if they are not the run's own; their figures are unknown.
    """
    network = DIN(replace(model.network, deep_supervision=False))
    recipe = settings["recipe"]
    tables = {"network": settings["network"], "recipe": recipe}
    tables |= {name: values for name, values in recipe.items() if isinstance(values, dict)}
    if partial := settings.get("partial"):
        tables["partial"] = partial
        tables["partial.labels"] = {json.dumps(name): values for name, values in partial["labels"].items()}
    if changed:
        which = changed
    elif recipe.get("keep") == "last":
        which = "the last averaged weights"
    else:
        which = f"the averaged weights of step {validation['step']}, the best by validation"
    return _CARD.format(
        model=model,
        labels=", ".join(f"{label.name} ({label.value})" for label in model.labels),
        millions=sum(parameter.numel() for parameter in network.parameters()) / 1e6,
        initial=f", from the weights {Path(settings['initial']).name}," if settings["initial"] else "",
        recipe="\n\n".join(_toml(name, values) for name, values in tables.items()),
        which=which,
        figures=_CHANGED if changed else _figures(validation),
        **{name: versions[name] for name in ("device", "dinsegment", "torch")},
    )


def _figures(validation: Mapping[str, Any]) -> str:
    if not validation:
        return (
            "All cases were used for training, so these weights were not evaluated. TO BE WRITTEN: scores of the same "
            "configuration on the training split alone."
        )
    dice = validation["dice"]
    rows = (dice, dict.fromkeys(dice, "---"), {name: f"{value:.3f}" for name, value in dice.items()})
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in (rows[0], rows[1].values(), rows[2].values()))
    where = f"{validation['data']}, {validation['date']}, without mirroring and clean-up"
    return f"Mean Dice over volumes on {where}:\n\n{table}"


def license_text(model: Model) -> str:
    """Return the manifest's license and citations as plain text."""
    return _TERMS.format(model=model, citation="\n".join(f"- {entry}" for entry in model.citation))


def _toml(name: str, values: Mapping[str, Any]) -> str:
    """Format one table of a training file; JSON writes numbers, strings and lists as TOML does."""
    lines = (f"{key} = {json.dumps(value)}" for key, value in values.items() if not isinstance(value, dict))
    return "\n".join((f"[{name}]", *lines))
