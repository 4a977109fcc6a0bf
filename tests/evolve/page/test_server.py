from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from evolve.errors import InputError
from evolve.page.guard import Guard, is_loopback
from evolve.page.server import app
from population.store import JOURNAL, Population

HERE = "http://127.0.0.1:8765"


class Client:
    """Asks the application as a browser does, cookies kept; nothing listens on a port."""

    def __init__(self, served: Starlette, base: str) -> None:
        self._served, self._base = served, base
        self._cookies = httpx.Cookies()

    def get(self, path: str, *, follow: bool = True, headers: Mapping[str, str] = {}) -> httpx.Response:
        return asyncio.run(self._ask("GET", path, follow, headers))

    def post(self, path: str) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, True, {}))

    async def _ask(self, method: str, path: str, follow: bool, headers: Mapping[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(self._served)
        async with httpx.AsyncClient(
            transport=transport, base_url=self._base, cookies=self._cookies
        ) as asked:
            answer = await asked.request(method, path, headers=headers, follow_redirects=follow)
            self._cookies = asked.cookies
        return answer


def client(*runs: Path, token: str = "", host: str = "127.0.0.1", base: str = HERE) -> Client:
    return Client(app(runs, Guard(host, token)), base)


def test_the_page_and_all_that_it_loads_is_served_from_here(run: Population) -> None:
    served = client(run.folder)
    page = served.get("/")
    assert "<title>evolve</title>" in page.text
    for path in ("/static/page.css", "/static/page.js", "/static/plotly.min.js"):
        assert served.get(path).status_code == 200
    assert "//" not in page.text.replace("<!doctype html>", "")  # no address of another place


def test_runs_and_variants_are_told(run: Population, empty: Population) -> None:
    served = client(run.folder, empty.folder)
    assert served.get("/api/runs").json() == [{"number": 0, "name": "run"}, {"number": 1, "name": "empty"}]
    assert served.get("/api/run/0").json()["champion"]["id"] == "v1"
    assert served.get("/api/run/1").json()["graph"]["id"] == []
    assert served.get("/api/run/0/variant/v2").json()["failures"][0]["kind"] == "exception"


def test_what_is_not_there_is_said_so(run: Population) -> None:
    served = client(run.folder)
    assert served.get("/api/run/7").status_code == 404
    missing = served.get("/api/run/0/variant/v99")
    assert (missing.status_code, "no variant 'v99'" in missing.text) == (404, True)
    assert served.get("/static/../server.py").status_code == 404


def test_a_stream_says_the_version_and_ends_with_the_server(run: Population) -> None:
    turns = iter([False, True])
    stream = Client(app([run.folder], Guard("127.0.0.1", ""), lambda: next(turns)), HERE).get(
        "/api/run/0/events"
    )
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.text == "data: 1\n\n"


def test_no_other_name_than_this_machine_s_is_answered(run: Population) -> None:
    for base in ("http://evil.example", "http://127.0.0.1.evil.example:8765"):
        assert client(run.folder, base=base).get("/api/run/0").status_code == 421
    for base in ("http://localhost:8765", "http://[::1]:8765"):
        assert client(run.folder, base=base).get("/api/runs").status_code == 200


def test_from_elsewhere_the_token_is_asked_for(run: Population) -> None:
    served = client(run.folder, token="secret", host="0.0.0.0", base="http://box.example:8765")
    assert served.get("/api/run/0").status_code == 401
    assert served.get("/?token=wrong").status_code == 401
    assert served.get("/api/run/0", headers={"Authorization": "Bearer secret"}).status_code == 200
    assert served.get("/?token=secret").url == "http://box.example:8765/"
    assert served.get("/api/run/0").status_code == 200  # the cookie
    cookie = client(run.folder, token="secret").get("/?token=secret", follow=False).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()


def test_every_answer_keeps_scripts_of_others_out(run: Population) -> None:
    served = client(run.folder, token="secret")
    for answer in (served.get("/"), served.get("/?token=secret"), served.get("/nowhere")):
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self' 'unsafe-eval';" in policy
        assert "default-src 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers


def test_a_run_that_is_damaged_meanwhile_is_told_in_one_sentence(run: Population) -> None:
    served = client(run.folder)
    journal = run.folder / JOURNAL
    journal.write_bytes(journal.read_bytes() + b"not a line\nnor this\n")
    answer = served.get("/api/run/0/variant/v1")
    assert answer.status_code == 500
    assert "damaged line" in answer.text
    assert "\n" not in answer.text


def test_nothing_can_be_changed_by_it(run: Population) -> None:
    served = client(run.folder)
    for path in ("/", "/api/runs", "/api/run/0", "/api/run/0/variant/v1", "/api/run/0/events"):
        assert served.post(path).status_code == 405


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run folder"):
        app([tmp_path], Guard("127.0.0.1", ""))


def test_numbers_that_json_does_not_know_are_left_out(run: Population) -> None:
    text = client(run.folder).get("/api/run/0").text
    json.loads(text, parse_constant=lambda name: pytest.fail(name))


@pytest.mark.parametrize(
    ("name", "ours"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("box", False)],
)
def test_loopback_is_told_from_elsewhere(name: str, ours: bool) -> None:
    assert is_loopback(name) is ours
