from __future__ import annotations

import json
import random
import urllib.request
from collections.abc import Mapping

import pytest

from benchmarks.peers.catalogue import put
from benchmarks.peers.dialogue import Form, Oracle, as_messages, understood
from benchmarks.peers.hunks import changes, patched
from benchmarks.peers.reading import Reading, read
from benchmarks.peers.server import ScriptedServer
from benchmarks.peers.sites import SEED_SOURCE, by_name
from operators import prompts
from operators.chat import ReplyForm
from operators.edits import Edited, apply_diff, apply_whole
from operators.proposal import Context, Parent
from population.variant import Direction, Variant


def with_option(site: str, option: str) -> str:
    return put(SEED_SOURCE, by_name()[site], by_name()[site].options[option]) or ""


OTHER, THIRD = with_option("head", "tied"), with_option("norm", "rms")

OPENEVOLVE = """# Current Program Information
- Fitness: 0.4

# Program Evolution History
## Top Performing Programs

### Program 1 (Score: 0.5)
```python
{other}
```
Key features: fast

# Current Program
```python
{current}
```

# Task
Suggest improvements to the program that will improve its FITNESS SCORE.
"""
OPENEVOLVE_DIFF = """You MUST use the exact SEARCH/REPLACE diff format shown below to indicate changes:

<<<<<<< SEARCH
# Original code to find and replace (must match exactly)
=======
# New replacement code
>>>>>>> REPLACE
"""
OPENEVOLVE_WHOLE = """Provide the complete new program code.

```python
# Your rewritten program here
```"""
TAGGED = """You MUST respond using a short summary name, description and the full code:

<NAME>
A name.
</NAME>

<DESCRIPTION>
A description.
</DESCRIPTION>

"""
TAGGED_DIFF = f"{TAGGED}<DIFF>\n<<<<<<< SEARCH\n# old\n=======\n# new\n>>>>>>> REPLACE\n\n</DIFF>\n"
TAGGED_WHOLE = f"{TAGGED}<CODE>\n```python\n# The new rewritten program here.\n```\n</CODE>\n"
SHINKA = """Here are the performance metrics of a set of programs:

# Prior programs

```python
{other}
```

# Current program

Here is the current program we are trying to improve (you will need to propose a new program):

```python
{current}
```

# Task

Perform a cross-over between the code script above and the one below.
Provide the complete new program code.

# Crossover Inspiration Programs
```python
{third}
```
"""


def chat(system: str, user: str) -> list[dict[str, str]]:
    return as_messages((("system", system), ("user", user)))


def parent(name: str, source: str) -> Parent:
    variant = Variant(name, "d", "d", "m", (), "seed", "an idea", 0, 0)
    return Parent(variant, source, None)


def context(*sources: str, inspirations: tuple[str, ...] = ()) -> Context:
    parents = tuple(parent(f"v{i}", source) for i, source in enumerate(sources))
    others = tuple(parent(f"w{i}", source) for i, source in enumerate(inspirations))
    return Context("a task", "loss", Direction.MINIMIZE, "", parents, others)


def test_our_prompt_for_a_mutation_is_understood_with_the_variants_that_it_shows_as_differences() -> None:
    asked = prompts.mutate(context(OTHER, inspirations=(SEED_SOURCE, THIRD)), ReplyForm.DIFF)
    question = understood(as_messages(asked))
    assert (question.form, question.combine) == (Form.DIFF, False)
    assert question.source.rstrip() == OTHER.rstrip()
    assert [one.rstrip() for one in question.others] == [SEED_SOURCE.rstrip(), THIRD.rstrip()]


@pytest.mark.parametrize(("form", "expected"), [(ReplyForm.DIFF, Form.DIFF), (ReplyForm.WHOLE, Form.WHOLE)])
def test_our_prompt_for_a_crossover_is_understood(form: ReplyForm, expected: Form) -> None:
    question = understood(as_messages(prompts.crossover(context(THIRD, OTHER), form)))
    assert (question.form, question.combine) == (expected, True)
    assert question.source.rstrip() == THIRD.rstrip()
    assert [one.rstrip() for one in question.others] == [OTHER.rstrip()]


def test_our_prompt_for_a_repair_is_understood() -> None:
    question = understood(as_messages(prompts.repair(context(THIRD), ReplyForm.DIFF)))
    assert question.source.rstrip() == THIRD.rstrip()


@pytest.mark.parametrize(
    ("asks", "form"), [(OPENEVOLVE_DIFF, Form.DIFF), (OPENEVOLVE_WHOLE, Form.WHOLE)], ids=["diff", "whole"]
)
def test_the_prompt_of_openevolve_is_understood(asks: str, form: Form) -> None:
    question = understood(chat("You improve code.", OPENEVOLVE.format(other=OTHER, current=THIRD) + asks))
    assert question.form is form
    assert question.source.strip() == THIRD.strip()
    assert [one.strip() for one in question.others] == [OTHER.strip()]
    assert not question.combine


@pytest.mark.parametrize(
    ("asks", "form"),
    [(TAGGED_DIFF, Form.TAGGED_DIFF), (TAGGED_WHOLE, Form.TAGGED_WHOLE)],
    ids=["diff", "whole"],
)
def test_the_prompt_of_shinka_is_understood(asks: str, form: Form) -> None:
    user = SHINKA.format(other=OTHER, current=THIRD, third=SEED_SOURCE)
    question = understood(chat(asks, user))
    assert (question.form, question.combine) == (form, True)
    assert question.source.strip() == THIRD.strip()
    assert [one.strip() for one in question.others] == [OTHER.strip(), SEED_SOURCE.strip()]


def test_what_is_not_about_changing_a_program_gets_a_fixed_answer() -> None:
    oracle = Oracle(0)
    judge = chat("Respond with NOVEL or NOT_NOVEL.", f"```python\n{SEED_SOURCE}\n```")
    assert oracle.answer(judge).startswith("NOVEL")
    summary = chat("You summarise.", f"# Program to Analyze\n\n```python\n{SEED_SOURCE}\n```\nSummarise it.")
    assert oracle.answer(summary) == oracle.answer(summary)
    assert "```" not in oracle.answer(summary)
    assert oracle.calls == 4
    assert not oracle.kinds


def test_our_replies_apply_in_our_own_gate_unless_they_are_malformed() -> None:
    oracle = Oracle(4)
    for form, apply in ((ReplyForm.DIFF, apply_diff), (ReplyForm.WHOLE, apply_whole)):
        asked = as_messages(prompts.mutate(context(SEED_SOURCE), form))
        edited = [apply(oracle.answer(asked), SEED_SOURCE) for _ in range(60)]
        applied = [one for one in edited if isinstance(one, Edited)]
        assert 45 <= len(applied) <= 59
        assert len({one.source for one in applied}) > 30
    assert oracle.kinds["malformed"] == 120 - sum(oracle.kinds[k] for k in oracle.kinds if k != "malformed")


def test_a_tagged_reply_has_its_name_its_description_and_its_change() -> None:
    oracle = Oracle(1)
    user = SHINKA.format(other=OTHER, current=THIRD, third=SEED_SOURCE)
    texts = [oracle.answer(chat(TAGGED_WHOLE, user)) for _ in range(30)]
    whole = [text for text in texts if "</CODE>" in text]
    assert 20 <= len(whole) < 30
    for text in whole:
        assert text.startswith("<NAME>\n")
        source = text.partition("<CODE>\n```python\n")[2].partition("\n```\n</CODE>")[0]
        assert "def train(burst)" in source
    texts = [oracle.answer(chat(TAGGED_DIFF, user)) for _ in range(30)]
    assert 20 <= sum("<DIFF>\n<<<<<<< SEARCH\n" in text and "\n</DIFF>" in text for text in texts) < 30


def test_the_same_prompt_gets_other_answers_and_the_same_ones_from_the_same_seed() -> None:
    asked = as_messages(prompts.mutate(context(SEED_SOURCE), ReplyForm.DIFF))
    one, other, third = Oracle(1), Oracle(1), Oracle(2)
    first = [one.answer(asked) for _ in range(8)]
    assert first == [other.answer(asked) for _ in range(8)]
    assert len(set(first)) > 4
    assert first != [third.answer(asked) for _ in range(8)]


def test_changes_stand_at_one_place_and_lead_to_the_child() -> None:
    rng = random.Random(0)
    lines = [rng.choice(["a\n", "b\n", "c\n"]) for _ in range(60)]
    source = "".join(lines)
    lines[20:22] = ["d\n"]
    lines[40:40] = ["e\n"]
    child = "".join(lines)
    text = source
    for old, new in changes(source, child):
        assert text.count("".join(old)) == 1
        text = text.replace("".join(old), "".join(new))
    assert text == child


def test_a_unified_diff_is_followed_and_one_that_does_not_fit_is_not() -> None:
    shown = prompts.difference(THIRD, OTHER)
    assert (patched(THIRD, shown) or "").rstrip() == OTHER.rstrip()
    assert patched("something\nelse\n", shown) is None
    cut = prompts.difference(SEED_SOURCE, OTHER.replace("WIDTH = 32", "WIDTH = 48"), length=180)
    assert "more lines" in cut
    assert isinstance(read(patched(SEED_SOURCE, cut) or SEED_SOURCE), Reading)


def test_the_server_speaks_http_and_counts() -> None:
    with ScriptedServer(Oracle(0)) as server:
        asked = as_messages(prompts.mutate(context(SEED_SOURCE), ReplyForm.DIFF))
        reply = posted(server, {"model": "m", "messages": asked})
        assert reply["choices"][0]["message"]["content"] == Oracle(0).answer(asked)
        parts = [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]
        assert (
            "```" not in posted(server, {"model": "m", "messages": parts})["choices"][0]["message"]["content"]
        )
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/count") as page:
            count = json.loads(page.read())
    assert count["calls"] == 2
    assert count["forms"] == {"diff": 1, "other": 1}


def posted(server: ScriptedServer, body: Mapping[str, object]) -> dict:
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.api_base}/chat/completions", data, headers)
    with urllib.request.urlopen(request) as reply:
        return json.loads(reply.read())
