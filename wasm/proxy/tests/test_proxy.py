"""The filter in a real Envoy, with the real authorization server."""

import unittest

import story
from envoy import Envoy, example
from world import required, until

FILTER = "COUNTERSIGN_PROXY"


class Proxy(story.Story):
    @classmethod
    def serve(cls, module=FILTER):
        envoy = Envoy(required(module), cls.application.port, cls.server.port, issuer=cls.server.issuer)
        cls.addClassCleanup(envoy.close)
        return envoy.start()


class Walk(Proxy, story.Walk, unittest.TestCase):
    UNKNOWN = [*story.Walk.UNKNOWN, "/documents/%2e%2e/health"]

    def counted(self):
        self.assertGreaterEqual(self.filter.counter("countersign.permitted"), 1)
        self.assertGreaterEqual(self.filter.counter("countersign.challenged"), 3)
        self.assertGreaterEqual(self.filter.counter("countersign.calls"), 3)


class Away(Proxy, story.Away, unittest.TestCase):
    def counted(self, fresh):
        self.assertGreaterEqual(fresh.counter("countersign.unreachable"), 3)


class Refused(Proxy, unittest.TestCase):
    def test_settings_are_refused_with_a_readable_line(self):
        good = example()
        for change, line in [
            ({"issuer": "http://as.example"}, "settings: `issuer` is neither https nor on this machine"),
            ({"isuer": "x"}, "settings: unknown field `isuer`"),
            ({"cluster": ""}, "settings: `cluster` is not the name of the cluster"),
            ({"credentials": {"secret-env": "NOT_THERE"}}, "settings: `credentials`: the secret that `secret-env` names is not there"),
            ({"rules": {"paths": [{"pathh": "/x"}]}}, "settings: `rules`: `paths[0].pathh` is not known; did you mean `path`?"),
            ("no JSON", "settings: expected"),
        ]:
            settings = change if isinstance(change, str) else {**good, **change}
            envoy = Envoy(required(FILTER), self.application.port, self.server.port, settings)
            self.addCleanup(envoy.close)
            until(f"the line `{line}`", lambda: f"countersign: {line}" in envoy.process.log())
            before = len(self.application.requests)
            if envoy.process.runs() and envoy.is_live():
                self.assertGreaterEqual(self.ask(by=envoy.start(), target="/health").status, 500)
            self.assertEqual(len(self.application.requests), before)


class Shipped(Proxy, story.Shipped, unittest.TestCase):
    @classmethod
    def serve_told(cls):
        return cls.serve("COUNTERSIGN_PROXY_VECTORS")


if __name__ == "__main__":
    unittest.main()
