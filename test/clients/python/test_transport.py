"""How the client behaves when the way to the server is bad: a small server answers each request as the case says."""

import http.server
import json
import threading
import time

import msgpack
import numpy as np
import pytest

from stepd import NoAnswer, Refusal, Retry, Session, transport

SWIFT = Retry(base=0.005, cap=0.02)
ONE = np.ones(1, np.float32)
OPENED = {"id": "run", "step": 4, "tensors": [{"name": "w", "shape": [1]}]}
STEPPED = {"step": 5, "updates": ONE.tobytes(), "replayed": True, "counted": True}


def reply(body, status=200):
    return status, {"content-type": "application/msgpack"}, msgpack.packb(body)


def refuse(status, code, **headers):
    problem = {"type": "about:blank", "status": status, "code": code, "detail": f"Detail of {code}", "current_step": 7}
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"content-type": "application/problem+json", **headers}, json.dumps(problem).encode()


HANG_UP = (None, {}, b"")
BREAK_IN_HEADERS = (None, {}, b"HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov")
BREAK_OFF = (200, {"content-type": "application/msgpack", "content-length": "1000"}, b"0123456789")


@pytest.fixture
def serve():
    """A server that gives the answers in turn, the last one for ever; what it was asked."""
    servers = []

    def start(*answers):
        seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                seen.append((self.command, self.path, body, dict(self.headers), time.monotonic()))
                status, headers, content = answers[min(len(seen), len(answers)) - 1]
                self.close_connection = status is None or "content-length" in headers
                if status is None:
                    self.wfile.write(content)
                    return
                self.send_response(status)
                for name, value in {"content-length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", seen

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def opened(serve, *answers, retry=SWIFT, **options):
    url, seen = serve(reply(OPENED, 201), *answers)
    session = Session.open(url, "run", "sgd(1.0)", {"w": [1]}, retry=retry, **options)
    return session, seen


@pytest.mark.parametrize(
    "failure",
    [HANG_UP, BREAK_IN_HEADERS, BREAK_OFF, refuse(429, "rate_limited"), refuse(503, "overloaded"), (503, {}, b"<p>Busy</p>")],
    ids=["hang up", "break in headers", "break off", "429", "503", "503 of a proxy"],
)
def test_a_numbered_step_is_sent_again_with_the_same_bytes(serve, failure):
    session, seen = opened(serve, failure, failure, reply(STEPPED))
    result = session.step(ONE)
    assert result.replayed and result.updates[0] == 1 and session.current_step == 5
    bodies = [body for _, path, body, _, _ in seen if path.endswith("/steps")]
    assert len(bodies) == 3 and len(set(bodies)) == 1
    sent = msgpack.unpackb(bodies[0])
    want = {"of": "updates", "dtype": "F32", "stats": False}
    assert sent == {"step": 5, "grads": ONE.tobytes(), "dtype": "F32", "want": want}


@pytest.mark.parametrize("status", [400, 404, 408, 409, 413, 422, 500])
def test_no_other_refusal_is_sent_again(serve, status):
    session, seen = opened(serve, refuse(status, "some_code"))
    with pytest.raises(Refusal) as caught:
        session.step(ONE)
    assert (caught.value.status, caught.value.code, caught.value.detail) == (status, "some_code", "Detail of some_code")
    assert caught.value.problem["current_step"] == 7
    assert len(seen) == 2 and session.current_step == 4


def test_changed_hyperparams_are_sent_once(serve):
    for failure, error in [(HANG_UP, NoAnswer), (refuse(503, "overloaded"), Refusal)]:
        session, seen = opened(serve, failure, reply(OPENED))
        with pytest.raises(error):
            session.set_hyperparams({"learning_rate": 1})
        assert len(seen) == 2


def test_a_404_to_a_repeated_delete_says_that_the_first_was_carried_out(serve):
    session, seen = opened(serve, HANG_UP, refuse(404, "session_not_found"))
    session.delete()
    assert [method for method, *_ in seen] == ["PUT", "DELETE", "DELETE"]
    session, _ = opened(serve, refuse(404, "session_not_found"))
    with pytest.raises(Refusal):
        session.delete()


def test_retry_after_is_waited_for(serve):
    session, seen = opened(serve, refuse(503, "overloaded", retry_after="1"), reply(STEPPED))
    session.step(ONE)
    assert seen[2][-1] - seen[1][-1] >= 0.99


def test_retry_after_beyond_the_time_there_is_ends_it_at_once(serve):
    session, seen = opened(serve, refuse(503, "overloaded", retry_after="3600"))
    with pytest.raises(Refusal):
        session.step(ONE)
    assert len(seen) == 2


def test_attempts_are_counted(serve):
    session, seen = opened(serve, HANG_UP, retry=Retry(attempts=3, base=0.001))
    with pytest.raises(NoAnswer):
        session.step(ONE)
    assert len(seen) == 4


def test_an_attempt_without_an_answer_is_a_broken_connection():
    silent = threading.Event()

    class Silent(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            silent.wait(5)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    begin = time.monotonic()
    try:
        with pytest.raises(NoAnswer, match=r"^Cannot PUT http://127.0.0.1:\d+/v1/sessions/run: .*timed out"):
            Session.open(f"http://127.0.0.1:{server.server_port}", "run", retry=Retry(attempts=2), timeout=0.1)
        assert time.monotonic() - begin < 2
    finally:
        silent.set()
        server.shutdown()
        server.server_close()


def test_the_key_is_a_bearer_token(serve):
    session, seen = opened(serve, reply(STEPPED), api_key="secret")
    session.step(ONE)
    assert [headers["Authorization"] for *_, headers, _ in seen] == ["Bearer secret"] * 2


def test_something_that_is_not_stepd(serve):
    session, _ = opened(serve, (200, {"content-type": "text/html"}, b"<p>Hello"))
    with pytest.raises(Refusal, match="answered text/html, expected application/msgpack: <p>Hello") as caught:
        session.step(ONE)
    assert caught.value.code == "unknown"


def test_an_address_that_is_none_of_http():
    with pytest.raises(ValueError, match="Cannot connect to '127.0.0.1:8080': expected http"):
        Session.open("127.0.0.1:8080", "run")


def test_a_large_answer_is_taken_apart_as_msgpack_has_it():
    names = [f"layer-{i}/ü" for i in range(40)]
    for message in (
        {"step": 70_000, "replayed": False, "counted": True, "updates": bytes(range(256)) * 2**13},
        {"step": 1, "updates": {name: name.encode() * 2**12 for name in names}, "stats": {"grad_norm": 0.5, "none": None}},
        {"params": {"x" * 1024: b"", "y": bytes(2**20), "few": b"\x01"}},
        {"tensors": [{"name": name * 100, "shape": [3, 4]} for name in names * 40], "step": 3},
    ):
        data = msgpack.packb(message)
        assert len(data) >= transport._LARGE
        assert copied(transport._views(data)) == message


def copied(value):
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return bytes(value) if isinstance(value, memoryview) else value
