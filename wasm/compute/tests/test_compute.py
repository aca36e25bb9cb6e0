"""The service in a real Viceroy, with the real authorization server."""

import unittest

import story
from viceroy import Viceroy, example
from world import WARNING, free_port, raw, required, until

SERVICE = "COUNTERSIGN_COMPUTE"
# What stands in the configuration and is nobody's business
HIDDEN = [b"authorization_server", b"application", b"backend", b"127.0.0.1", b"countersign"]


class Compute(story.Story):
    @classmethod
    def serve(cls, module=SERVICE, application=None, settings=None):
        viceroy = Viceroy(required(module), application or cls.application.port, cls.server.port, settings, cls.server.issuer)
        cls.addClassCleanup(viceroy.close)
        return viceroy.start()

    def tells_nothing(self, answer):
        for word in HIDDEN:
            self.assertNotIn(word, answer.body)
            self.assertEqual([name for name, value in answer.headers if word.decode() in name.lower() + value], [])


class Walk(Compute, story.Walk, unittest.TestCase):
    def test_what_the_platform_has_read_is_what_goes_on(self):
        open_to_all = raw(self.filter.port, "GET", "/documents/42/%2e%2e/../health", [])
        self.assertEqual((open_to_all.status, open_to_all.json()["target"]), (200, "/health"))
        before = len(self.application.requests)
        for target in ["/health/../documents/42", "/health/%2E%2e/documents/42", "/health\\..\\documents\\42"]:
            answer = raw(self.filter.port, "GET", target, [])
            if answer is not None and answer.status != 400:
                self.challenge(answer)
        self.assertEqual(len(self.application.requests), before)

    def test_what_one_may_see_is_not_for_the_next(self):
        rpt = self.rpt("read")
        before = len(self.application.requests)
        for _ in range(3):
            self.assertEqual(self.ask(token=rpt).status, 200)
            self.challenge(self.ask())
        self.assertEqual(len(self.application.requests), before + 3, "nothing was answered from a cache")

    def test_an_application_that_is_away_is_not_named(self):
        answer = self.ask(target="/health", by=self.serve(application=free_port()))
        self.assertEqual((answer.status, answer.body, answer.header("cache-control")), (502, b"", "no-store"))
        self.tells_nothing(answer)


class Away(Compute, story.Away, unittest.TestCase):
    def test_a_token_is_good_while_the_server_is_away(self):
        rpt = self.rpt("read")
        self.assertEqual(self.ask(token=rpt).status, 200)
        self.server.stop()
        try:
            self.assertEqual(self.ask(token=rpt).status, 200, "keys, status list and path were kept")
            for token in [None, "a.b.c"]:
                answer = self.ask(token=token)
                self.assertEqual((answer.status, answer.header("warning"), answer.body), (403, WARNING, b""))
                self.tells_nothing(answer)
        finally:
            self.server.start()
        until("the server is heard again", lambda: self.ask().status == 401)


class Refused(Compute, unittest.TestCase):
    def test_settings_are_refused_with_a_readable_line(self):
        good = example()
        for change, line in [
            ({"issuer": "http://as.example"}, "settings: `issuer` is neither https nor on this machine"),
            ({"isuer": "x"}, "settings: unknown field `isuer`"),
            ({"credentials": {"secret-store": "other"}}, "settings: `credentials`: the secret that `secret-store` names is not there"),
            ({"credentials": {"secret-env": "COUNTERSIGN_CLIENT_SECRET"}}, "settings: `credentials`: the secret that `secret-env` names"),
            ({"rules": {"paths": [{"pathh": "/x"}]}}, "settings: `rules`: `paths[0].pathh` is not known; did you mean `path`?"),
            ("no JSON", "settings: expected"),
        ]:
            viceroy = Viceroy(required(SERVICE), self.application.port, self.server.port,
                              change if isinstance(change, str) else {**good, **change})
            self.addCleanup(viceroy.close)
            viceroy.start()
            before = len(self.application.requests)
            answer = self.ask(target="/health", by=viceroy)
            self.assertEqual((answer.status, answer.body), (500, b""), line)
            until(f"the line `{line}`", lambda: f"countersign: {line}" in viceroy.process.log())
            self.assertEqual(len(self.application.requests), before)


class Shipped(Compute, story.Shipped, unittest.TestCase):
    @classmethod
    def serve_told(cls):
        return cls.serve("COUNTERSIGN_COMPUTE_VECTORS")


if __name__ == "__main__":
    unittest.main()
