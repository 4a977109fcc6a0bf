from __future__ import annotations

import json
import re

import pytest

from evolve.page import assets, frozen
from population.store import Population
from population.variant import Variant

HOSTILE = "</script><img src=x onerror=alert(1)> \u202e <!-- </SCRIPT >"
DATA = re.compile(r'<script type="application/json" id="frozen">(.*?)</script>', re.DOTALL)


def test_one_file_holds_the_page_and_the_run(run: Population) -> None:
    page = frozen.frozen(run)
    data = json.loads(DATA.search(page)[1])  # type: ignore[index]
    (kept,) = data["runs"]
    assert kept["overview"]["champion"]["id"] == "v1"
    assert set(kept["variants"]) == {"v0", "v1", "v2", "v3", "v4"}
    assert not re.search(r"<(?:script|link|img)[^>]* (?:src|href)=[\"'](?!data:)", page)


def test_no_text_of_a_variant_ends_the_data(run: Population) -> None:
    digest = run.keep_source(f"x = 1  # {HOSTILE}\n")
    run.commit(Variant("v5", digest, digest, "f5", ("v0",), "mutate", HOSTILE, 0, 1))
    page = frozen.frozen(run)
    data = json.loads(DATA.search(page)[1])  # type: ignore[index]
    assert data["runs"][0]["variants"]["v5"]["hypothesis"].startswith("</script><img")
    assert "<img" not in page.replace(assets.plotly().read_text(), "")
    assert page.count("</script>") == 3 + assets.plotly().read_text().count("</script>") * 0


def test_of_a_large_run_it_holds_what_is_asked_for_most(
    run: Population, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen, "HELD", 3)
    (kept,) = json.loads(DATA.search(frozen.frozen(run))[1])["runs"]  # type: ignore[index]
    assert set(kept["variants"]) == {"v0", "v1", "v2"}  # the descent, and a failure
    assert len(kept["overview"]["graph"]["id"]) == 5


def test_every_module_is_in_the_script_after_those_that_it_imports() -> None:
    texts = {name: (assets.STATIC / f"{name}.js").read_text() for name in assets.MODULES}
    assert {path.stem for path in assets.STATIC.glob("*.js")} == set(texts)
    before: set[str] = set()
    for name, text in texts.items():
        assert set(re.findall(r'from "\./(\w+)\.js"', text)) <= before, name
        before.add(name)
    assert not re.search(r"^(?:import|export) ", assets.bundle(), re.MULTILINE)


def test_no_script_of_ours_reads_text_as_html() -> None:
    for name in assets.MODULES:
        text = (assets.STATIC / f"{name}.js").read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), name
