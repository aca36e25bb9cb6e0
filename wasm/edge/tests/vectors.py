"""The shared vectors as requests: settings, clock and question travel with each, everything else is a request like any."""

import base64
import http.server
import json
import pathlib
import threading

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROOT = pathlib.Path(__file__).resolve().parents[3] / "tests" / "vectors"
KINDS = ("permits", "token", "enforcer", "challenge")
RESOURCE = {"id": "42", "name": "x", "resource_scopes": []}


def encoded(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


scenario = encoded


def all_of(kind):
    for file in sorted(ROOT.rglob("*.json")):
        content = json.loads(file.read_text())
        for vector in content if isinstance(content, list) else [content]:
            if vector["kind"] == kind:
                yield vector


class Signer:
    """A key, and the tokens that it signs"""

    def __init__(self):
        self.key = Ed25519PrivateKey.generate()
        self.jwks = {"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "k",
                               "x": encoded(self.key.public_key().public_bytes_raw())}]}

    def rpt(self, issuer, exp, permissions, claims=None):
        claims = {**(claims or {}), "iss": issuer, "aud": "rs", "typ": "Bearer", "exp": exp,
                  "authorization": {"permissions": permissions}}
        text = f"{encoded({'alg': 'EdDSA', 'typ': 'JWT', 'kid': 'k'})}.{encoded(claims)}"
        return f"{text}.{encoded(self.key.sign(text.encode()))}"


def hang(handler):
    handler.server.stub.released.wait(60)
    handler.close_connection = True


def close(handler):
    handler.close_connection = True
    handler.connection.close()


# What a server may do in place of an answer
BROKEN = {
    "error": lambda handler: handler.answer(500, {"error": "server_error"}),
    "page": lambda handler: handler.answer(200, b"<!doctype html><title>Sign in</title>"),
    "nothing": lambda handler: handler.answer(200, b""),
    "other": lambda handler: handler.answer(200, []),
    "keyless": lambda handler: handler.answer(200, {"keys": []}),
    "huge": lambda handler: handler.answer(200, b" " * (9 << 20)),
    "redirect": lambda handler: handler.answer(302, {}, [("Location", "/elsewhere")]),
    "hang": hang,
    "close": close,
}


class AuthorizationServer:
    """Answers as the vector at hand wants it to, or as no server should, and remembers what it was asked"""

    def __init__(self):
        stub = self
        self.set("https://as.example")
        self.released = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, value, headers=()):
                body = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for header in headers:
                    self.send_header(*header)
                self.end_headers()
                self.wfile.write(body)

            def misbehaves(self):
                where, how = stub.broken
                if where is None or not self.path.endswith(where):
                    return False
                stub.asked.append(("broken", how))
                try:
                    BROKEN[how](self)
                except OSError:
                    pass  # whoever asked has had enough
                return True

            def do_GET(self):
                if self.misbehaves():
                    return None
                if self.path.endswith("/.well-known/uma2-configuration"):
                    at = stub.issuer.rstrip("/")
                    return self.answer(200, {"issuer": stub.issuer, "jwks_uri": f"{at}/jwks", "token_endpoint": f"{at}/token",
                                             "permission_endpoint": f"{at}/permission",
                                             "resource_registration_endpoint": f"{at}/resources"})
                if "/resources?" in self.path:
                    stub.asked.append(("lookup", self.path.split("?", 1)[1]))
                    if stub.found is None:
                        return self.answer(500, {})
                    name = stub.name_of(self.path)
                    return self.answer(200, [{"_id": one["id"], "name": name, "resource_scopes": one.get("scopes", [])}
                                             for one in stub.found])
                if self.path.endswith("/elsewhere"):
                    stub.asked.append(("elsewhere", self.path))
                return self.answer(404, {})

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.misbehaves():
                    return None
                if self.path.endswith("/token"):
                    return self.answer(200, {"access_token": "pat", "token_type": "Bearer", "expires_in": 300})
                if self.path.endswith("/permission"):
                    stub.asked.append(("ticket", json.loads(body)))
                    return self.answer(201, {"ticket": stub.ticket})
                return self.answer(404, {})

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads, self.server.stub = True, self
        # Whoever has asked may be gone.
        self.server.handle_error = lambda *_: None
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def name_of(path):
        from urllib.parse import parse_qs, urlsplit
        return parse_qs(urlsplit(path).query).get("name", ["x"])[0]

    def set(self, issuer, found=None, ticket="t.i.c", broken=(None, None)):
        self.issuer, self.found, self.ticket, self.broken, self.asked = issuer, found, ticket, broken, []

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
