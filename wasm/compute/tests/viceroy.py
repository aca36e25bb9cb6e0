"""A real Viceroy with the service."""

import json
import pathlib
import re
import shutil
import tempfile

from world import Process, required, secret, until

EXAMPLE = pathlib.Path(__file__).resolve().parent.parent / "fastly.toml"
LISTENS = re.compile(r"Listening on http://127\.0\.0\.1:(\d+)")


def example():
    """The settings of the example"""
    return json.loads(EXAMPLE.read_text().split("'''")[1])


class Viceroy:
    """Viceroy with the example's configuration, ports and what is given put in"""

    def __init__(self, module, application, server_port, settings=None, issuer=None, change=None):
        self.folder = tempfile.mkdtemp(prefix="countersign-viceroy-")
        if settings is None:
            settings = example()
        if issuer and isinstance(settings, dict):
            settings = {**settings, "issuer": issuer}
        settings = settings if isinstance(settings, str) else json.dumps(settings)
        begin, _, end = EXAMPLE.read_text().split("'''")
        text = f"{begin}'''{settings}'''{end}"
        for old, new in [("127.0.0.1:9000", f"127.0.0.1:{application}"), ("127.0.0.1:8080", f"127.0.0.1:{server_port}")]:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        text = change(text) if change else text
        pathlib.Path(self.folder, "fastly.toml").write_text(text)
        self.process = Process([required("COUNTERSIGN_VICEROY"), "-v", "-C", "fastly.toml", "--addr", "127.0.0.1:0", str(module)],
                               self.folder, {"COUNTERSIGN_CLIENT_SECRET": secret("documents")})
        self.port = None

    def start(self):
        """Waits until it listens."""
        self.port = int(until("Viceroy listens", self.listens)[1])
        return self

    def listens(self):
        assert self.process.runs(), self.process.log()
        return LISTENS.search(self.process.log())

    def close(self):
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
