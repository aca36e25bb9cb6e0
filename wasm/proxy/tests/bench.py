"""What the filter adds to a request through Envoy, beside Envoy's own `jwt_authn` and beside nothing: rows as JSON."""

import json
import time

import load
from envoy import Envoy
from test_long import AS, direct, settings
from vectors import AuthorizationServer, Signer
from world import required

COUNT, ROUNDS = 2_000, 5
BEGIN, END = "          - name: countersign\n", "          - name: envoy.filters.http.router"


def without(text):
    return text[:text.index(BEGIN)] + text[text.index(END):]


def jwt_authn(signer):
    config = {"@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
              "providers": {"as": {"issuer": AS, "audiences": ["rs"], "local_jwks": {"inline_string": json.dumps(signer.jwks)}}},
              "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "as"}}]}
    entry = f"          - name: envoy.filters.http.jwt_authn\n            typed_config: {json.dumps(config)}\n"

    def change(text):
        return text[:text.index(BEGIN)] + entry + text[text.index(END):]
    return change


def main():
    signer, stub = Signer(), AuthorizationServer()
    token = signer.rpt(AS, int(time.time()) + 3_600, [{"rsid": "42", "scopes": ["read"]}])
    data = load.request("/p", token)
    changes = {"none": without, "jwt_authn": jwt_authn(signer), "filter": lambda text: text}
    envoys = {name: Envoy(required("COUNTERSIGN_PROXY"), 9, stub.port, settings(signer),
                          change=lambda text, change=change: change(direct(text))) for name, change in changes.items()}
    times = {name: [] for name in changes}
    try:
        for envoy in envoys.values():
            load.latencies(envoy.start().port, data, 200)
        # In turns, so that what else the machine does meets all of them.
        for _ in range(ROUNDS):
            for name, envoy in envoys.items():
                times[name] += load.latencies(envoy.port, data, COUNT)
    finally:
        for envoy in envoys.values():
            envoy.close()
        stub.close()

    def at(name, part):
        ordered = sorted(times[name])
        return ordered[int(len(ordered) * part)] * 1e6

    rows = []
    for label, part in [("p50", 0.5), ("p99", 0.99)]:
        base = at("none", part)
        rows.append({"name": f"Envoy with the filter, token seen before: {label} added", "value": at("filter", part) - base,
                     "unit": "µs", "peer": "jwt_authn", "peer_value": at("jwt_authn", part) - base})
        rows.append({"name": f"Envoy without a filter: {label}", "value": base, "unit": "µs"})
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
