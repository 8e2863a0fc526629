"""Writes docs/members.md, what each registry holds, from the registries: python scripts/list_members.py"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from synth.balance.ways import DEFAULT_WAY, WAYS
from synth.cell.cameras import CAMERA_MODELS
from synth.compute.engines import DEFAULT_ENGINE, ENGINES
from synth.gan.methods import DEFAULT, METHODS, list_painters, list_translators
from synth.geometry.arms import ARM_MODELS
from synth.hardware.arms import ARMS
from synth.hardware.cameras import CAMERAS
from synth.sim.placing import DEFAULT_PLACER, PLACERS
from synth.sim.sources import SOURCES
from synth.train.tasks import TASKS
from synth.train.tasks.detection.detectors import DETECTORS
from synth.train.tasks.segmentation.segmenters import SEGMENTERS

PAGE = Path(__file__).parents[1] / "docs" / "members.md"


def write_page() -> str:
    """The page, as Markdown."""
    return "\n".join(
        [
            "# What there is to choose from",
            "",
            "Made from the registries by `python scripts/list_members.py`; "
            "[ARCHITECTURE](../ARCHITECTURE.md) says how to add to them.",
            "",
            "## Sources of images",
            "`synth render --share NAME=N`; `photographs` with `--over`, `composites` by `synth compose`, "
            "`templates` by `synth compose --templates`.",
            *_table(("name", "one is called"), ((name, SOURCES[name].words[0]) for name in SOURCES)),
            "## Placers of cut-outs",
            f"`synth compose --place NAME`; {DEFAULT_PLACER} if not given.",
            *_table(("name", "how it places"), ((name, PLACERS[name].about) for name in PLACERS)),
            "## Methods of translation",
            f"`synth translate --method NAME --preset NAME`; {DEFAULT} if not given.",
            *_table(("name", "title", "presets"), map(_describe_method, list_translators())),
            "## Ways of balancing label maps",
            f"`synth balance DATA --way NAME`; {DEFAULT_WAY} if not given.",
            *_table(("name", "what it makes"), ((name, WAYS[name].summary) for name in WAYS)),
            "## Methods that paint label maps",
            f"`synth paint --method NAME --preset NAME`; {list_painters()[0]} if not given.",
            *_table(("name", "title", "presets"), map(_describe_method, list_painters())),
            "## Tasks",
            "`synth train TASK`, `synth compare --tasks NAME,NAME --preset NAME`. Images are those that "
            "one training sees in all.",
            *_table(
                ("name", "decided by", "preset", "network", "side, px", "images", "seeds"), _list_recipes()
            ),
            "## Detectors",
            "`synth train detection --net NAME`, `synth compare --tasks detection --nets NAME,NAME`.",
            *_table(
                ("family", "networks", "losses"),
                ((name, (family := DETECTORS[name]).words, ", ".join(family.losses)) for name in DETECTORS),
            ),
            "## Segmenters",
            "`synth train segmentation --net NAME`, `synth compare --tasks segmentation --nets NAME,NAME`.",
            *_table(("name", "what it is"), ((name, SEGMENTERS[name].about) for name in SEGMENTERS)),
            "## Engines",
            f"`--engine NAME` of `synth render`, `compose` and `compare`; {DEFAULT_ENGINE} if not given.",
            *_table(("name",), ((name,) for name in ENGINES)),
            "## Arms and cameras",
            "`robot.model` and `camera.model` in a cell file.",
            *_table(
                ("name", "kind", "title"),
                [
                    *((name, "arm", ARM_MODELS[name].title) for name in ARMS),
                    *((name, "camera", CAMERA_MODELS[name].title) for name in CAMERAS),
                ],
            ),
        ]
    )


def _list_recipes() -> Iterable[Sequence[str]]:
    for name, task in ((name, TASKS[name]) for name in TASKS):
        for preset, recipes in (*task.presets.items(), *task.own_presets.items()):
            for recipe in recipes:
                s = recipe.settings
                yield (
                    name,
                    task.headline.title,
                    preset,
                    s.model,
                    str(s.side_px),
                    f"{s.n_images:,}",
                    str(recipe.n_seeds),
                )


def _describe_method(name: str) -> tuple[str, str, str]:
    method = METHODS[name]()
    return name, method.title, ", ".join(method.presets)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["", *(f"| {' | '.join(line)} |" for line in lines), ""]


if __name__ == "__main__":
    PAGE.write_text(write_page(), encoding="utf-8")
