"""One document's story through a filter, with the real authorization server: what holds of every filter."""

import hashlib
import re
import socket

from vectors import scenario
from world import PATIENCE, WARNING, Application, Server, raw, send, until

TICKET = re.compile(r'ticket="([^"]+)"')


class Story:
    """One authorization server, one application, one filter for all tests of a class, which says how its filter starts"""

    @classmethod
    def setUpClass(cls):
        cls.server, cls.application = Server(), Application()
        cls.addClassCleanup(cls.server.close)
        cls.addClassCleanup(cls.application.close)
        cls.resource = cls.server.register("diary", "/documents/42")
        cls.filter = cls.serve()

    @classmethod
    def serve(cls):
        """Starts a filter between the application and the authorization server."""
        raise NotImplementedError

    def ask(self, method="GET", target="/documents/42", token=None, body=None, by=None, headers=None):
        headers = {**(headers or {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        return send((by or self.filter).port, method, target, headers, body)

    def all_answer(self, status, **asked):
        """Whether all workers of a filter answer so: each waits and takes over what is new by itself."""
        return all(self.ask(**asked).status == status for _ in range(16))

    def challenge(self, answer):
        self.assertEqual(answer.status, 401, answer.body)
        [challenge] = answer.all("www-authenticate")
        self.assertTrue(challenge.startswith('UMA realm="documents",'), challenge)
        self.assertIn(f'as_uri="{self.server.issuer}"', challenge)
        return TICKET.search(challenge)[1]

    def rpt(self, scope):
        """A token of bob's that alice has approved"""
        method = {"read": "GET", "write": "PUT"}[scope]
        ticket = self.challenge(self.ask(method))
        bob = self.server.token("bob")
        answer = self.server.exchange(bob, ticket)
        if answer.status != 200:
            self.server.approve(scope)
            answer = self.server.exchange(bob, self.challenge(self.ask(method)))
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()["access_token"]


class Walk(Story):
    # Paths that are refused without a ticket
    UNKNOWN = ["/elsewhere", "/documents/..;/42", "/documents/nobody"]

    def test_a_document_is_asked_for_approved_opened_and_taken_back(self):
        before = len(self.application.requests)
        bob = self.server.token("bob")
        self.assertEqual(self.server.exchange(bob, self.challenge(self.ask())).status, 403)
        self.assertEqual(self.server.exchange(bob, self.challenge(self.ask(token=bob))).status, 403)
        self.assertEqual(len(self.application.requests), before, "nothing has reached the application")

        rpt = self.rpt("read")
        seen = self.ask(token=rpt)
        self.assertEqual(seen.status, 200, seen.body)
        headers = dict(seen.json()["headers"])
        self.assertEqual(headers["x-countersign-resource"], self.resource)
        self.assertEqual(headers["x-countersign-scopes"], "read")
        self.assertTrue(headers["x-countersign-sub"] and headers["x-countersign-rpt-jti"])
        self.assertNotIn("x-countersign-decision", headers)
        self.assertEqual(seen.header("x-countersign-decision"), None)
        self.challenge(self.ask("PUT", token=rpt))

        self.server.withdraw()
        # The list's `ttl` is 5 s.
        self.assertTrue(until("a withdrawn share is denied", lambda: self.all_answer(401, token=rpt), 15))
        self.assertEqual(self.server.exchange(bob, self.challenge(self.ask(token=rpt))).status, 403)
        self.counted()

    def counted(self):
        """What the filter has counted meanwhile, where it counts"""

    def test_open_unknown_and_unreadable_paths(self):
        self.assertEqual(self.ask(target="/health").status, 200)
        for target in self.UNKNOWN:
            answer = self.ask(target=target)
            self.assertEqual((answer.status, answer.all("www-authenticate")), (403, []), target)
        self.assertEqual(self.ask(target="/health", headers={"X-Original-URL": "/documents/42"}).status, 403)

    def test_hostile_headers(self):
        own = ["x-countersign-sub", "X-Countersign-Sub", "X_COUNTERSIGN_SUB", "x-countersign_scopes", "x-countersign-",
               "x.countersign.sub", "x-countersign-decision"]
        before = len(self.application.requests)
        answer = raw(self.filter.port, "GET", "/health", [(name, "alice") for name in own])
        if answer is not None and answer.status == 200:
            [seen] = self.application.requests[before:]
            names = [name for name, _ in seen["headers"]]
            self.assertEqual([name for name in names if re.sub("[^a-z]", "-", name).startswith("x-countersign-")], [])
        for name in own:
            answer = raw(self.filter.port, "GET", "/health", [(name, "alice"), (name, "mallory")])
            self.assertIn(answer.status, [200, 400], name)
            self.assertNotIn(b"alice", answer.body, name)
            self.assertNotIn(b"mallory", answer.body, name)

    def test_no_client_says_who_it_is(self):
        rpt = self.rpt("read")
        forged = [(name, "alice") for name in ["X-Countersign-Sub", "x-countersign-scopes", "X_Countersign_Resource"]]
        answer = raw(self.filter.port, "GET", "/documents/42", [("Authorization", f"Bearer {rpt}"), *forged])
        self.assertEqual(answer.status, 200, answer.body)
        seen = [(name, value) for name, value in answer.json()["headers"] if "countersign" in name]
        self.assertEqual(dict(seen)["x-countersign-scopes"], "read")
        self.assertEqual([value for _, value in seen if value == "alice"], [])
        self.assertEqual(len(seen), 4, seen)

    def test_headers_that_are_no_text_end_no_worker(self):
        rpt = self.rpt("read")
        good = ("Authorization", f"Bearer {rpt}")
        for headers, statuses in [
            ([good, ("X-Bytes", b"\xff\xfe\x80")], [200, 400]),
            ([("Authorization", b"Bearer \xff\xfe")], [401]),
            ([good, ("Authorization", "Bearer a.b.c")], [401]),
            ([good, ("Cookie", b"\xff=\xff"), ("Referer", "x" * 20_000)], [200]),
            ([("Authorization", "Bearer " + "a" * 40_000)], [401]),
            ([("Authorization", "Bearer " + ".." * 20_000)], [401]),
            ([("Authorization", "DPoP " + rpt), ("DPoP", b"\xff")], [401]),
        ]:
            answer = raw(self.filter.port, "GET", "/documents/42", headers)
            self.assertIn(answer.status, statuses, headers[0][0])
        self.assertEqual(self.ask(token=rpt).status, 200)
        self.assertTrue(self.filter.process.runs())

    def test_bodies_stream_through_once_they_may(self):
        rpt, body = self.rpt("write"), bytes(range(256)) * 80_000
        answer = self.ask("PUT", token=rpt, body=body)
        self.assertEqual(answer.status, 200, answer.body[:200])
        seen = answer.json()
        self.assertEqual((seen["length"], seen["digest"]), (len(body), hashlib.sha256(body).hexdigest()))
        before = len(self.application.requests)
        try:
            self.assertEqual(self.ask("PUT", body=body).status, 401)
        except OSError:
            pass  # the connection was closed while the body was still on its way
        chunks = iter([b"x" * 100_000] * 50)
        self.assertEqual(self.ask("PUT", token=rpt, body=chunks).json()["length"], 5_000_000)
        self.assertEqual(len(self.application.requests), before + 1, "only the permitted one has arrived")

    def test_clients_that_hang_up_take_nothing_from_others(self):
        fresh = self.serve()
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", fresh.port), timeout=PATIENCE) as stream:
                stream.sendall(b"GET /documents/42 HTTP/1.1\r\nHost: rs\r\n\r\n")
        self.challenge(self.ask(by=fresh))


class Away(Story):
    def test_the_server_is_away_and_comes_back(self):
        rpt = self.rpt("read")
        self.assertEqual(self.ask(token=rpt).status, 200)
        self.server.stop()
        fresh = self.serve()
        for by, token in [(fresh, None), (fresh, rpt), (fresh, "a.b.c"), (self.filter, None)]:
            answer = self.ask(token=token, by=by)
            if by is self.filter and answer.status == 401:
                continue
            self.assertEqual((answer.status, answer.header("warning")), (403, WARNING))
            self.assertEqual(answer.all("www-authenticate"), [])
            self.assertEqual(answer.body, b"")
        self.counted(fresh)
        self.server.start()
        until("the server is heard again", lambda: self.all_answer(200, by=fresh, token=rpt))
        until("and asked for tickets", lambda: self.all_answer(401, by=fresh))
        self.challenge(self.ask(by=fresh))

    def counted(self, fresh):
        """What a filter has counted meanwhile, where it counts"""


class Shipped(Story):
    @classmethod
    def serve_told(cls):
        """Starts a filter whose requests bring their settings along."""
        raise NotImplementedError

    def test_a_filter_that_traps_lets_nothing_through(self):
        told = self.serve_told()
        before = len(self.application.requests)
        answer = send(told.port, "GET", "/health", {"x-countersign-vector": scenario({"now": 0, "direct": "trap"})})
        self.assertGreaterEqual(answer.status, 500)
        self.assertEqual(len(self.application.requests), before)

    def test_no_request_brings_settings_to_the_filter_that_is_shipped(self):
        header = {"x-countersign-vector": scenario({"now": 0, "direct": "trap"})}
        answer = self.ask(target="/health", headers=header)
        self.assertEqual(answer.status, 200)
        self.assertNotIn(b"x-countersign-vector", answer.body)
