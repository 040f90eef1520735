"""Policy iteration over the rationals, sharing no code with `exact`: what every optimum is compared with."""

from fractions import Fraction


def solve_linear(M, b):
    """x with M x = b, by Gauss-Jordan elimination over the fractions."""
    rows = [[*row, x] for row, x in zip(M, b, strict=True)]
    for i in range(len(rows)):
        pivot = next(j for j in range(i, len(rows)) if rows[j][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for j, row in enumerate(rows):
            if j != i and row[i]:
                rows[j] = [x - row[i] * y for x, y in zip(row, rows[i], strict=True)]
    return [row[-1] for row in rows]


class Rational:
    """The MDP whose rows are divided by their exact sums; its floats are taken as they are."""

    def __init__(self, transitions, rewards, initial, discount):
        def distribution(row):
            row = [Fraction(float(x)) for x in row]
            return [x / sum(row) for x in row]

        self.P = [[distribution(row) for row in state] for state in transitions]
        self.r = [[Fraction(float(x)) for x in row] for row in rewards]
        self.initial, self.gamma = distribution(initial), Fraction(float(discount))
        self.states, self.actions = range(len(self.r)), range(len(self.r[0]))

    def values(self, policy):
        """V of a policy, a table of rows."""
        pi = [[Fraction(float(x)) for x in row] for row in policy]
        pi = [[x / sum(row) for x in row] for row in pi]
        M = [
            [(s == t) - self.gamma * sum(pi[s][a] * self.P[s][a][t] for a in self.actions) for t in self.states]
            for s in self.states
        ]
        return solve_linear(M, [sum(pi[s][a] * self.r[s][a] for a in self.actions) for s in self.states])

    def eta(self, policy):
        """Return of a policy."""
        return sum(p * v for p, v in zip(self.initial, self.values(policy), strict=True))

    def optimum(self):
        """Largest return, by Howard's policy iteration."""
        chosen = [0 for _ in self.states]
        while True:
            V = self.values([[float(a == chosen[s]) for a in self.actions] for s in self.states])
            Q = [
                [
                    self.r[s][a] + self.gamma * sum(p * v for p, v in zip(self.P[s][a], V, strict=True))
                    for a in self.actions
                ]
                for s in self.states
            ]
            better = [max(self.actions, key=lambda a, s=s: (Q[s][a], a == chosen[s])) for s in self.states]
            if better == chosen:
                return sum(p * v for p, v in zip(self.initial, V, strict=True))
            chosen = better
