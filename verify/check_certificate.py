"""Check certificates of this project with Python's standard library alone: no code is shared with what made them.

`python verify/check_certificate.py FILE`. `exact/certificate.py` describes the fields. Nothing is believed: that
V = r_pi + gamma P_pi V and rho = rho0 + gamma P_pi' rho is confirmed over fractions, all else is computed from them.
"""

import hashlib
import json
import sys
from fractions import Fraction


def _need(truth, what):
    if not truth:
        raise ValueError(what)


def _numbers(x):
    if isinstance(x, list):
        return [_numbers(item) for item in x]
    _need(isinstance(x, str) and str(Fraction(x)) == x, f"{x!r} is no fraction in lowest terms")
    return Fraction(x)


def _dot(x, y):
    return sum(a * b for a, b in zip(x, y, strict=True))


def _mdp(data, digest):
    text = json.dumps(data, sort_keys=True, separators=(",", ":")).encode()
    _need(hashlib.sha256(text).hexdigest() == digest, "the digest is not that of the MDP")
    P = [[{int(t): _numbers(p) for t, p in row.items()} for row in state] for state in data["transitions"]]
    r, initial, gamma = (_numbers(data[key]) for key in ("rewards", "initial", "discount"))
    fits = len(P) == len(r) == len(initial) > 0 and all(len(a) == len(b) == len(r[0]) for a, b in zip(P, r))
    inside = 0 <= gamma < 1 and all(0 <= t < len(r) for state in P for row in state for t in row)
    _need(fits and inside, "the MDP's discount, its sizes or its successors are wrong")
    return P, r, initial, gamma


def _advantages(mdp, pi, V, rho, eta):
    P, r, initial, gamma = mdp
    _need(len(pi) == len(V) == len(rho) == len(r) and len(pi[0]) == len(r[0]), "a table has another size than the MDP")
    rows = [*pi, initial, *(row.values() for state in P for row in state)]
    _need(all(sum(row) == 1 and min(row) >= 0 for row in rows), "a row is no probability distribution")
    A = [[x + gamma * sum(p * V[t] for t, p in row.items()) - v for x, row in zip(*of)] for *of, v in zip(r, P, V)]
    _need(all(_dot(p, a) == 0 for p, a in zip(pi, A)), "V does not solve V = r_pi + gamma P_pi V")
    flow = list(initial)
    for s, state in enumerate(P):
        for p, row in zip(pi[s], state):
            for t, q in row.items():
                flow[t] += gamma * rho[s] * p * q
    _need(flow == rho, "rho does not solve rho = rho0 + gamma P_pi' rho")
    _need(_dot(initial, V) == eta, "eta is not rho0' V")
    return A


def _step_sides(c, mdp, A):
    pi, rho, V, gamma, delta = *(_numbers(c[key]) for key in ("policy", "rho", "V")), mdp[3], _numbers(c["delta"])
    new, V_new, rho_new, eta_new = (_numbers(c[f"{key}trial"]) for key in ("", "V_", "rho_", "eta_"))
    _advantages(mdp, new, V_new, rho_new, eta_new)
    f, G = [_dot(p, a) for p, a in zip(new, A)], [[max(a) - x for x in a] for a in A]
    TV = [sum(abs(x - y) for x, y in zip(p, q)) / 2 for p, q in zip(pi, new)]
    gain, D, D_new, A_star = _dot(rho, f), _dot(rho, TV), _dot(rho_new, TV), _dot(rho, map(max, A))
    price = max(g for p, row in zip(new, G) for q, g in zip(p, row) if q)
    dual = price * D + _dot(rho, [sum(p * max(g - price, 0) for p, g in zip(*both)) for both in zip(pi, G)])
    sides = {
        "the trial is in the region": (delta, D),
        "closed form of (3.6)": (gain, dual),
        "Lemma 3.3": (gain, min(1, (1 - gamma) * (D if price else max(D, delta))) * A_star),
        "no state is made worse": (min(f), 0),
        "monotone improvement": (min(y - x for x, y in zip(V, V_new)), 0),
    }
    if min(mdp[2]) > 0 and gain > 0:
        ratio = (eta_new - _numbers(c["eta"])) / gain
        sides["ratio by visitation"] = ratio, min(y / x for x, y in zip(rho, rho_new))
        sides["prior ratio"] = ratio, 1 - gamma * D / ((1 - gamma) * min(rho))
        sides["posterior ratio"] = ratio, 1 / (1 + gamma * D_new / ((1 - gamma) * min(rho_new)))
    return price, sides


def _check(c):
    _need(c["format"] == "stro-certificate-1" and c["kind"] in ("policy", "step"), "not a certificate of this format")
    mdp, eta = _mdp(c["mdp"], c["digest"]), _numbers(c["eta"])
    A = _advantages(mdp, *(_numbers(c[key]) for key in ("policy", "V", "rho")), eta)
    price = max(map(max, A))
    sides = {"eta + max A/(1-gamma) >= eta*, and eta* >= eta": (eta + price / (1 - mdp[3]), eta)}
    if c["kind"] == "step":
        price, sides = _step_sides(c, mdp, A)
    _need(_numbers(c["price"]) == price and set(c["sides"]) == set(sides), "another price, or other statements")
    for statement, (actual, claimed) in sides.items():
        _need(_numbers(c["sides"][statement]) == [actual, claimed] and actual >= claimed, f"{statement}: it is not so")
        print(f"holds: {statement}: {float(actual):.9g} >= {float(claimed):.9g}")


if __name__ == "__main__":
    try:
        for certificate in json.load(open(sys.argv[1])) or [{}]:  # an empty file proves nothing
            _check(certificate)
    except Exception as error:  # whatever a foreign file makes of it
        sys.exit(f"refused: {'' if type(error) is ValueError else 'no certificate: '}{error}")
