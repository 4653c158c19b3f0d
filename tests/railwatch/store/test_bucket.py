"""A store in an S3-compatible bucket."""

import hashlib
import http.server
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

from railwatch.errors import StoreError, TransientError
from railwatch.store import Store


@pytest.mark.server
def test_objects_in_a_bucket_behave_as_files_do(bucket_url):
    """Put, get, ranges, order of the listing, delete, absent keys."""
    store = pickle.loads(pickle.dumps(Store.open(bucket_url)))
    for key in ("b/2", "b-1", "b/1", "a"):
        store.put(key, key.encode(), content_type="text/plain")

    assert store.get("b/1") == b"b/1"
    assert store.get_range("b-1", 1, 5) == b"-1"
    assert store.size("b-1") == 3
    assert list(store.list()) == ["a", "b-1", "b/1", "b/2"]
    assert list(store.list("b")) == ["b/1", "b/2"]
    store.delete("a")
    store.delete("a")
    with pytest.raises(KeyError):
        store.get("a")
    with pytest.raises(KeyError):
        store.get_range("a", 0, 1)
    with pytest.raises(StoreError, match="is not a key"):
        store.put("../x", b"")


@pytest.mark.server
def test_a_copy_has_the_content_type_and_what_caches_may_do(public_store):
    """The server copies; what a browser is told of the copy is what it was told of the first."""
    store, address = public_store()
    store.put("a b/1.json", b"{}", content_type="application/json", lasting=True)
    store.copy("a b/1.json", "c/2.json")
    answer = urllib3.request("GET", f"{address}c/2.json", timeout=10)
    told = answer.headers

    assert answer.data == b"{}"
    assert told["Content-Type"] == "application/json"
    assert "immutable" in told["Cache-Control"]
    with pytest.raises(KeyError):
        store.copy("gone", "c/3")


@pytest.mark.server
def test_of_many_writers_at_once_one_wins(bucket_url):
    """32 writers put one absent key, then overwrite one version: one succeeds each time."""
    store = Store.open(bucket_url)
    store.require_conditions()

    def race(write):
        with ThreadPoolExecutor(16) as pool:
            return sum(pool.map(write, range(32)))

    assert race(lambda n: store.put_if_absent("pointer", b"%d" % n)) == 1
    etag = store.read("pointer").etag
    assert race(lambda n: store.put_if_match("pointer", b"new %d" % n, etag)) == 1
    assert not store.put_if_match("gone", b"", etag)


@pytest.mark.server
def test_what_an_operator_must_mend_is_one_line_without_the_secret(bucket_url, monkeypatch):
    """Wrong keys, no bucket, no server: kind, place and reason, never the key."""
    secret = "canary-secret-1234567890"
    with pytest.raises(StoreError, match="there is no such bucket"):
        Store.open("s3://no-such-bucket/x").get("a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    store = Store.open(bucket_url)
    with pytest.raises(StoreError, match="SignatureDoesNotMatch") as caught:
        store.get("a")

    assert "\n" not in str(caught.value)
    for shown in (str(caught.value), repr(store), repr(vars(store)), pickle.dumps(store)):
        assert secret not in str(shown)


def test_a_server_that_does_not_answer_is_transient(monkeypatch, unused_port):
    """Trying again later may succeed."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setattr("railwatch.store.bucket.RETRIES", 1)
    with pytest.raises(TransientError, match="a: could not be read at s3://bucket/x"):
        Store.open("s3://bucket/x").get("a")


@pytest.mark.parametrize(
    ("endpoint", "sentence"),
    [
        ("http://user:pass@127.0.0.1:1", "AWS_ENDPOINT_URL holds credentials"),
        ("http://10.0.0.1:9000", "would send data in the clear"),
    ],
)
def test_endpoints_that_would_give_secrets_away_are_refused(monkeypatch, endpoint, sentence):
    """Credentials in the URL, and plain http beyond this machine."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.delenv("AWS_ALLOW_HTTP", raising=False)
    with pytest.raises(StoreError, match=sentence):
        Store.open("s3://bucket/x")


class Forgetful(http.server.BaseHTTPRequestHandler):
    """An S3 server that stores whatever comes and keeps the conditions named in `keeps`."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]
    keeps: frozenset[str]

    def do_PUT(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        there = self.objects.get(self.path)
        asked = {name for name in self.keeps if self.headers[name]}
        if "If-None-Match" in asked and there is not None:
            return self.answer(412)
        if "If-Match" in asked and (there is None or self.headers["If-Match"] != tag(there)):
            return self.answer(412)
        self.objects[self.path] = data
        return self.answer(200, etag=tag(data))

    def do_GET(self):
        data = self.objects.get(self.path)
        return self.answer(404) if data is None else self.answer(200, data, tag(data))

    def do_DELETE(self):
        self.objects.pop(self.path, None)
        self.answer(204)

    def do_POST(self):  # S3's bulk delete, which obstore uses
        body = self.rfile.read(int(self.headers["Content-Length"]))
        key = body.split(b"<Key>")[1].split(b"</Key>")[0]
        self.objects.pop(f"/bucket/{key.decode()}", None)
        self.answer(200, b"<DeleteResult><Deleted><Key>" + key + b"</Key></Deleted></DeleteResult>")

    def answer(self, status, data=b"", etag=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def tag(data):
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


@pytest.mark.parametrize(
    ("keeps", "broken"),
    [
        ({"If-None-Match", "If-Match"}, None),
        ({"If-None-Match"}, "If-Match"),
        ({"If-Match"}, "If-None-Match"),
        (set(), "If-None-Match"),
    ],
)
def test_a_server_that_ignores_conditions_is_refused_for_writing(monkeypatch, keeps, broken):
    """The probe names the condition that is not kept, and leaves nothing behind."""
    handler = type("Handler", (Forgetful,), {"objects": {}, "keeps": frozenset(keeps)})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
        store = Store.open("s3://bucket/x")
        if broken is None:
            with store.lock("records/a"):
                pass
        else:
            with (
                pytest.raises(StoreError, match=f"does not keep the {broken} condition"),
                store.lock("records/a"),
            ):
                pass
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

    assert handler.objects == {}
