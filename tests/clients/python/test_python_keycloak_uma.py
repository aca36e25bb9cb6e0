"""PyPI `python-keycloak`: all that its UMA client does, and the questions of its OpenID client."""

import base64
import json

from keycloak import KeycloakOpenID, KeycloakOpenIDConnection, KeycloakUMA
from keycloak.exceptions import KeycloakDeleteError, KeycloakGetError, KeycloakPostError, KeycloakPutError
from keycloak.uma_permissions import Resource, UMAPermission

from world import BASE, World

UMA = "urn:ietf:params:oauth:grant-type:uma-ticket"


class Uma(World):
    """The resource server `documents`, alice and bob"""

    def setUp(self):
        super().setUp()
        self.documents = self.resource_server("documents")
        for name in ("alice", "bob"):
            self.person(name)
        credentials = {
            "server_url": f"{BASE}/", "realm_name": self.realm,
            "client_id": "documents", "client_secret_key": "documents-secret"}
        self.openid = KeycloakOpenID(**credentials)
        self.uma = KeycloakUMA(connection=KeycloakOpenIDConnection(**credentials))
        alice, self.bob = (self.openid.token(name, f"{name}-password")["access_token"] for name in ("alice", "bob"))
        token = {"access_token": alice, "expires_in": 300}
        self.alices = KeycloakUMA(connection=KeycloakOpenIDConnection(**credentials, token=token))

    def document(self, name, **more):
        """A document of alice's; gives the id."""
        scopes = ["read", "write"]
        return self.uma.resource_set_create({
            "name": name, "resource_scopes": scopes, "ownerManagedAccess": True, "owner": "alice", **more})["_id"]

    def test_resources_are_registered_found_changed_and_removed(self):
        self.assertEqual(self.issuer, self.uma.uma_well_known["issuer"])
        a = self.document("a plan", type="urn:plan", uris=["/plans/*"])
        b = self.document("a letter", uris=["/letters/1"])
        listed = self.uma.resource_set_list_ids
        self.assertEqual({a, b}, set(listed()))
        self.assertEqual({a, b}, set(listed(name="a ")), "parts of a name")
        self.assertEqual([], listed(name="a", exact_name=True))
        self.assertEqual([a], listed(resource_type="urn:plan"))
        self.assertEqual([b], listed(uri="/letters/1"))
        self.assertEqual([], listed(uri="/plans/7"))
        # Patterns are those of the resource server's own resources (wire §2.7).
        self.assertEqual([], listed(uri="/plans/7", matchingUri=True))
        self.assertEqual({a, b}, set(listed(owner="alice")))
        self.assertEqual([], listed(owner="bob"))
        self.assertEqual({a, b}, set(listed(scope="read")))
        self.assertEqual({a, b}, set(listed(maximum=1) + listed(first=1, maximum=1)))
        self.assertEqual({"a plan", "a letter"}, {one["name"] for one in self.uma.resource_set_list()})

        plan = self.uma.resource_set_read(a)
        self.assertEqual(self.admin.get_user_id("alice"), plan["owner"]["id"])
        self.assertEqual({"read", "write"}, {scope["name"] for scope in plan["resource_scopes"]})
        plan.update(name="the plan", resource_scopes=["read"], scopes=["read"])
        self.assertEqual({}, self.uma.resource_set_update(a, plan))
        plan = self.uma.resource_set_read(a)
        self.assertEqual(("the plan", ["read"]), (plan["name"], [scope["name"] for scope in plan["resource_scopes"]]))
        with self.assertRaises(KeycloakPostError) as twice:
            self.document("a letter")
        self.assertEqual(409, twice.exception.response_code)
        self.assertEqual({}, self.uma.resource_set_delete(a))
        for call, error in (
            (lambda: self.uma.resource_set_read(a), KeycloakGetError),
            (lambda: self.uma.resource_set_update(a, {"name": "gone"}), KeycloakPutError),
            (lambda: self.uma.resource_set_delete(a), KeycloakDeleteError),
        ):
            with self.assertRaises(error) as gone:
                call()
            self.assertEqual(404, gone.exception.response_code)

    def test_a_ticket_is_redeemed(self):
        document = self.document("letter")
        self.alices.policy_resource_create(document, {"name": "for bob", "scopes": ["read"], "users": ["bob"]})
        with self.assertRaises(KeycloakPostError):
            self.uma.permission_ticket_create([Resource("nothing")])

        def redeem(scope):
            permission = UMAPermission(resource=document, scope=scope)
            # With an id it does not look for the name.
            permission.resource_id = document
            ticket = self.uma.permission_ticket_create([permission])["ticket"]
            return self.openid.token(grant_type=UMA, ticket=ticket, subject_token=self.bob)["access_token"]

        info = self.openid.introspect(self.bob, rpt=redeem("read"), token_type_hint="requesting_party_token")
        self.assertEqual([(document, ["read"])], [(one["rsid"], one["scopes"]) for one in info["permissions"]])
        with self.assertRaises(KeycloakPostError) as refused:
            redeem("write")
        self.assertEqual(403, refused.exception.response_code)
        self.assertIn(b"request_submitted", refused.exception.response_body)

    def test_shares_are_made_found_changed_and_taken_back(self):
        document = self.document("letter")
        read, write = (UMAPermission(resource=document, scope=scope) for scope in ("read", "write"))
        check = self.uma.permissions_check
        self.assertTrue(check(self.bob, []))
        self.assertFalse(check(self.bob, [read]))
        policy = self.alices.policy_resource_create(
            document, {"name": "for bob", "description": "a letter", "scopes": ["read"], "users": ["bob"]})
        self.assertTrue(check(self.bob, [read]))
        self.assertFalse(check(self.bob, [write]))
        self.assertFalse(check("nonsense", [read]))

        query = lambda **given: [one["id"] for one in self.alices.policy_query(**given)]
        for given in ({}, {"resource": document}, {"name": "for bob"}, {"scope": "read"}, {"maximum": 1}):
            self.assertEqual([policy["id"]], query(**given), given)
        for given in ({"name": "for carol"}, {"scope": "write"}, {"first": 1}):
            self.assertEqual([], query(**given), given)
        policy["scopes"] = ["write"]
        self.alices.policy_update(policy["id"], policy)
        self.assertFalse(check(self.bob, [read]))
        self.assertTrue(check(self.bob, [write]))
        self.assertEqual({}, self.alices.policy_delete(policy["id"]))
        self.assertFalse(check(self.bob, [write]))
        with self.assertRaises(KeycloakDeleteError):
            self.alices.policy_delete(policy["id"])
        with self.assertRaises(KeycloakPostError):
            self.alices.policy_resource_create("nothing", {"name": "x", "scopes": ["read"]})

    def test_permissions_are_asked_for_in_all_of_its_forms(self):
        document = self.document("letter")
        self.alices.policy_resource_create(
            document, {"name": "for bob", "scopes": ["read", "write"], "users": ["bob"]})
        both = {f"{document}#read", f"{document}#write"}
        for form in (both, list(both), {document: ["read", "write"]}, {document: None}, document):
            [granted] = self.openid.uma_permissions(self.bob, permissions=form)
            self.assertEqual((document, {"read", "write"}), (granted["rsid"], set(granted["scopes"])), form)
            if form not in ({document: None}, document):
                self.assertTrue(self.openid.has_uma_access(self.bob, form), form)
        status = self.openid.has_uma_access(self.bob, f"{document}#read")
        self.assertTrue(status.is_logged_in and status.is_authorized)
        self.assertEqual(set(), status.missing_permissions)
        # Nobody but him, and nothing that is not there.
        with self.assertRaises(KeycloakPostError):
            self.openid.uma_permissions(self.bob, permissions="nothing")
        with self.assertRaises(KeycloakPostError):
            self.openid.has_uma_access("nonsense", both)
        self.person("carol")
        carol = self.openid.token("carol", "carol-password")["access_token"]
        status = self.openid.has_uma_access(carol, both)
        self.assertFalse(status)
        self.assertEqual(both, status.missing_permissions)

    def test_claims_are_pushed(self):
        admin, documents = self.admin, self.documents
        ledger = admin.create_client_authz_resource(documents, {"name": "ledger", "scopes": [{"name": "read"}]})
        admin.create_client_authz_policy(documents, {
            "name": "of acme", "type": "regex", "logic": "POSITIVE",
            "config": {"targetClaim": "organization", "pattern": "acme", "targetContextAttributes": "true"}})
        policy = next(one for one in admin.get_client_authz_policies(documents) if one["name"] == "of acme")
        admin.create_client_authz_resource_based_permission(documents, {
            "name": "the ledger", "type": "resource", "resources": [ledger["_id"]], "policies": [policy["id"]]})
        push = lambda name: {
            "claim_token_format": "urn:ietf:params:oauth:token-type:jwt",
            "claim_token": base64.b64encode(json.dumps({"organization": [name]}).encode()).decode()}
        granted = self.openid.uma_permissions(self.bob, "ledger#read", **push("acme"))
        self.assertEqual({"organization": ["acme"]}, granted[0]["claims"])
        asked = [UMAPermission(resource="ledger", scope="read")]
        self.assertTrue(self.uma.permissions_check(self.bob, asked, **push("acme")))
        self.assertFalse(self.uma.permissions_check(self.bob, asked, **push("others")))
        self.assertFalse(self.uma.permissions_check(self.bob, asked))
