"""The page as one file: which MDPs it has, that it needs no network, that data stay data."""

import json
import re
from dataclasses import replace

from exact.classroom.counterexamples import counterexamples
from exact.classroom.lesson import STORY, TEXTBOOK, page
from exact.classroom.scene import MAX_PAIRS, scene
from exact.mdps.library import NAMED, load

SETTINGS = TEXTBOOK


def test_the_menu_offers_every_named_mdp_that_can_be_drawn() -> None:
    assert sorted(STORY) == sorted(name for name in NAMED if load(name).rewards.size <= MAX_PAIRS)


def test_the_page_is_self_contained_and_says_little_per_view() -> None:
    text = page([scene(load("puterman-two-state"), SETTINGS)], counterexamples())
    assert not re.search(r"(?:src|href)\s*=|url\((?!#|\$\{picture\})|@import|fetch\(|XMLHttpRequest", text)
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1998/Math/MathML",
    }
    views = re.findall(r'<p class="why">(.*?)</p>', text, flags=re.DOTALL)
    assert len(views) == text.count("<section") - 2  # the lesson and the exercises have none
    for view in views:
        plain = re.sub(r"et al\.|3\.\s?[2467]|<[^>]+>", "", view)
        assert len(re.findall(r"[.?!](?:\s|$)", plain)) <= 5, view


def test_a_hostile_name_stays_data() -> None:
    mdp = replace(load("cash-in"), name="</script><script>alert(1)</script>")
    text = page([scene(mdp, SETTINGS)], counterexamples())
    assert "alert(1)</script>" not in text
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, flags=re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["scenes"][0]["name"] == mdp.name
