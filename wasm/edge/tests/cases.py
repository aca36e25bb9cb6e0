"""Every vector of the kinds that a filter serves, as a real request through it where it really runs: none is left out."""

import collections
import json
import re
import time
import urllib.parse

from vectors import BROKEN, KINDS, AuthorizationServer, Signer, all_of, scenario
from world import WARNING, Application, raw

AS = "https://as.example/realms/demo"
HEADER_SAFE = re.compile(r"[\x21-\x7e]+")
TARGET = re.compile(r"/[\x21-\x22\x24-\x7e]*")
METHOD = re.compile(r"[A-Z]+")


def plain(text):
    """As the filter writes a text into a header"""
    return "".join(chr(byte) if 0x21 <= byte <= 0x7E and byte not in b'%,;"' else f"%{byte:02X}" for byte in text.encode())


class Vectors:
    """What a `unittest.TestCase` with these does; it says how its filter is started."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.signer, cls.stub, cls.application = Signer(), AuthorizationServer(), Application()
        cls.addClassCleanup(cls.stub.close)
        cls.addClassCleanup(cls.application.close)
        cls.filter = cls.serve()

    @classmethod
    def serve(cls):
        """Starts the filter between the application and the authorization server."""
        raise NotImplementedError

    @staticmethod
    def carries(target):
        """Whether a request reaches the filter with its target as it is written"""
        return TARGET.fullmatch(target)

    def ask(self, settings, now, method="GET", target="/p", headers=(), direct=None, instead=None):
        story = {"settings": settings, "now": now, "instead": instead or {}}
        if direct:
            story["direct"] = direct
        return raw(self.filter.port, method, target, [("x-countersign-vector", scenario(story)), *headers])

    def decision(self, answer):
        if answer is None:
            return None
        return answer.header("seen-x-countersign-decision") or answer.header("x-countersign-decision")

    def settings(self, rules, **more):
        return {"issuer": AS, "resource": "rs", "leeway": 0, "withdrawals": "none", "jwks": self.signer.jwks,
                "credentials": {"secret": "s"}, "rules": rules, **more}

    def every(self, kind, check):
        counts, wrong = collections.Counter(), []
        for vector in all_of(kind):
            counts["all"] += 1
            try:
                counts[check(vector)] += 1
            except AssertionError as error:
                wrong.append(f"{vector['note']} ({vector['spec']}): {error}")
        self.assertGreater(counts["all"], 0, f"no vectors of kind {kind}")
        self.assertEqual(wrong, [], f"{len(wrong)} of {counts['all']} differ")
        self.assertTrue(self.filter.process.runs())
        print(f"\n{kind}: {dict(counts)}")

    def test_kinds(self):
        self.assertEqual(set(KINDS), {"token", "permits", "enforcer", "challenge"})

    # ---- servers that do not behave

    def test_a_server_that_does_not_behave_opens_nothing_and_tells_nothing(self):
        rules = {"bearer-only": True, "user-managed-access": {}, "paths": [{"path": "/p", "id": "42"}]}
        settings = self.settings(rules)
        del settings["jwks"]
        good = ("Authorization", f"Bearer {self.signer.rpt(AS, 2000, [{'rsid': '42', 'scopes': []}])}")
        before = len(self.application.requests)
        for where in ["/uma2-configuration", "/jwks", "/token", "/permission"]:
            # One that hangs is waited for: once.
            for how in [how for how in BROKEN if how != "hang" or where == "/permission"]:
                self.stub.set(AS, broken=(where, how))
                begin = time.monotonic()
                answer = self.ask(settings, 1000, headers=[good] if where == "/jwks" else [])
                self.assertLess(time.monotonic() - begin, 15, (where, how))
                self.assertEqual(self.stub.asked[0], ("broken", how), where)
                if (where, how) == ("/jwks", "keyless"):
                    # It has answered: nobody's token is good.
                    self.assertEqual((answer.status, self.decision(answer), answer.body), (401, "unknown_key", b""))
                    continue
                self.assertEqual((answer.status, answer.header("warning"), answer.body), (403, WARNING, b""), (where, how))
                self.assertEqual(answer.all("www-authenticate"), [], (where, how))
                self.assertEqual([what for what, _ in self.stub.asked if what == "elsewhere"], [], "no redirect is followed")
        self.assertEqual(len(self.application.requests), before)
        self.assertTrue(self.filter.process.runs())

    # ---- token

    def test_token(self):
        self.every("token", self.token)

    def token(self, vector):
        given, request, want = vector["given"], vector["request"], vector["want"]
        token, now = request["token"], request["now"]
        if HEADER_SAFE.fullmatch(token):
            settings = {"issuer": given["issuer"], "resource": given["audience"], "leeway": given["leeway"], "jwks": given["keys"],
                        "withdrawals": "none", "rules": {"enforcement-mode": "DISABLED"}}
            answer = self.ask(settings, now, headers=[("Authorization", f"Bearer {token}")])
            if want["accepted"]:
                self.assertEqual((answer.status, self.decision(answer)), (200, "permitted"))
                sub = want.get("sub")
                self.assertEqual(answer.header("seen-x-countersign-sub"), plain(sub) if sub else None)
            else:
                self.assertEqual((answer.status, self.decision(answer)), (401, want["code"]))
            return "by header"
        direct = {"token": {"token": token, "issuer": given["issuer"], "audience": given["audience"], "leeway": given["leeway"],
                            "keys": given["keys"]}}
        answer = self.ask({}, now, direct=direct)
        self.assertEqual(self.decision(answer), "permitted" if want["accepted"] else want["code"])
        return "that no header carries"

    # ---- permits

    def test_permits(self):
        self.every("permits", self.permits)

    def permits(self, vector):
        given, request, want = vector["given"], vector["request"], vector["want"]
        token = self.signer.rpt(AS, given["exp"], given["permissions"])
        if "resource_name" in request:
            named = {"name": request["resource_name"], "scopes": request["scopes"]}
            direct = {"token": {"token": token, "issuer": AS, "audience": "rs", "leeway": 0, "keys": self.signer.jwks,
                                "named": named}}
            answer = self.ask({}, request["now"], direct=direct)
            self.assertEqual(self.decision(answer), "permitted" if want["permitted"] else want["code"])
            if want["permitted"]:
                self.assertEqual(answer.json(), {"scopes": want["scopes"], "until": want["until"]})
            return "by name"
        rules = {"paths": [{"path": "/p", "id": request["resource"], "methods": [{"method": "GET", "scopes": request["scopes"]}]}]}
        answer = self.ask(self.settings(rules), request["now"], headers=[("Authorization", f"Bearer {token}")])
        if self.decision(answer) == "settings":
            # What is no id or no scope cannot be asked for.
            self.assertRegex(answer.body.decode(), r"`rules`: `paths\[0\]\.(id|methods\[0\]\.scopes)`")
            self.assertEqual(want, {"permitted": False, "code": "not_permitted"})
            return "that no rule can say"
        if want["permitted"]:
            self.assertEqual((answer.status, self.decision(answer)), (200, "permitted"))
            self.assertEqual(answer.header("seen-x-countersign-scopes"), " ".join(map(plain, want["scopes"])))
        else:
            self.assertEqual((answer.status, self.decision(answer)), (403, want["code"]))
        return "by rules"

    # ---- challenge

    def test_challenge(self):
        self.every("challenge", self.challenge)

    def challenge(self, vector):
        request, want = vector["request"], vector["want"]
        if "find" in request:
            answer = self.ask({}, 0, direct={"find": request["find"]})
            if "code" in want:
                self.assertEqual(self.decision(answer), want["code"])
            else:
                self.assertEqual(answer.json(), want["challenge"])
            return "read"
        build = request["build"]
        self.stub.set(build["as_uri"], ticket=build["ticket"])
        rules = {"bearer-only": True, "user-managed-access": {}, "paths": [{"path": "/p", "id": "42"}]}
        answer = self.ask(self.settings(rules, issuer=build["as_uri"], realm=build["realm"]), 1000)
        if "code" not in want:
            self.assertEqual((answer.status, answer.all("www-authenticate")), (401, [want["header"]]))
        elif self.decision(answer) == "settings":
            self.assertIn("`realm` has a character", answer.body.decode())
        else:
            self.assertEqual((answer.status, answer.header("warning")), (403, WARNING))
            self.assertEqual(answer.all("www-authenticate"), [])
        return "written"

    # ---- enforcer

    def test_enforcer(self):
        self.every("enforcer", self.enforcer)

    def enforcer(self, vector):
        given, request, want = vector["given"], vector["request"], vector["want"]
        self.stub.set(AS, found=request.get("found"))
        headers = [tuple(pair) for pair in request.get("headers", [])]
        if "exp" in given:
            token = self.signer.rpt(AS, given["exp"], given.get("permissions", []), given.get("claims"))
            headers.append(("Authorization", f"Bearer {token}"))
        if "cookies" in request:
            headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in request["cookies"])))
        method, target = request["method"], request["target"]
        if "parameters" in request:
            target += ("&" if "?" in target else "?") + urllib.parse.urlencode([tuple(pair) for pair in request["parameters"]])
        names = {"uri": "uri", "remote_addr": "remote-addr", "secure": "secure", "body": "body"}
        instead = {there: request[here] for here, there in names.items() if here in request}
        if "relative_path" in request:
            target = request["relative_path"]
        settings = self.settings(given["config"])
        answer, how = None, "as they are"
        if METHOD.fullmatch(method) and self.carries(target):
            answer = self.ask(settings, request["now"], method, target, headers, instead=instead)
        if self.decision(answer) is None:
            how = "that no client can send through it"
            self.stub.set(AS, found=request.get("found"))
            answer = self.ask(settings, request["now"], "GET", "/", headers,
                              instead={**instead, "method": method, "target": target})
        if "error" in want:
            self.assertEqual((self.decision(answer), answer.body.decode()), ("settings", f"settings: `rules`: {want['error']}"))
            return "refused settings"
        self.answered(answer, want)
        return how

    def answered(self, answer, want):
        seen = self.decision(answer)
        self.assertEqual(seen, want["verdict"], answer.body[:200])
        if want["verdict"] == "permitted":
            self.assertEqual(answer.status, 200)
            resource = answer.header("seen-x-countersign-resource")
            self.assertIn(resource, [None, want.get("resource")])
        tickets = [body for kind, body in self.stub.asked if kind == "ticket"]
        lookups = [urllib.parse.parse_qs(query) for kind, query in self.stub.asked if kind == "lookup"]
        if lookups and "lookup" in want:
            self.assertEqual(lookups[0], query_of(want["lookup"][0]))
        kind = want.get("answer")
        if kind == "challenge":
            self.assertEqual(answer.status, 401)
            self.assertRegex(answer.header("www-authenticate"), r'^UMA .*ticket="t\.i\.c"$')
            wanted = {"resource_id": want["resource"], "resource_scopes": want["scopes"]}
            self.assertEqual(tickets, [[{**wanted, **({"claims": want["claims"]} if want.get("claims") else {})}]])
            return
        self.assertEqual(tickets, [])
        if kind == "forbidden":
            self.assertEqual(answer.status, 403)
        elif kind == "unauthorized":
            self.assertEqual(answer.status, 401)
            self.assertTrue(answer.header("www-authenticate").startswith("Bearer "))
        elif kind is not None:
            self.assertEqual((answer.status, answer.header("location")), (302, kind["redirect"]))


def query_of(question):
    [(kind, text)] = question.items()
    more = {"name": {"name": [text], "exactName": ["true"], "owner": ["rs"]}, "uri": {"uri": [text]},
            "matchingUri": {"uri": [text], "matchingUri": ["true"]}}
    return {"deep": ["true"], **more[kind]}

