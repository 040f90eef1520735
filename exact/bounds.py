"""Lower bounds on the gain and on the ratio of a trust-region step: the paper's, and stronger ones.

Notation of Zhao, Li and Wen (arXiv 1911.11640).  pi' is a maximiser of (3.6) at pi_k with radius delta.  rho and A
belong to pi_k, rho' to pi'.  p0 = min rho0, A_bar = max |A|, A_star = sum_s rho(s) max_a A(s,a).  TV(s) is the total
variation between pi_k(.|s) and pi'(.|s), f(s) = sum_a pi'(a|s) A(s,a), D = sum rho TV, D' = sum rho' TV.  The file of
`verify/` that checks a statement has its proof.

All functions take float64 arrays or object arrays of exact rationals (python-flint's `fmpq`), because they use nothing
but the four operations and comparisons.  So the bounds that are drawn, measured and certified are the same code.
"""

from typing import Any, TypeVar

Number = TypeVar("Number", float, Any)
"""float, or an exact rational."""


def total_variation(policy: Any, trial: Any) -> Any:
    """TV(s) = 1/2 sum_a |pi'(a|s) - pi_k(a|s)|, shape (S,), for policies of shape (S, A)."""
    return abs(trial - policy).sum(axis=1) / 2


def lemma33(discount: Number, A_star: Number, delta: Number) -> Number:
    """Lemma 3.3 as printed: L_k(pi') - L_k(pi_k) >= min(1, (1-gamma) delta) A_star."""
    return min(1, (1 - discount) * delta) * A_star


def gain_sharper(greedy_cost: Number, A_star: Number, delta: Number) -> Number:
    """Lemma 3.3 sharpened: gain >= min(1, delta/B) A_star, B = `greedy_cost` = sum_s rho(s) TV(greedy, pi_k) > 0."""
    return min(1, delta / greedy_cost) * A_star


def lemma34(discount: Number, p0: Number, A_bar: Number, A_star: Number, delta: Number) -> Number:
    """Lemma 3.4 as printed: a lower bound of the ratio r_k. It needs A_star > 0."""
    scale = 4 * A_bar * discount * delta / A_star / p0 / p0  # p0 * p0 would underflow
    one = 1 - discount
    return min(1 - scale * delta / (one * one), 1 - scale / (one * one * one))


def ratio_from_visitations(rho: Any, rho_new: Any) -> Any:
    """r_k >= min_s rho'(s) / rho(s) >= (1-gamma) p0; both arguments have shape (S,)."""
    return min(rho_new / rho)


def ratio_prior(discount: Number, min_rho: Number, D: Number) -> Number:
    """r_k >= 1 - gamma D / ((1-gamma) min rho): known before pi' is evaluated, and without A_star and A_bar."""
    return 1 - discount * D / (1 - discount) / min_rho


def ratio_posterior(discount: Number, min_rho_new: Number, D_new: Number) -> Number:
    """r_k >= 1 / (1 + gamma D' / ((1-gamma) min rho')): known once pi' is evaluated, and always positive."""
    return 1 / (1 + discount * D_new / (1 - discount) / min_rho_new)


def radius_floor(
    discount: Number, p0: Number, delta0: Number, beta0: Number, beta1: Number, gamma2: Number, gamma3: Number
) -> Number:
    """(3.10) repaired: delta_k >= min(delta_0, gamma2 (1-beta1) c, gamma3 (1-beta0) c), c = (1-gamma) p0 / gamma."""
    if discount == 0:
        return delta0  # every ratio is 1, and the radius never shrinks
    c = (1 - discount) * p0 / discount
    return min(delta0, gamma2 * (1 - beta1) * c, gamma3 * (1 - beta0) * c)


def radius_printed(discount: Number, p0: Number, eps: Number, A_bar: Number, beta1: Number) -> Number:
    """delta_bar of the paper's (3.10): p0^2 (1-gamma)^3 eps (1-beta1) / (4 A_bar gamma), as long as A_star >= eps."""
    one = 1 - discount
    return p0 * p0 * one * one * one * eps * (1 - beta1) / (4 * A_bar * discount)


def ratio_span(discount: Any, D: Any, f: Any, gain: Any) -> Any:
    """r_k >= 1 - gamma D span(f) / ((1-gamma) gain): known before pi' is evaluated, for any two policies."""
    return 1 - discount * D * _span(f) / ((1 - discount) * gain)


def regret_bounds(discount: Number, initial: Any, m: Any) -> tuple[Number, Number]:
    """rho0'm <= eta* - eta <= max m / (1-gamma), with m(s) = max_a A(s,a), shape (S,). They need no rho0 > 0."""
    return (initial * m).sum(), max(m) / (1 - discount)


def rate_sharper(discount: Number, greedy_cost: Number, A_star: Number, max_m: Number, delta: Number) -> Number:
    """eta' - eta >= r rate (eta* - eta), rate = min(1, delta/B) (1-gamma) A_star / max m, B = `greedy_cost` > 0."""
    return min(1, delta / greedy_cost) * (1 - discount) * A_star / max_m


def surrogate_error_ladder(
    discount: Number, TV: Any, f: Any, D: Number, A_bar: Number, V: Any, V_new: Any
) -> dict[str, Any]:
    """Five bounds X in eta(pi') >= L_k(pi') - X, the coarsest first.

    Args:
        discount: gamma.
        TV: total variation in every state, shape (S,).
        f: sum_a pi'(a|s) A(s,a), shape (S,).
        D: sum_s rho(s) TV(s).
        A_bar: max |A|.
        V: values of pi_k, shape (S,).
        V_new: values of pi', shape (S,).

    Returns:
        Bounds by name: Theorem 1 of Schulman et al. 2015, which the paper uses ("TRPO"); Pirotta et al. 2013; Achiam
        et al. 2017 ("CPO") and its span form; the form that is known afterwards ("a posteriori"), which follows from
        eta' - L' = gamma rho' (P_pi' - P_pi) (V' - V).
    """
    one = 1 - discount
    alpha = max(TV)
    return {
        "TRPO": 4 * A_bar * discount * alpha * alpha / (one * one),
        "Pirotta": discount * alpha * _span(f) / (one * one),
        "CPO": 2 * discount * max(abs(f)) * D / one,
        "span": discount * D * _span(f) / one,
        "a posteriori": discount * D * _span(V_new - V),
    }


def _span(x: Any) -> Any:
    """max x - min x."""
    return max(x) - min(x)
