"""Write a trained policy in a format that runs without this project.

    python -m deep.export DIR --format onnx|torchscript|safetensors|json|html [--out FILE] [--best] [--card]

The normaliser is inside. docs/guide.md shows how each file is run.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from deep.agent import load
from deep.exporting.card import CARD, card
from deep.exporting.formats import WRITERS, Format, export
from exact.common import cli
from exact.common.files import write


@dataclass(frozen=True)
class Options:
    """Write a trained policy in a format that runs without this project."""

    folder: Positional[Path]
    """Run directory, or a file of Agent.save."""
    format: Format = "onnx"
    """onnx runs in onnxruntime, torchscript in torch.jit, safetensors and json are the arrays themselves, html is a
    page that plays CartPole-v1."""
    out: Path | None = None
    """The file. Default: policy.ENDING in the run directory."""
    env: str | None = None
    """The run's environment. It must be named if it is one of a module (module:name), whose code will be run."""
    wrapper: str | None = None
    """The run's wrapper, likewise."""
    best: bool = False
    """Take the checkpoint whose evaluation was best (--eval-every of deep.train), not the newest."""
    card: bool = False
    """Write also README.md, a model card with the metadata that model hubs read, beside the file. Its returns are those
    in the run's own files; a film (.mp4, .gif) in the folder is shown."""


def work(options: Options) -> int:
    """Load the agent and write it."""
    home = options.folder.parent if options.folder.is_file() else options.folder
    out = options.out or home / f"policy{WRITERS[options.format][0]}"
    agent = load(options.folder, best=options.best, env=options.env, wrapper=options.wrapper)
    text = card(options.folder, out, options.best) if options.card else None
    export(agent, out, options.format)
    print(f"wrote {out}")
    if text is not None:
        write(out.with_name(CARD), text)
        print(f"wrote {out.with_name(CARD)}")
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "deep.export", work, argv)


if __name__ == "__main__":
    sys.exit(main())
