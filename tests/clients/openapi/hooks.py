"""Makes requests mean something: tokens, ids of what there is, members that exist.

What is put in for what was made up depends on that alone, so that a run does the same again.
"""

import json
import urllib.request
import zlib

import schemathesis

from world import ADMINISTRATOR, BASE, CHANGED, HOME, PAT, PERSON, PLAYGROUND, REMOVED, World

WORLD = World()
with urllib.request.urlopen(f"{BASE}/openapi.json", timeout=30) as answer:
    DOCUMENT = json.load(answer)

# Places of ids, by what stands before them
PLACES = {
    "users": "user", "groups": "group", "roles": "role", "roles-by-id": "role-id", "clients": "client",
    "client-scopes": "client-scope", "models": "mapper", "components": "component", "sessions": "session",
    "default-groups": "group", "resource": "resource", "scope": "authz-scope", "policy": "policy",
    "permission": "policy", "share": "share", "user": "policy", "default-client-scopes": "client-scope",
    "optional-client-scopes": "client-scope", "default-default-client-scopes": "client-scope",
    "default-optional-client-scopes": "client-scope", "resource_set": "resource", "resources": "resource",
    "ticket": "ticket", "uma-policy": "resource", "applications": "client",
}
WORDS = {
    "alias": ["UPDATE_PASSWORD", "CONFIGURE_TOTP"], "path": ["group-0", "group-1/below"], "protocol": ["openid-connect"],
    "file": ["sign-in.css"],
}
VALUES = {
    "owner": ["alice", "bob"], "requester": ["bob"], "requesterName": ["bob"], "scopeName": ["read"],
    "resource_scopes": [["read"], ["read", "write"]], "scopes": [["read"], ["scope-1"]], "granted": [True, False],
    "type": ["user", "role", "scope", "resource", "password", "urn:type"], "users": [["bob"]], "token_type_hint": ["access_token"],
    "protocolMapper": ["oidc-full-name-mapper", "oidc-audience-mapper"], "protocol": ["openid-connect"],
    "logic": ["POSITIVE", "NEGATIVE"], "decisionStrategy": ["UNANIMOUS", "AFFIRMATIVE"],
}
GRANTS = [
    "client_credentials", "password", "refresh_token", "authorization_code",
    "urn:ietf:params:oauth:grant-type:uma-ticket", "urn:ietf:params:oauth:grant-type:uma-ticket",
    "urn:ietf:params:oauth:grant-type:token-exchange",
]


def number(value):
    return zlib.crc32(repr(value).encode())


def one(values, value):
    return values[number(value) % len(values)]


def realm(path, method):
    if path == "/admin/realms/{realm}":
        return {"PUT": CHANGED, "DELETE": REMOVED}.get(method, PLAYGROUND)
    return PLAYGROUND if path.startswith("/admin") else HOME


def places(case):
    """Ids of what there is, for two of three."""
    path, ids = case.path, dict(case.path_parameters or {})
    known = WORLD.playground if path.startswith("/admin") else WORLD.home
    before = None
    for segment in path.split("/"):
        name = segment.strip("{}*")
        if not segment.startswith("{"):
            before = segment
        elif name == "realm":
            ids[name] = realm(path, case.method)
        elif number((ids.get(name), before)) % 3:
            kind = "server" if name == "client" and path.startswith("/admin") else PLACES.get(before)
            if name in WORDS:
                ids[name] = one(WORDS[name], ids.get(name))
            elif name == "one" and "{two}" in path and "{three}" in path:
                ids[name] = "user"
            elif kind in known and known[kind]:
                ids[name] = one(known[kind], ids.get(name))
    return ids


def members(case):
    """Names of the members that the document knows of this body."""
    operation = DOCUMENT["paths"][case.path][case.method.lower()]
    content = operation.get("requestBody", {}).get("content", {})
    schema = next(iter(content.values()), {}).get("schema", {})
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema.get("properties", {})


def body(case, given):
    known = members(case)
    if number(given) % 4 == 0 or not known:
        return given
    made = {name: value for name, value in given.items() if name in known}
    ids = WORLD.playground if case.path.startswith("/admin") else WORLD.home
    for name in known:
        if number((name, given)) % 2 == 0:
            continue
        if name in VALUES:
            made[name] = one(VALUES[name], (given, name))
        elif name in ("resource", "_id", "resource_id"):
            made[name] = one(ids["resource"], given)
        elif name in ("user_id", "userId"):
            made[name] = one(ids["user"], given)
        elif name in ("name", "username", "clientId") and name not in made:
            made[name] = f"made-{number(given)}"
    return made


def grant(given):
    """A form of the token endpoint that gets beyond its first parameter, mostly."""
    form = dict(given)
    if number(given) % 8:
        form["grant_type"] = one(GRANTS, given)
    if number((given, "client")) % 4:
        for name in ("client_id", "client_secret", "client_assertion", "client_assertion_type"):
            form.pop(name, None)
    if form.get("grant_type") == "password" and number((given, "password")) % 2:
        form |= {"username": "alice", "password": "alice-password"}
    if form.get("grant_type", "").endswith("uma-ticket") and number((given, "audience")) % 4:
        form.pop("ticket", None)
        form["audience"] = "documents"
        form["response_mode"] = one(["decision", "permissions", ""], given)
        if number((given, "permission")) % 2:
            form["permission"] = [f"{one(WORLD.home['resource'], given)}#read"]
    if form.get("grant_type", "").endswith("token-exchange") and number((given, "subject")) % 2:
        form["subject_token"] = WORLD.tokens.of(PERSON)
        form["subject_token_type"] = "urn:ietf:params:oauth:token-type:access_token"
    return form


def caller(case):
    schemes = {name for choice in case.operation.definition.raw.get("security", []) for name in choice}
    return {"administrator": ADMINISTRATOR, "pat": PAT, "person": PERSON, "token": PERSON}.get(next(iter(schemes), None))


@schemathesis.hook
def before_call(context, case, **kwargs):
    case.path_parameters = places(case)
    case.headers = dict(case.headers or {})
    who = caller(case)
    if who:
        case.headers["Authorization"] = f"Bearer {WORLD.tokens.of(who)}"
    elif "/protocol/openid-connect/" in case.path and case.method == "POST":
        case.headers["Authorization"] = "Basic ZG9jdW1lbnRzOmRvY3VtZW50cy1zZWNyZXQ="
    if "/account" in case.path:
        case.headers["Accept"] = "application/json"
    if isinstance(case.body, dict):
        case.body = grant(case.body) if case.path.endswith("/token") else body(case, case.body)


@schemathesis.hook
def after_call(context, case, response):
    # Somebody has ended the sign-in that the token belongs to, as he was asked.
    if response.status_code == 401 and caller(case):
        WORLD.tokens.forget(caller(case))
