"""Take a policy to a program without this project. docs/guide.md, section 6; train.py makes the policy."""

from pathlib import Path

import numpy as np
import onnxruntime
from thermostat import Thermostat

import deep


def main(run: Path) -> float:
    """Export, run the file in onnxruntime, and return the largest difference of the actions."""
    agent = deep.load(run, env=Thermostat)
    for name in ("policy.onnx", "policy.json", "policy.safetensors"):
        agent.export(run / name)
    degrees = np.linspace(10.0, 30.0, 50).reshape(50, 1)
    session = onnxruntime.InferenceSession(run / "policy.onnx")
    heating, _ = session.run(["action", "output"], {"observation": degrees.astype(np.float32)})
    wanted, _ = agent.predict(degrees, deterministic=True)
    difference = float(np.abs(heating - wanted).max())
    print(f"50 actions in onnxruntime differ by at most {difference:.1e}")
    return difference


if __name__ == "__main__":
    main(Path("runs/thermostat"))
