"""Who may ask the Prefect server: its own page and programs, on loopback under its own name, or with a login."""

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from counterpoint.errors import UserError
from flows import server

ROOT = Path(__file__).resolve().parents[2]
EVIL = "http://evil.example"


def test_off_loopback_a_login_is_needed(monkeypatch, capsys):
    monkeypatch.delenv(server.LOGIN, raising=False)
    for host in ("0.0.0.0", "192.168.0.7", "::", "lab.example.org"):
        assert server.main(["--host", host]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: --host {host}: ") and server.LOGIN in error and error.count("\n") == 1
    for host in ("127.0.0.1", "localhost", "::1", "127.1.2.3"):
        assert "PREFECT_SERVER_API_AUTH_STRING" not in server.settings(host, 4200)
    monkeypatch.setenv(server.LOGIN, "ann:secret")
    assert server.settings("0.0.0.0", 4200)["PREFECT_SERVER_API_AUTH_STRING"] == "ann:secret"
    for half in ("ann", ":secret", "ann:"):
        monkeypatch.setenv(server.LOGIN, half)
        with pytest.raises(UserError, match="user:password"):
            server.settings("127.0.0.1", 4200)


def test_origins_are_its_own_and_forged_requests_are_refused():
    found = server.settings("127.0.0.1", 4300)
    assert found["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] == "http://127.0.0.1:4300,http://localhost:4300"
    assert found["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true"


def passes(local: bool, kind: str = "http", **headers: str) -> bool:
    """Whether a request with these headers reaches the application."""
    reached, sent = [], []

    async def application(scope, receive, send):
        reached.append(scope["type"])

    async def send(message):
        sent.append(message)

    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(server.OwnPage(application, local)({"type": kind, "headers": named}, None, send))
    assert bool(reached) != bool(sent)
    return bool(reached)


def test_another_origin_or_a_foreign_name_of_loopback_does_not_get_through():
    for kind in ("http", "websocket"):
        assert passes(True, kind, host="127.0.0.1:4200")
        assert passes(True, kind, host="localhost:4200", origin="http://localhost:4200")
        assert passes(True, kind, host="[::1]:4200", origin="http://[::1]:4200")
        assert not passes(True, kind, host="127.0.0.1:4200", origin=EVIL)
        assert not passes(True, kind, host="127.0.0.1:4200", origin="http://127.0.0.1:8000")
        assert not passes(True, kind, host="127.0.0.1:4200", origin="null")
        assert not passes(True, kind, host="evil.example:4200", origin="http://evil.example:4200")
        assert not passes(True, kind, host="evil.example:4200")
        assert not passes(True, kind)
        assert passes(False, kind, host="lab.example.org", origin="https://lab.example.org")
        assert not passes(False, kind, host="lab.example.org", origin=EVIL)


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """Start a real server with these variables; its address."""
    pytest.importorskip("prefect")
    living = []

    def start(port: int, **more: str) -> str:
        home = tmp_path_factory.mktemp("prefect")
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
        environment = {**kept, "PREFECT_HOME": str(home), **more}
        command = [sys.executable, "-m", "flows.server", "--port", str(port)]
        living.append(subprocess.Popen(command, cwd=ROOT, env=environment))
        deadline = time.monotonic() + 180
        while not server.answers(server.url(port)):
            assert living[-1].poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
        return server.url(port)

    yield start
    for process in living:
        process.kill()
        process.wait()


def ask(url: str, method: str = "POST", **headers: str) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, b"{}" if method == "POST" else None, named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, dict(answer.headers)
    except urllib.error.HTTPError as refusal:
        return refusal.code, dict(refusal.headers)


def token(address: str, **headers: str) -> dict[str, str]:
    """The headers by which a program shows that its request is not forged."""
    request = urllib.request.Request(f"{address}/csrf-token?client=test", headers=headers)
    with urllib.request.urlopen(request) as answer:
        return {"Prefect_Csrf_Token": json.load(answer)["token"], "Prefect_Csrf_Client": "test"}


@pytest.mark.slow
def test_a_page_of_another_origin_starts_nothing(started):
    """What a page in the browser of the server's user can send: a preflight, a form, a request without one."""
    address = started(4341)
    runs, sent = f"{address}/flow_runs/filter", {"content_type": "application/json"}
    status, headers = ask(runs, "OPTIONS", origin=EVIL, access_control_request_method="POST")
    assert status == 403 and "access-control-allow-origin" not in headers
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        status, headers = ask(runs, origin=EVIL, content_type=kind)
        assert status == 403 and "access-control-allow-origin" not in headers
    assert ask(f"{address}/csrf-token?client=x", "GET", origin=EVIL)[0] == 403
    assert ask(f"{address}/health", "GET", host="evil.example:4341")[0] == 403
    assert ask(runs, **sent)[0] == 403  # no token
    assert ask(runs, **sent, **token(address))[0] == 200
    assert ask(runs, **sent, **token(address), origin="http://127.0.0.1:4341")[0] == 200
    assert ask("http://127.0.0.1:4341/", "GET")[0] == 200  # the page itself


@pytest.mark.slow
def test_with_a_login_nobody_asks_without_it(started):
    address = started(4342, PREFECT_API_AUTH_STRING="ann:secret")
    runs, sent = f"{address}/flow_runs/filter", {"content_type": "application/json"}
    known, other = (f"Basic {base64.b64encode(who).decode()}" for who in (b"ann:secret", b"ann:guess"))
    shown = token(address, Authorization=known)
    assert ask(runs, **sent, **shown)[0] == ask(runs, **sent, **shown, authorization=other)[0] == 401
    assert ask(runs, **sent, **shown, authorization=known)[0] == 200
    listing = [sys.executable, "-m", "prefect", "flow-run", "ls"]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")} | {"PREFECT_API_URL": address}
    assert subprocess.run(listing, env=kept, capture_output=True, check=False).returncode != 0
    logged_in = {**kept, "PREFECT_API_AUTH_STRING": "ann:secret"}
    assert subprocess.run(listing, env=logged_in, capture_output=True, check=False).returncode == 0
