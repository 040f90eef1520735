"""Certificates and their checker: true ones pass, and no single number can be changed."""

import copy
import json
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from exact.algorithm import iterate
from exact.certificate import as_json, digest, policy_certificate
from exact.mdps.library import load
from exact.optimum import optimum
from exact.rational import from_mdp
from exact.solving import main
from exact.subproblem.tv import solve_tv
from verify import check_certificate, lemma34
from verify.tabular.certifying import certificate
from verify.tabular.trial import exact_trial, on_grid

CHECKER = Path(check_certificate.__file__)


def step(name):
    """The certificate of a first step from the uniform policy, with everything that the checker derives."""
    mdp = load(name)
    return certificate(mdp, exact_trial(from_mdp(mdp), next(iterate(mdp, on_grid(solve_tv), delta0=0.5))))


CERTIFICATES = {
    "policy": policy_certificate(load("cash-in"), np.array([[0.25, 0.75], [1 / 3, 2 / 3]])),
    "step": step("cash-in"),
}


def numbers(tree, path=()):
    """Paths to all leaves of a certificate but the MDP's name."""
    if isinstance(tree, (dict, list)):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from numbers(value, (*path, key))
    elif path != ("mdp", "name"):
        yield path


def changed(certificate, path, value):
    found = copy.deepcopy(certificate)
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return found


def refused(certificate):
    try:
        check_certificate._check(certificate)
    except Exception:
        return True
    return False


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_a_true_certificate_passes(kind, capsys):
    check_certificate._check(CERTIFICATES[kind])
    assert capsys.readouterr().out.startswith("holds: ")


@pytest.mark.parametrize("rehashed", [False, True], ids=["as it is", "with a new digest"])
@pytest.mark.parametrize("kind", CERTIFICATES)
def test_any_changed_number_is_refused(kind, rehashed, capsys):
    """Also a changed MDP whose digest was computed again: its values are no longer these."""
    true, tried = CERTIFICATES[kind], 0
    for path in numbers(true):
        old = true
        for key in path:
            old = old[key]
        others = (
            ["x"] if "/" not in old and not old.lstrip("-").isdigit() else ["7/5", "-1", "0", "1", f"{old}0", "1e9"]
        )
        for new in others:
            if new == old or (rehashed and path == ("digest",)):
                continue
            wrong = changed(true, path, new)
            if rehashed:
                wrong["digest"] = digest(wrong["mdp"])
            assert refused(wrong), (path, old, new)
            tried += 1
    assert tried > 100


BOUND = "eta + max A/(1-gamma) >= eta*, and eta* >= eta"


def another_return(certificate):
    """eta a seventh higher, and the sides as they would be then."""
    certificate["eta"] = str(Fraction(certificate["eta"]) + Fraction(1, 7))
    certificate["sides"][BOUND] = [str(Fraction(x) + Fraction(1, 7)) for x in certificate["sides"][BOUND]]


def outside(certificate):
    """A radius of half of what the step uses, and the sides as they would be then."""
    region = certificate["sides"]["the trial is in the region"]
    certificate["delta"] = region[0] = str(Fraction(region[1]) / 2)


def outside_and_silent(certificate):
    """The same, but the sides go on saying that the radius is what the step uses."""
    D = certificate["sides"]["the trial is in the region"][1]
    certificate["delta"] = str(Fraction(D) / 2)
    certificate["sides"]["the trial is in the region"] = [D, D]


FORGED = {
    "another digest": ("policy", lambda c: c.update(digest="0" * 64), "the digest is not that of the MDP"),
    "another return": ("policy", another_return, "eta is not rho0' V"),
    "a row of 3/4": ("policy", lambda c: c["policy"].__setitem__(0, ["1/4", "1/2"]), "no probability distribution"),
    "a negative mass": ("policy", lambda c: c["policy"].__setitem__(0, ["-1/4", "5/4"]), "no probability distribution"),
    "outside of the region": ("step", outside, "the trial is in the region: it is not so"),
    "outside of the region, and silent": ("step", outside_and_silent, "the trial is in the region: it is not so"),
    "a statement left out": ("step", lambda c: c["sides"].pop("Lemma 3.3"), "other statements"),
}


@pytest.mark.parametrize(("kind", "forge", "reason"), FORGED.values(), ids=FORGED.keys())
def test_a_forged_certificate_is_refused_for_what_is_wrong(kind, forge, reason):
    """Whatever else would give it away has been forged, too."""
    forged = copy.deepcopy(CERTIFICATES[kind])
    forge(forged)
    with pytest.raises(ValueError, match=re.escape(reason)):
        check_certificate._check(forged)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "[]]", "[1]", "[{}]", '[{"format": "stro-certificate-1"}]', "[" * 10_000]
)
def test_other_files_are_refused_in_one_line(content, tmp_path):
    (tmp_path / "c.json").write_text(content)
    done = subprocess.run([sys.executable, CHECKER, tmp_path / "c.json"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("refused: ")
    assert done.stderr.count("\n") == 1


def test_the_certificate_of_a_run(tmp_path):
    target = tmp_path / "frozenlake.json"
    assert main(["--mdp", "frozenlake-8x8", "--certificate", str(target)]) == 0
    command = [sys.executable, "-I", "-S", CHECKER, target]  # isolated: nothing but the standard library is there
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "0.406876916 >= 0.406876916" in done.stdout
    assert as_json(json.loads(target.read_text())) == target.read_text()


def test_changed_numbers_of_frozenlake_are_refused(capsys):
    mdp = load("frozenlake-4x4")
    true = policy_certificate(mdp, optimum(mdp).policy)
    check_certificate._check(true)
    for path in [*numbers(true)][::40]:
        wrong = changed(true, path, "7/5" if path != ("digest",) else "0")
        wrong["digest"] = digest(wrong["mdp"])
        assert refused(wrong), path


def test_the_certificates_of_a_statement_file_pass(tmp_path, capsys):
    target = tmp_path / "steps.json"
    words = [
        "--mdp",
        "cash-in",
        "--mdp",
        "unvisited",
        "--instances",
        "2",
        "--search",
        "0",
        "--certificate",
        str(target),
    ]
    assert lemma34.main(words) == 0
    assert f"certificates to {target}" in capsys.readouterr().out
    done = subprocess.run([sys.executable, "-I", "-S", CHECKER, target], capture_output=True, text=True, check=True)
    assert done.stdout.count("holds: closed form of (3.6)") == len(json.loads(target.read_text())) > 4


def test_a_convex_solver_s_steps_have_no_certificate(tmp_path, capsys):
    words = ["--mdp", "cash-in", "--instances", "1", "--search", "0", "--solver", "lp"]
    assert lemma34.main([*words, "--certificate", str(tmp_path / "c.json")]) == 2
    assert "--certificate is for --solver closed-form" in capsys.readouterr().err


def test_the_checker_is_short_and_alone():
    text = CHECKER.read_text()
    assert len(text.splitlines()) <= 100
    assert {line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))} == {
        *("hashlib", "json", "sys", "fractions")
    }
