"""Many requests for a long time: with `cargo xtask test --long` alone."""

import os
import time
import unittest

import load
from envoy import Envoy
from vectors import AuthorizationServer, Signer
from world import required

RATE, SECONDS = 5_000, 20
AS = "https://as.example/realms/demo"


def settings(signer):
    return {"cluster": "authorization_server", "issuer": AS, "resource": "rs", "jwks": signer.jwks, "withdrawals": "none",
            "rules": {"paths": [{"path": "/p", "id": "42", "scopes": ["read"]}]}}


def direct(text):
    """Envoy answers itself, so that nothing else is measured."""
    old = "route: { cluster: application }"
    assert text.count(old) == 1
    return text.replace(old, "direct_response: { status: 200, body: { inline_string: ok } }")


@unittest.skipUnless(os.environ.get("COUNTERSIGN_TEST_LONG"), "for `cargo xtask test --long`")
class Long(unittest.TestCase):
    def test_five_thousand_a_second_and_flat_memory(self):
        signer, stub = Signer(), AuthorizationServer()
        self.addCleanup(stub.close)
        envoy = Envoy(required("COUNTERSIGN_PROXY"), 9, stub.port, settings(signer), change=direct)
        self.addCleanup(envoy.close)
        port = envoy.start().port
        token = signer.rpt(AS, int(time.time()) + 3_600, [{"rsid": "42", "scopes": ["read"]}])
        data = load.request("/p", token)
        load.run(port, data, RATE, 5)
        before = envoy.process.resident()
        counts = load.run(port, data, RATE, SECONDS)
        after = envoy.process.resident()
        print(f"\n{counts} in {SECONDS} s; {before} KiB before, {after} KiB after")
        self.assertEqual(set(counts), {200})
        self.assertGreaterEqual(counts[200], RATE * SECONDS * 0.98)
        self.assertLess(after, before * 1.1 + 4_096)
        self.assertTrue(envoy.process.runs())


if __name__ == "__main__":
    unittest.main()
