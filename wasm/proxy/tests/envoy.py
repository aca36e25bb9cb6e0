"""A real Envoy with the filter."""

import json
import pathlib
import shutil
import sys
import tempfile

from world import Process, secret, send, until

EXAMPLE = pathlib.Path(__file__).resolve().parent.parent / "envoy.yaml"


def example():
    """The settings of the example"""
    text = EXAMPLE.read_text()
    begin = text.index("value: |") + len("value: |")
    return json.loads(text[begin:text.index("          - name: envoy.filters.http.router")])


class Envoy:
    """Envoy with the example's configuration, its ports and what is given put in"""

    def __init__(self, module, application, server_port, settings=None, issuer=None, concurrency=2, change=None):
        self.folder = tempfile.mkdtemp(prefix="countersign-envoy-")
        text = EXAMPLE.read_text()
        if settings is None:
            settings = example()
        if issuer and isinstance(settings, dict) and "issuer" in settings:
            settings = {**settings, "issuer": issuer}
        begin = text.index("value: |") + len("value: ")
        end = text.index("          - name: envoy.filters.http.router")
        settings = settings if isinstance(settings, str) else json.dumps(settings)
        text = text[:begin] + json.dumps(settings) + "\n" + text[end:]
        for old, new in [("port_value: 9901", "port_value: 0"), ("port_value: 10000", "port_value: 0"),
                         ("port_value: 9000", f"port_value: {application}"), ("port_value: 8080", f"port_value: {server_port}"),
                         ("filename: countersign_proxy.wasm", f"filename: {json.dumps(str(module))}")]:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        text = change(text) if change else text
        pathlib.Path(self.folder, "envoy.yaml").write_text(text)
        program = pathlib.Path(sys.executable).parent / "envoy"
        self.process = Process([str(program), "-c", "envoy.yaml", "--use-dynamic-base-id", "--log-level", "warning",
                                "--concurrency", str(concurrency), "--admin-address-path", "admin"], self.folder,
                               {"COUNTERSIGN_CLIENT_SECRET": secret("documents")})
        self.port = None

    def start(self):
        """Waits until it listens."""
        until("Envoy is live", lambda: self.is_live())
        listeners = self.admin("/listeners?format=json").json()["listener_statuses"]
        self.port = listeners[0]["local_address"]["socket_address"]["port_value"]
        return self

    def is_live(self):
        assert self.process.runs(), self.process.log()
        try:
            return self.admin("/ready").status == 200
        except (OSError, ValueError):
            return False

    def admin(self, path):
        """Asks the administration; a `ValueError` while Envoy has made the file but not yet said its address in it."""
        _, _, port = pathlib.Path(self.folder, "admin").read_text().rpartition(":")
        return send(int(port), "GET", path)

    def counter(self, name):
        lines = self.admin(f"/stats?filter={name}").body.decode().splitlines()
        return sum(int(line.rsplit(": ", 1)[1]) for line in lines if line.split(": ")[0].endswith(name))

    def close(self):
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
