"""Certificates: what a verdict rests on, as exact fractions in JSON, for somebody who does not trust this code.

A file holds a list of certificates.  Fractions are texts such as "9/10".  Fields of every certificate:

    format       "stro-certificate-1"
    kind         "policy": how far a policy is from the optimum;  "step": what one trust-region step does
    mdp          name, discount, initial, rewards (S x A), transitions: for every (s, a) an object {"t": "P(t|s,a)"}
    digest       SHA-256 of the field mdp, as `digest` computes it
    policy, V, rho, eta      pi(a|s), its values, its visitation and its return
    price        policy: m = max A(s,a).  step: the largest gap of a pair that keeps mass, the dual price of (3.6)
    sides        by statement, [actual, claimed]: the statement says actual >= claimed

An action that a state does not have is written as a copy of its first available one, and no policy uses it.  A step
also has delta, its radius, and trial, V_trial, rho_trial, eta_trial of pi'.  `verify/check_certificate.py` checks a
file with Python's standard library alone.
"""

import hashlib
import json
from typing import Any

import numpy as np

from exact.evaluation import Evaluation
from exact.mdp import MDP, Array
from exact.rational import RationalMDP, Rationals, dyadics, evaluate_exactly, from_mdp, normalise

FORMAT = "stro-certificate-1"


def policy_certificate(mdp: MDP, policy: Array) -> dict[str, Any]:
    """The certificate of eta* - eta <= max A / (1-gamma), computed over the rationals.

    Args:
        mdp: the MDP; its floats mean fractions as `exact.rational.rational` says.
        policy: pi(a|s), shape (S, A). The rounding of a row goes to its largest entry.
    """
    exact = from_mdp(mdp)
    pi = dyadics(mdp.check_policy(policy))
    for row in pi:
        normalise(row)
    values = evaluate_exactly(exact, pi)
    price = values.A.max()
    bound = values.eta + price / (1 - exact.discount)
    sides = {"eta + max A/(1-gamma) >= eta*, and eta* >= eta": [bound, values.eta]}
    return _certificate("policy", mdp.name, exact, pi, values, price, sides)


def step_certificate(
    name: str,
    mdp: RationalMDP,
    policies: tuple[Rationals, Rationals],
    values: tuple[Evaluation, Evaluation],
    numbers: tuple[Any, Any],
    sides: dict[str, Any],
) -> dict[str, Any]:
    """The certificate of one step and of statements about it.

    Args:
        name: of the MDP.
        mdp: its rational data.
        policies: pi_k and the trial pi', each of shape (S, A), over the rationals.
        values: their evaluations over the rationals.
        numbers: the radius, and the price of (3.6).
        sides: by statement, [actual, claimed].
    """
    found = _certificate("step", name, mdp, policies[0], values[0], numbers[1], sides)
    after = values[1]
    new = {"trial": policies[1], "V_trial": after.V, "rho_trial": after.rho, "eta_trial": after.eta}
    return found | {key: texts(value) for key, value in (new | {"delta": numbers[0]}).items()}


def _certificate(
    kind: str, name: str, mdp: RationalMDP, policy: Rationals, values: Evaluation, price: Any, sides: dict[str, Any]
) -> dict[str, Any]:
    data = model(name, mdp)
    numbers = {"policy": policy, "V": values.V, "rho": values.rho, "eta": values.eta, "price": price, "sides": sides}
    return {"format": FORMAT, "kind": kind, "mdp": data, "digest": digest(data)} | {
        key: texts(value) for key, value in numbers.items()
    }


def model(name: str, mdp: RationalMDP) -> dict[str, Any]:
    """The data of an MDP as the certificates have them."""
    S, A = mdp.rewards.shape
    rows = [
        {str(t): str(p) for t, p in zip(mdp.successors[i:j], mdp.probabilities[i:j], strict=True) if p != 0}
        for i, j in zip(mdp.indptr[:-1], mdp.indptr[1:], strict=True)
    ]
    table = [rows[s * A : (s + 1) * A] for s in range(S)]
    plain = {"discount": mdp.discount, "initial": mdp.initial, "rewards": mdp.rewards}
    return {"name": name} | {key: texts(value) for key, value in plain.items()} | {"transitions": table}


def digest(data: dict[str, Any]) -> str:
    """SHA-256 of JSON data with sorted keys and no blanks."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def texts(value: Any) -> Any:
    """Fractions as texts, in the lists and dictionaries that hold them."""
    if isinstance(value, dict):
        return {key: texts(item) for key, item in value.items()}
    if isinstance(value, (list, np.ndarray)):
        return [texts(item) for item in value]
    return str(value)


def as_json(certificates: list[dict[str, Any]]) -> str:
    """The content of a certificate file."""
    return json.dumps(certificates, indent=1) + "\n"
