"""Where the server is, who administers it, and a realm for one test."""

import html
import os
import re
import unittest
import urllib.parse
import uuid

import requests
from keycloak import KeycloakAdmin, KeycloakOpenIDConnection


def required(name):
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"{name} is not set: these tests are run by `cargo xtask clients`")
    return value


BASE = required("CLIENTS_BASE")
CALLBACK = "http://127.0.0.1/callback"


def administrator():
    """An administrator of the realm `master`, as python-keycloak signs in."""
    connection = KeycloakOpenIDConnection(
        server_url=f"{BASE}/",
        username=required("CLIENTS_ADMIN"),
        password=required("CLIENTS_PASSWORD"),
        realm_name="master",
        user_realm_name="master",
    )
    return KeycloakAdmin(connection=connection)


class World(unittest.TestCase):
    """A fresh realm, which is gone after the test."""

    def setUp(self):
        self.admin = administrator()
        self.realm = f"clients-{uuid.uuid4()}"
        self.issuer = f"{BASE}/realms/{self.realm}"
        self.admin.create_realm({"realm": self.realm, "enabled": True})
        self.addCleanup(self.admin.delete_realm, self.realm)
        self.admin.change_current_realm(self.realm)

    def person(self, username):
        """A new user whose password is `<username>-password`; gives the id."""
        return self.admin.create_user({
            "username": username,
            "enabled": True,
            "email": f"{username}@test.example",
            "emailVerified": True,
            "firstName": username,
            "lastName": "Test",
            "credentials": [{"type": "password", "value": f"{username}-password", "temporary": False}],
        })

    def resource_server(self, client_id):
        """A new confidential client with authorization services; gives the internal id."""
        return self.admin.create_client({
            "clientId": client_id,
            "secret": f"{client_id}-secret",
            "enabled": True,
            "publicClient": False,
            "serviceAccountsEnabled": True,
            "authorizationServicesEnabled": True,
            "directAccessGrantsEnabled": True,
            "redirectUris": [CALLBACK],
        })


def sign_in(url, username):
    """Fills in the sign-in form as a browser without script does; gives the address to which it returns."""
    browser = requests.Session()
    page = browser.get(url, timeout=30)
    action = re.search(r'<form[^>]*\baction="([^"]+)"', page.text)
    assert action, f"no form ({page.status_code})"
    fields = {"username": username, "password": f"{username}-password"}
    for field in re.findall(r'<input([^>]*\btype="hidden"[^>]*)>', page.text):
        name, value = re.search(r'\bname="([^"]*)"', field), re.search(r'\bvalue="([^"]*)"', field)
        if name:
            fields[html.unescape(name[1])] = html.unescape(value[1]) if value else ""
    target = urllib.parse.urljoin(page.url, html.unescape(action[1]))
    answer = browser.post(target, data=fields, allow_redirects=False, timeout=30)
    for _ in range(5):
        location = answer.headers.get("location", "")
        if location.startswith(CALLBACK):
            return location
        assert location, f"the sign-in was refused ({answer.status_code})"
        answer = browser.get(urllib.parse.urljoin(target, location), allow_redirects=False, timeout=30)
    raise AssertionError("too many redirects")
