"""A real authorization server, and an application that tells what reaches it: what every filter is tested between."""

import base64
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

PATIENCE = 60
UMA = "urn:ietf:params:oauth:grant-type:uma-ticket"
WARNING = '199 - "UMA Authorization Server Unreachable"'


def required(name):
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"{name} is not set: these tests are run by `cargo xtask test`")
    return value


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, check, seconds=PATIENCE):
    """Waits until something holds; the test fails if it never does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


class Process:
    """A program of a test, its output kept."""

    def __init__(self, command, folder, environment=None):
        self.folder = pathlib.Path(folder)
        self.path = self.folder / f"{pathlib.Path(command[0]).name}.log"
        # Variables of the server's name are its settings.
        here = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSIGN_")}
        with open(self.path, "ab") as log:
            self.child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          env={**here, **(environment or {})})

    def log(self):
        return self.path.read_text(errors="replace")

    def runs(self):
        return self.child.poll() is None

    def stop(self, how=signal.SIGTERM):
        if self.runs():
            self.child.send_signal(how)
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
        return self.child.wait()

    def resident(self):
        """Memory in KiB"""
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def secret(client):
    return f"{client}-secret"


def realm():
    """A realm with a resource server, an app, and two people"""
    def person(name, **more):
        return {"username": name, "enabled": True, "email": f"{name}@test.example", "emailVerified": True, "firstName": name,
                "lastName": "Test", "realmRoles": ["default-roles-demo"],
                "credentials": [{"type": "password", "value": f"{name}-password", "temporary": False}], **more}

    common = {"enabled": True, "protocol": "openid-connect", "standardFlowEnabled": False, "directAccessGrantsEnabled": True,
              "redirectUris": [], "webOrigins": []}
    return {
        "realm": "demo", "enabled": True, "sslRequired": "none", "userManagedAccessAllowed": True, "accessTokenLifespan": 300,
        "roles": {"realm": [{"name": "default-roles-demo"}], "client": {"documents": [{"name": "uma_protection"}]}},
        "users": [person("alice", clientRoles={"documents": ["uma_protection"]}), person("bob")],
        "clients": [
            {**common, "clientId": "documents", "publicClient": False, "clientAuthenticatorType": "client-secret",
             "secret": secret("documents"), "serviceAccountsEnabled": True, "authorizationServicesEnabled": True,
             "authorizationSettings": {"allowRemoteResourceManagement": True, "policyEnforcementMode": "ENFORCING",
                                       "decisionStrategy": "UNANIMOUS", "resources": [], "policies": [],
                                       "scopes": [{"name": "read"}, {"name": "write"}]}},
            {**common, "clientId": "app", "publicClient": True},
        ],
    }


class Server:
    """The authorization server"""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="countersign-")
        self.port = free_port()
        file = pathlib.Path(self.folder, "realm.json")
        file.write_text(json.dumps(realm()))
        self.start(["--import", str(file)])
        self.issuer = f"http://localhost:{self.port}/realms/demo"

    def start(self, arguments=()):
        self.process = Process([required("COUNTERSIGN_BIN"), "serve", "--listen", f"127.0.0.1:{self.port}",
                                "--public-url", f"http://localhost:{self.port}",
                                "--database", f"sqlite:{self.folder}/test.db", *arguments], self.folder)
        until("the authorization server answers", lambda: self.answers())

    def answers(self):
        assert self.process.runs(), self.process.log()
        try:
            return send(self.port, "GET", "/health").status == 200
        except OSError:
            return False

    def stop(self):
        self.process.stop()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method, path, token=None, form=None, body=None, status=None, client=None):
        headers = {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if client:
            pair = f"{client}:{secret(client)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        if form is not None:
            headers["Content-Type"], body = "application/x-www-form-urlencoded", urllib.parse.urlencode(form)
        elif body is not None:
            headers["Content-Type"], body = "application/json", json.dumps(body)
        answer = send(self.port, method, f"/realms/demo/{path}", headers, body)
        assert status is None or answer.status == status, (answer.status, answer.body)
        return answer

    def token_endpoint(self, form, **more):
        return self.ask("POST", "protocol/openid-connect/token", form=form, **more)

    def pat(self):
        return self.token_endpoint({"grant_type": "client_credentials"}, client="documents", status=200).json()["access_token"]

    def token(self, user):
        form = {"grant_type": "password", "client_id": "app", "username": user, "password": f"{user}-password"}
        return self.token_endpoint(form, status=200).json()["access_token"]

    def owner_token(self, user):
        form = {"grant_type": "password", "username": user, "password": f"{user}-password"}
        return self.token_endpoint(form, client="documents", status=200).json()["access_token"]

    def register(self, name, uri):
        body = {"name": name, "owner": "alice", "ownerManagedAccess": True, "uris": [uri],
                "resource_scopes": ["read", "write"]}
        return self.ask("POST", "authz/protection/resource_set", self.pat(), body=body, status=201).json()["_id"]

    def exchange(self, token, ticket):
        return self.token_endpoint({"grant_type": UMA, "ticket": ticket}, token=token)

    def rows(self):
        query = "authz/protection/permission/ticket?returnNames=true"
        return self.ask("GET", query, self.owner_token("alice"), status=200).json()

    def approve(self, scope):
        for row in self.rows():
            if row["scopeName"] == scope and not row["granted"]:
                body = {"id": row["id"], "granted": True}
                self.ask("PUT", "authz/protection/permission/ticket", self.owner_token("alice"), body=body, status=204)

    def withdraw(self):
        for row in self.rows():
            self.ask("DELETE", f"authz/protection/permission/ticket/{row['id']}", self.owner_token("alice"), status=204)


class Answer:
    """An answer, its headers in order"""

    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.getheaders(), response.read()

    def all(self, name):
        return [value for known, value in self.headers if known.lower() == name]

    def header(self, name):
        return next(iter(self.all(name)), None)

    def json(self):
        return json.loads(self.body)


def send(port, method, target, headers=None, body=None):
    """A request by an ordinary client"""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, target, body, headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def raw(port, method, target, headers, body=b""):
    """A request as no ordinary client would make it; `None` where the connection is closed without an answer"""
    def as_bytes(text):
        return text if isinstance(text, bytes) else text.encode()

    lines = [b" ".join([as_bytes(method), as_bytes(target), b"HTTP/1.1"]), b"Host: rs.example", b"Connection: close"]
    lines += [as_bytes(name) + b": " + as_bytes(value) for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}".encode())
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as stream:
        stream.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        response = http.client.HTTPResponse(stream, method="HEAD" if method == "HEAD" else None)
        try:
            response.begin()
            return Answer(response)
        except (http.client.HTTPException, OSError):
            return None


class Application:
    """The server behind: tells what reached it"""

    def __init__(self):
        application = self
        self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                digest, length = hashlib.sha256(), 0
                for chunk in self.chunks():
                    digest.update(chunk)
                    length += len(chunk)
                seen = {"method": self.command, "target": self.path, "length": length, "digest": digest.hexdigest(),
                        "headers": [[name.lower(), value] for name, value in self.headers.items()]}
                application.requests.append(seen)
                body = json.dumps(seen).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                for name, value in seen["headers"]:
                    if name.startswith("x-countersign-"):
                        self.send_header(f"seen-{name}", value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def chunks(self):
                if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                    while size := int(self.rfile.readline().split(b";")[0], 16):
                        yield self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                    return
                left = int(self.headers.get("Content-Length", 0))
                while left > 0:
                    chunk = self.rfile.read(min(left, 65536))
                    if not chunk:
                        return
                    left -= len(chunk)
                    yield chunk

            def log_message(self, *_):
                pass

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = handle_any

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
