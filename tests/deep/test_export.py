"""Exported policies act as the agent does, in runtimes that know nothing of this project."""

import io
import json
import shutil
from functools import partial

import gymnasium as gym
import numpy as np
import onnxruntime
import pytest
import safetensors.numpy
import torch
from gymnasium import spaces
from playwright import sync_api

import deep
from deep.build import make_policy
from deep.export import main
from deep.exporting.formats import to_json, to_onnx, to_safetensors, to_torchscript
from deep.exporting.portable import portable
from deep.playing import Player
from deep.presets import preset
from deep.sampling.environments import inspect
from deep.sampling.normalise import RunningMoments, preprocess
from exact.common import cli
from exact.common.errors import InputError
from tests.deep import catch  # noqa: F401

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TOLERANCE = 1e-5
SHALLOW = {"policy.convolutions": ((8, 4, 2), (8, 3, 1)), "policy.hidden": (16,)}
KINDS = {
    "Pendulum-v1": {},
    "CartPole-v1": {},
    "Hopper-v4": {},
    "Catch-v0": SHALLOW,
    "RowsCatch-v0": SHALLOW,
    "half-bounded": {},
    "integer": {},
    "multi-discrete": {},
    "multi-binary": {},
    "masked": {},
    "wide": {},
}


class Spaces(gym.Env):
    """An environment with the given spaces; wide: its observations are 1.7e9 and more; masked: with action masks."""

    def __init__(self, kind: str):
        self.observation_space = spaces.Box(-np.inf, np.inf, (4,), np.float64)
        self.kind = kind
        self.action_space = {
            "half-bounded": spaces.Box(np.array([-1, -np.inf, 2]), np.array([np.inf, np.inf, 5]), dtype=np.float64),
            "integer": spaces.Box(-3, 40, (2, 2), np.int32),
            "multi-discrete": spaces.MultiDiscrete([[3, 2], [4, 5]], start=[[1, 0], [7, 0]]),
            "multi-binary": spaces.MultiBinary(3),
            "masked": spaces.Discrete(5, start=-2),
            "wide": spaces.Box(-1, 1, (2,), np.float32),
        }[kind]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        offset = 1.7e9 if self.kind == "wide" else 0.0
        mask = {"action_mask": np.array([1, 0, 1, 1, 0])} if self.kind == "masked" else {}
        return self.np_random.normal(size=4) + offset, mask


def player(kind):
    """A policy with random parameters and a random normaliser; observations as the networks get them, and as given."""
    rng = np.random.default_rng(0)
    spec = inspect(kind if "-v" in kind else partial(Spaces, kind))
    config = preset("default", spec)
    if spec.pixels:
        config = deep.presets.change(config, KINDS[kind] | {"critic.convolutions": ((8, 4, 2),)})
    policy = make_policy(config, spec)
    theta = torch.from_numpy(rng.normal(0, 0.5, policy.size).astype(np.float32))
    offset = 1.7e9 if spec.wide else 0.0
    moments = RunningMoments.of(rng.normal(offset + 1, 3, (100, *spec.observation_shape))).identity(spec.mask)
    if spec.pixels:
        seen = rng.integers(0, 256, (20, *spec.observation_shape), dtype=np.uint8)
    else:
        seen = rng.normal(offset + 1, 4, (20, *spec.observation_shape)).astype(spec.kept)
    if spec.mask:
        seen[:, -spec.mask :] = rng.integers(0, 2, (20, spec.mask))
        seen[:, -1] = 1
    return Player(spec, 0.0, policy.actor(theta), preprocess(moments, 2.0, spec.pixels)), seen


def acts(made, seen):
    """The agent's actions for observations as the networks get them."""
    return np.stack([np.asarray(made.to_env(made.choose(one))) for one in seen])


@pytest.fixture(params=KINDS, scope="module")
def case(request):
    """A policy, observations, its actions and the outputs of its network."""
    made, seen = player(request.param)
    actor, mask = made.actor, made.spec.mask
    network = actor.mean if hasattr(actor, "mean") else actor.logits
    inputs = [made.normalise(one) for one in seen]
    outputs = np.stack([network(x[:-mask] if mask else x) for x in inputs])
    return made, seen, acts(made, seen), outputs


def check(case, actions, outputs):
    _, _, wanted, wanted_outputs = case
    np.testing.assert_allclose(outputs, wanted_outputs, rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_allclose(actions, wanted, rtol=TOLERANCE, atol=TOLERANCE)
    assert len(np.unique(wanted_outputs)) >= len(wanted)


def test_onnx_in_onnxruntime_acts_as_the_agent(case):
    session = onnxruntime.InferenceSession(to_onnx(portable(case[0])))
    check(case, *session.run(["action", "output"], {"observation": case[1]}))
    action, _ = session.run(["action", "output"], {"observation": case[1][:1]})
    np.testing.assert_allclose(action[0], case[2][0], rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.filterwarnings("ignore:.torch.jit.load. is deprecated")
def test_torchscript_acts_as_the_agent(case):
    module = torch.jit.load(io.BytesIO(to_torchscript(portable(case[0]))))
    for n in (20, 1):
        actions, outputs = module(torch.from_numpy(case[1][:n]))
        np.testing.assert_allclose(actions.numpy(), case[2][:n], rtol=TOLERANCE, atol=TOLERANCE)
    actions, outputs = module(torch.from_numpy(case[1]))
    check(case, actions.numpy(), outputs.numpy())


def interpreted(content, seen):
    """The actions that the JSON format describes, dense layers only, in NumPy."""
    observation, action = content["observation"], content["action"]
    x = (seen - np.array(observation["mean"])) * observation["scale"]
    x = np.clip(x, -observation["clip"], observation["clip"])
    mask = action.get("mask", 0)
    output = x[:, :-mask] if mask else x
    for layer in content["layers"]:
        output = output @ np.array(layer["weight"]) + np.array(layer["bias"])
        output = np.tanh(output) if layer["activation"] == "tanh" else output
    if "heads" in action:
        output = np.where(x[:, -mask:] > 0, output, -np.inf) if mask else output
        parts = np.split(output, np.cumsum(action["heads"])[:-1], axis=1)
        flat = np.stack([part.argmax(1) for part in parts], 1) + action["start"]
    else:
        below, above = (
            [sign * np.inf if x is None else x for x in action[name]] for sign, name in ((-1, "least"), (1, "most"))
        )
        low, high = ([sign * np.inf if x is None else x for x in action[n]] for sign, n in ((-1, "low"), (1, "high")))
        flat = np.array(action["middle"]) + np.array(action["half"]) * np.clip(output, below, above)
        flat = np.clip(np.rint(flat) if action["integer"] else flat, low, high)
    return flat.reshape(-1, *action["shape"])


def test_json_is_enough_to_act(case):
    made, seen, wanted, _ = case
    content = json.loads(to_json(portable(made)))
    assert content["observation"]["shape"] == list(seen.shape[1:])
    if not made.spec.pixels:
        np.testing.assert_allclose(interpreted(content, seen), wanted, rtol=TOLERANCE, atol=TOLERANCE)


def test_safetensors_hold_the_arrays(case):
    policy = portable(case[0])
    arrays = safetensors.numpy.load(to_safetensors(policy))
    for i, layer in enumerate(policy.layers):
        np.testing.assert_array_equal(arrays[f"layers.{i}.weight"], layer.weight)
    assert ("mean" in arrays) == (policy.normaliser is not None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    settings = {"sampling.N": 256, "critic.epochs": 1, "workers": 1}
    out = tmp_path_factory.mktemp("run") / "run"
    return deep.train("CartPole-v1", out, steps=512, settings=settings, progress=False).folder


@pytest.mark.parametrize("kind", ["onnx", "torchscript", "safetensors", "json", "html"])
def test_the_command_writes_into_the_run(folder, kind, capsys):
    assert main([str(folder), "--format", kind]) == cli.DONE
    path = capsys.readouterr().out.removeprefix("wrote ").strip()
    assert path.startswith(f"{folder}/policy.")


def test_an_agent_writes_what_the_name_says(folder, tmp_path):
    agent = deep.load(folder)
    agent.export(tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["env"] == "CartPole-v1"
    with pytest.raises(InputError, match=r"tells no format; expected a name that ends in .onnx, .pt"):
        agent.export(tmp_path / "a.exe")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/no/such/run"], "expected a run directory"),
        (["DIR", "--format", "exe"], "--format: expected one of"),
        (["DIR", "--best"], "has no best checkpoint"),
        (["DIR", "--out", "/proc/policy.onnx"], "cannot write"),
    ],
)
def test_bad_input_is_one_line_and_status_2(folder, arguments, message, capfd):
    assert main([str(folder) if word == "DIR" else word for word in arguments]) == cli.BAD_INPUT
    err = capfd.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on the PATH: install Debian's package chromium")
def test_the_page_plays_as_the_agent_does(folder, tmp_path):
    agent, target = deep.load(folder), tmp_path / "page.html"
    agent.export(target)
    env = gym.make("CartPole-v1")
    first, _ = env.reset(seed=0)
    wanted, state = [], first
    for _ in range(8):
        action, _ = agent.predict(state, deterministic=True)
        state, *_ = env.step(int(action))
        wanted.append((int(action), *map(float, state)))
    env.close()
    script = "s => Array.from({length: 8}, () => { const a = act(s); s = step(s, a); return [a, ...s]; })"
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        context, complaints = browser.new_context(offline=True), []
        tab = context.new_page()
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.goto(target.as_uri())
        sync_api.expect(tab.locator("#steps")).not_to_have_text("0", timeout=15000)
        np.testing.assert_allclose(tab.evaluate(script, first.tolist()), wanted, atol=TOLERANCE)
        browser.close()
    assert complaints == []
