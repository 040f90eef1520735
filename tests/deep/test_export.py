"""Exported policies act as the agent does, in runtimes that know nothing of this project."""

import io
import json
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import safetensors.numpy
import torch

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

TOLERANCE = 1e-5
SHALLOW = {"policy.convolutions": ((8, 4, 2), (8, 3, 1)), "policy.hidden": (16,)}
KINDS = {"Pendulum-v1": {}, "CartPole-v1": {}, "Hopper-v4": {}, "Catch-v0": SHALLOW, "RowsCatch-v0": SHALLOW}


def player(env):
    """A policy with random parameters and a random normaliser, and observations."""
    rng = np.random.default_rng(0)
    spec = inspect(env)
    config = preset("default", spec)
    if spec.pixels:
        config = deep.presets.change(config, KINDS[env] | {"critic.convolutions": ((8, 4, 2),)})
    policy = make_policy(config, spec)
    theta = torch.from_numpy(rng.normal(0, 0.5, policy.size).astype(np.float32))
    moments = RunningMoments.of(rng.normal(1, 3, (100, *spec.observation_shape)))
    if spec.pixels:
        seen = rng.integers(0, 256, (20, *spec.observation_shape), dtype=np.uint8)
    else:
        seen = rng.normal(1, 4, (20, *spec.observation_shape)).astype(np.float32)
    return Player(spec, 0.0, policy.actor(theta), preprocess(moments, 2.0, spec.pixels)), seen


@pytest.fixture(params=KINDS, scope="module")
def case(request):
    """A policy, observations, its actions and the outputs of its network."""
    made, seen = player(request.param)
    actor = made.actor
    network = actor.mean if hasattr(actor, "mean") else actor.logits
    outputs = np.stack([network(made.normalise(one)) for one in seen])
    return made, seen, made.predict(seen, deterministic=True)[0], outputs


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


def forward(layers, x, channels_last=False):
    """The layers of the JSON format in NumPy, dense ones only."""
    for layer in layers:
        x = x @ np.array(layer["weight"]) + np.array(layer["bias"])
        x = {"tanh": np.tanh, "none": lambda y: y}[layer["activation"]](x)
    return x


@pytest.mark.parametrize("env", ["Pendulum-v1", "CartPole-v1"])
def test_json_is_enough_to_act(env):
    made, seen = player(env)
    content = json.loads(to_json(portable(made)))
    observation, action = content["observation"], content["action"]
    x = np.clip((seen - observation["mean"]) * observation["scale"], -observation["clip"], observation["clip"])
    output = forward(content["layers"], x)
    if "start" in action:
        actions = action["start"] + output.argmax(1)
    else:
        limit = np.array([np.inf if x is None else x for x in action["limit"]])
        actions = action["middle"] + action["half"] * np.clip(output, -limit, limit)
    np.testing.assert_allclose(actions, made.predict(seen, deterministic=True)[0], rtol=TOLERANCE, atol=TOLERANCE)


def test_safetensors_hold_the_arrays(case):
    policy = portable(case[0])
    arrays = safetensors.numpy.load(to_safetensors(policy))
    for i, layer in enumerate(policy.layers):
        np.testing.assert_array_equal(arrays[f"layers.{i}.weight"], layer.weight)
    assert ("mean" in arrays) == (not policy.pixels)


def test_a_space_that_starts_elsewhere():
    made, seen = player("CartPole-v1")
    shifted = replace(made, spec=replace(made.spec, start=5))
    action = onnxruntime.InferenceSession(to_onnx(portable(shifted))).run(["action"], {"observation": seen})[0]
    assert set(action.tolist()) == {5, 6}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    settings = {"sampling.N": 256, "critic.epochs": 1, "workers": 1}
    out = tmp_path_factory.mktemp("run") / "run"
    return deep.train("CartPole-v1", out, steps=512, settings=settings, progress=False).folder


@pytest.mark.parametrize("kind", ["onnx", "torchscript", "safetensors", "json"])
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
