"""The machine-checked proofs: complete, and the theorems that the page names. `make formal` has Coq check them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROOFS = (ROOT / "verify" / "coq" / "trust_region.v").read_text()
CODE = re.sub(r"\(\*.*?\*\)", "", PROOFS, flags=re.S)
STATEMENT = re.compile(r"^(?:Theorem|Lemma|Corollary) (\w+)", re.M)


def test_nothing_is_assumed_and_every_proof_is_complete():
    assert not re.search(r"\b(Axiom|Parameter|Conjecture|Admitted|admit|Abort)\b", CODE)
    assert len(STATEMENT.findall(CODE)) == len(re.findall(r"\bProof\.", CODE)) == len(re.findall(r"\bQed\.", CODE))


def test_the_page_names_theorems_that_are_there():
    section = (ROOT / "docs" / "theory.md").read_text().partition("## 16.")[2].partition("\n## ")[0]
    named = {word for row in re.findall(r"^\| (`.*?`) \|", section, re.M) for word in re.findall(r"`(\w+)`", row)}
    assert len(named) == 9
    assert named <= set(STATEMENT.findall(CODE))
    assert all(
        f"Print Assumptions {name}." in CODE for name in ("threshold_optimal", "gain_of_moved", "share_contracts")
    )
