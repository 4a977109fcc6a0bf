from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.errors import InputError
from evolve.settings import Settings, dump, flag_of, load

ROOT = Path(__file__).parents[2]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
NUMBER = st.floats(1e-9, 1e9)


@st.composite
def settings(draw: st.DrawFn) -> Settings:
    """Draw settings with every kind of value in them."""
    return Settings(
        seed_file=Path(draw(TEXT)),
        program=draw(st.none() | TEXT.map(Path)),
        models=tuple(draw(st.lists(TEXT, max_size=3))),
        prices=draw(st.dictionaries(TEXT, st.tuples(NUMBER, NUMBER), max_size=3)),
        burst=draw(st.none() | st.floats(1e-9, 86_400)),
        evaluations=draw(st.none() | st.integers(1, 10**12)),
        target=draw(st.none() | st.floats(allow_nan=False, allow_infinity=False)),
    )


@given(settings())
def test_settings_that_are_written_and_read_again_are_the_same(given: Settings) -> None:
    written = tomllib.loads(dump(given))
    assert Settings(**written) == given


def test_a_line_is_written_for_every_setting_and_says_what_it_means() -> None:
    lines = dump(Settings()).splitlines()
    assert [line.lstrip("# ").split()[0] for line in lines] == list(Settings.model_fields)
    assert all(
        line.endswith(field.description or "?")
        for line, field in zip(lines, Settings.model_fields.values(), strict=True)
    )


def write(folder: Path, text: str) -> Path:
    file = folder / "evolve.toml"
    file.write_text(text)
    return file


def test_a_flag_wins_over_the_file_and_one_that_is_not_given_does_not(tmp_path: Path) -> None:
    file = write(tmp_path, 'trials = 7\nislands = 3\nmodels = ["openai/x"]\n')
    loaded = load(file, {"trials": 2, "islands": None, "models": ()})
    assert (loaded.trials, loaded.islands, loaded.models) == (2, 3, ("openai/x",))


def test_a_path_in_the_file_is_relative_to_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, 'seed_file = "seeds/one.py"\ndata = "/all/text"\n')
    loaded = load(file, {"program": Path("mine.md")})
    assert loaded.seed_file == tmp_path / "seeds" / "one.py"
    assert (loaded.data, loaded.program) == (Path("/all/text"), Path("mine.md"))


@pytest.mark.parametrize(
    ("text", "flags", "message"),
    [
        ("colour = 3\n", {}, "{file}: there is no setting 'colour'"),
        ("trials = 'many'\n", {}, "{file}: trials = 'many': "),
        ("trials = = 3\n", {}, "{file} is not valid TOML: "),
        ("[trials]\nx = 1\n", {}, "{file}: trials = {{'x': 1}}: "),
        ("device = 'tpu'\n", {}, "{file}: device = 'tpu': "),
        ("prices = {{'openai/x' = [1.0]}}\n", {}, "{file}: prices"),
        ("", {"burst": -1.0}, "--burst: burst = -1.0: "),
        ("", {"burst_tokens": 0}, "--burst-tokens: burst_tokens = 0: "),
        ("", {"burst": 1e9}, "--burst: burst = 1000000000.0: input should be less than or equal to 86400"),
        ("", {"seed": 2**32}, "--seed: seed = 4294967296: input should be less than 4294967296"),
        ("", {"slots": 100_000}, "--slots: slots = 100000: "),
        ("", {"windows": 10**20}, "--windows: windows = 100000000000000000000: "),
        ("", {"ahead": 10**9}, "--ahead: ahead = 1000000000: "),
        ("", {"target": float("nan")}, "--target: target = nan: "),
        ("", {"hours": float("inf")}, "--hours: hours = inf: "),
        ("", {"models": "openai/x"}, "--model: models = 'openai/x': "),
        ("", {"data": Path("/\udcff")}, "--data: data = '/\\udcff': the name is not UTF-8"),
        ("", {"seed_file": Path("\udcff.py")}, "SEED: seed_file = '\\udcff.py': the name is not UTF-8"),
        ("", {"prices": {"openai/x": (-1.0, 2.0)}}, "--price: prices = -1.0: "),
        ("", {"prices": {"openai/x": (float("nan"), 2.0)}}, "--price: prices = nan: "),
        ("trials = 3\n", {"trials": -1}, "--trials: trials = -1: "),
    ],
)
def test_what_cannot_be_used_is_told_with_the_file_or_flag_that_it_came_from(
    text: str, flags: dict[str, Any], message: str, tmp_path: Path
) -> None:
    file = write(tmp_path, text.format())
    with pytest.raises(InputError) as told:
        load(file, flags)
    assert str(told.value).startswith(message.format(file=file))
    assert "\n" not in str(told.value)


def test_a_file_that_is_not_there_or_no_text_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the settings file .*nowhere\.toml"):
        load(tmp_path / "nowhere.toml", {})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"binary\.toml is not valid TOML"):
        load(tmp_path / "binary.toml", {})


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "evolve.toml").write_bytes(b"\xef\xbb\xbftrials = 3\n")
    assert load(tmp_path / "evolve.toml", {}).trials == 3


def toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def flags(name: str) -> str:
    """Return a setting's flags as the documentation writes them; what is on can be turned off by one."""
    flag = flag_of(name)
    off = Settings.model_fields[name].default is True
    return f"`{flag}`, `{flag.replace('--', '--no-', 1)}`" if off else f"`{flag}`"


def test_the_documentation_tells_of_every_setting_its_flag_and_its_default() -> None:
    table = (ROOT / "docs" / "settings.md").read_text().split("| setting |")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in table.splitlines()[2:]]
    assert rows == [
        [f"`{name}`", flags(name), "" if field.default in (None, (), {}) else f"`{toml(field.default)}`"]
        for name, field in Settings.model_fields.items()
    ]
