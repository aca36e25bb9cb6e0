"""Realms with something of everything, and tokens for them."""

import os
import threading
import time

import requests


def required(name):
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"{name} is not set: this is run by `cargo xtask openapi`")
    return value


BASE = required("CLIENTS_BASE")
# For calls of administrators: most of them change something. Whatever else is called is in the other.
PLAYGROUND, HOME = "playground", "home"
# Realms that are changed and removed themselves
CHANGED, REMOVED = "changed", "removed"
# Enough that some are left when others were removed
MANY = 6
FORM = "application/x-www-form-urlencoded"


def realm(name):
    """A realm as a file of an export has it."""
    default = f"default-roles-{name}"
    people = ["alice", "bob"] + [f"person-{number}" for number in range(MANY)]
    settings = {
        "allowRemoteResourceManagement": True,
        "policyEnforcementMode": "ENFORCING",
        "scopes": [{"name": "read"}, {"name": "write"}] + [{"name": f"scope-{number}"} for number in range(MANY)],
        "resources": [],
        "policies": [
            {"name": f"policy-{number}", "type": "user", "config": {"users": "[\"bob\"]"}} for number in range(MANY)
        ],
    }
    client = {"enabled": True, "redirectUris": ["http://127.0.0.1/callback"], "directAccessGrantsEnabled": True}
    server = {
        **client, "clientId": "documents", "secret": "documents-secret", "publicClient": False,
        "serviceAccountsEnabled": True, "authorizationServicesEnabled": True, "authorizationSettings": settings,
        "protocolMappers": [
            {"name": f"mapper-{number}", "protocol": "openid-connect", "protocolMapper": "oidc-full-name-mapper"}
            for number in range(MANY)
        ],
    }
    return {
        "realm": name, "enabled": True, "sslRequired": "none", "userManagedAccessAllowed": True,
        "accessTokenLifespan": 300, "bruteForceProtected": False,
        "roles": {
            "realm": [{"name": default}] + [{"name": f"role-{number}"} for number in range(MANY)],
            "client": {"documents": [{"name": "uma_protection"}] + [{"name": f"role-{n}"} for n in range(MANY)]},
        },
        "defaultRole": {"name": default},
        "groups": [{"name": f"group-{number}", "subGroups": [{"name": "below"}]} for number in range(MANY)],
        "users": [{
            "username": name_, "enabled": True, "email": f"{name_}@test.example", "emailVerified": True,
            "firstName": "Test", "lastName": "Person", "realmRoles": [default],
            "clientRoles": {"account": ["manage-account", "view-profile", "view-consent", "manage-consent",
                                        "view-applications", "view-groups"]},
            "credentials": [{"type": "password", "value": f"{name_}-password", "temporary": False}],
        } for name_ in people] + [{
            "username": "service-account-documents", "enabled": True, "serviceAccountClientId": "documents",
            "clientRoles": {"documents": ["uma_protection"]},
        }],
        "clients": [server] + [
            {**client, "clientId": f"app-{number}", "secret": "app-secret", "publicClient": number == 0}
            for number in range(MANY)
        ],
        "clientScopes": [{
            "name": f"client-scope-{number}", "protocol": "openid-connect",
            "protocolMappers": [{"name": "m", "protocol": "openid-connect",
                                 "protocolMapper": "oidc-full-name-mapper"}],
        } for number in range(MANY)],
    }


class Tokens:
    """Tokens that are renewed before they end, and after somebody has ended them."""

    def __init__(self):
        self.lock = threading.Lock()
        self.kept = {}

    def of(self, who):
        with self.lock:
            token, since = self.kept.get(who, (None, 0))
            if token is None or time.monotonic() - since > 30:
                token = fetch(*who)
                self.kept[who] = (token, time.monotonic())
            return token

    def forget(self, who):
        with self.lock:
            self.kept.pop(who, None)


ADMINISTRATOR = ("master", "admin-cli", None, required("CLIENTS_ADMIN"), required("CLIENTS_PASSWORD"))
PAT = (HOME, "documents", "documents-secret", None, None)
PERSON = (HOME, "app-0", None, "alice", "alice-password")


def fetch(realm_name, client, secret, username, password):
    form = {"client_id": client, "grant_type": "password" if username else "client_credentials", "scope": "openid"}
    form |= {"client_secret": secret} if secret else {}
    form |= {"username": username, "password": password} if username else {}
    url = f"{BASE}/realms/{realm_name}/protocol/openid-connect/token"
    answer = requests.post(url, data=form, timeout=30)
    assert answer.ok, f"no token for {client} and {username}: {answer.text}"
    return answer.json()["access_token"]


class World:
    """What there is, by name and id."""

    def __init__(self):
        self.tokens = Tokens()
        for name in [PLAYGROUND, HOME, CHANGED, REMOVED]:
            self.ask("POST", "/admin/realms", realm(name), ADMINISTRATOR)
        self.home = self.shares()
        self.playground = self.everything()

    def ask(self, method, path, body=None, who=ADMINISTRATOR):
        headers = {"authorization": f"Bearer {self.tokens.of(who)}"}
        answer = requests.request(method, BASE + path, json=body, headers=headers, timeout=30)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def shares(self):
        """Resources of alice, shared with bob, and a policy of hers for each."""
        base = f"/realms/{HOME}/authz/protection"
        resources, tickets, policies = [], [], []
        for number in range(MANY):
            resource = {"name": f"resource-{number}", "owner": "alice", "ownerManagedAccess": True,
                        "resource_scopes": ["read", "write"], "uris": [f"/{number}/*"]}
            resources.append(self.ask("POST", f"{base}/resource_set", resource, PAT)["_id"])
            ticket = {"resource": resources[-1], "requesterName": "bob", "scopeName": "read", "granted": number % 2 == 0}
            tickets.append(self.ask("POST", f"{base}/permission/ticket", ticket, PAT)["id"])
        users = self.ask("GET", f"/admin/realms/{HOME}/users?max=-1")
        clients = self.ask("GET", f"/admin/realms/{HOME}/clients?max=-1")
        return {
            "resource": resources, "ticket": tickets, "policy": policies,
            "user": [user["id"] for user in users], "client": [client["clientId"] for client in clients],
        }

    def everything(self):
        def ids(path, member="id"):
            separator = "&" if "?" in path else "?"
            return [one[member] for one in self.ask("GET", f"/admin/realms/{PLAYGROUND}{path}{separator}max=-1")]

        clients = self.ask("GET", f"/admin/realms/{PLAYGROUND}/clients?max=-1")
        server = next(client["id"] for client in clients if client["clientId"] == "documents")
        authz = f"/clients/{server}/authz/resource-server"
        people = self.ask("GET", f"/admin/realms/{PLAYGROUND}/users?max=-1")
        alice = next(user["id"] for user in people if user["username"] == "alice")
        resources = []
        for number in range(MANY):
            resource = {"name": f"resource-{number}", "owner": {"id": alice}, "ownerManagedAccess": True,
                        "scopes": [{"name": "read"}]}
            resources.append(self.ask("POST", f"/admin/realms/{PLAYGROUND}{authz}/resource", resource)["_id"])
            share = {"resource": resources[-1], "requester": "bob", "scopes": ["read"]}
            self.ask("POST", f"/admin/realms/{PLAYGROUND}{authz}/share", share)
        scope = ids("/client-scopes")[-1]
        return {
            "user": ids("/users"), "group": ids("/groups"), "role-id": ids("/roles"), "role": ids("/roles", "name"),
            "client": [client["id"] for client in clients if client["clientId"].startswith("app-")] + [server] * 3,
            "server": [server], "client-scope": ids("/client-scopes"),
            "mapper": ids(f"/client-scopes/{scope}/protocol-mappers/models"),
            "component": ids("/components"), "session": ["none"],
            "policy": ids(f"{authz}/policy"), "resource": resources, "authz-scope": ids(f"{authz}/scope"),
            "share": ids(f"{authz}/share"),
        }
