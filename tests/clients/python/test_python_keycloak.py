"""PyPI `python-keycloak`: its admin client builds a realm and reads all of it back; its UMA client shares."""

from keycloak import KeycloakOpenID, KeycloakOpenIDConnection, KeycloakUMA
from keycloak.exceptions import KeycloakError, KeycloakGetError

from world import BASE, World


class Administration(World):
    """`KeycloakAdmin`"""

    def test_people_groups_and_roles(self):
        admin, carol = self.admin, self.person("carol")
        admin.create_realm_role({"name": "editor", "description": "May change"})
        editor = admin.get_realm_role("editor")
        admin.assign_realm_roles(carol, [editor])
        self.assertIn("editor", [role["name"] for role in admin.get_realm_roles_of_user(carol)])
        staff = admin.create_group({"name": "staff"})
        night = admin.create_group({"name": "night"}, parent=staff)
        admin.assign_group_realm_roles(night, [editor])
        admin.group_user_add(carol, night)
        self.assertEqual(["/staff/night"], [group["path"] for group in admin.get_user_groups(carol)])
        self.assertEqual(night, admin.get_group_by_path("/staff/night")["id"])
        self.assertEqual(["carol"], [user["username"] for user in admin.get_group_members(night)])
        self.assertEqual(carol, admin.get_user_id("carol"))
        admin.update_user(carol, {"firstName": "Carol"})
        self.assertEqual("Carol", admin.get_user(carol)["firstName"])
        admin.group_user_remove(carol, night)
        self.assertEqual([], admin.get_user_groups(carol))
        admin.delete_user(carol)
        with self.assertRaises(KeycloakGetError):
            admin.get_user(carol)

    def test_clients_with_roles_scopes_and_mappers(self):
        admin, documents = self.admin, self.resource_server("documents")
        self.assertEqual(documents, admin.get_client_id("documents"))
        admin.create_client_role(documents, {"name": "reader"})
        reader = admin.get_client_role(documents, "reader")
        alice = self.person("alice")
        admin.assign_client_role(alice, documents, [reader])
        self.assertEqual(["reader"], [role["name"] for role in admin.get_client_roles_of_user(alice, documents)])
        self.assertEqual("documents-secret", admin.get_client_secrets(documents)["value"])
        scope = admin.create_client_scope({"name": "audit", "protocol": "openid-connect"})
        self.assertEqual("audit", admin.get_client_scope(scope)["name"])
        mapper = {
            "name": "team",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-hardcoded-claim-mapper",
            "config": {"claim.name": "team", "claim.value": "blue", "access.token.claim": "true"},
        }
        admin.add_mapper_to_client(documents, mapper)
        self.assertIn("team", [one["name"] for one in admin.get_mappers_from_client(documents)])

    def test_a_resource_server_is_built_and_read_back(self):
        admin, documents = self.admin, self.resource_server("documents")
        self.person("alice")
        scope = admin.create_client_authz_scopes(documents, {"name": "read"})
        resource = admin.create_client_authz_resource(
            documents, {"name": "plan", "scopes": [{"name": "read"}], "type": "urn:plans"})
        admin.create_realm_role({"name": "editor"})
        editor = admin.get_realm_role("editor")
        policy = admin.create_client_authz_role_based_policy(
            documents, {"name": "editors", "logic": "POSITIVE", "roles": [{"id": editor["id"]}]})
        permission = admin.create_client_authz_scope_permission({
            "name": "who may read", "type": "scope", "logic": "POSITIVE", "decisionStrategy": "UNANIMOUS",
            "resources": [resource["_id"]], "scopes": [scope["id"]], "policies": [policy["id"]],
        }, documents)
        settings = admin.get_client_authz_settings(documents)
        self.assertEqual("ENFORCING", settings["policyEnforcementMode"])
        self.assertEqual(["plan"], [one["name"] for one in admin.get_client_authz_resources(documents)])
        self.assertEqual(["read"], [one["name"] for one in admin.get_client_authz_scopes(documents)])
        self.assertEqual(["editors"], [one["name"] for one in admin.get_client_authz_policies(documents)])
        self.assertEqual(["who may read"], [one["name"] for one in admin.get_client_authz_permissions(documents)])
        used = admin.get_client_authz_permission_associated_policies(documents, permission["id"])
        self.assertEqual(["editors"], [one["name"] for one in used])


class Sharing(World):
    """`KeycloakUMA` and `KeycloakOpenID`"""

    def setUp(self):
        super().setUp()
        self.resource_server("documents")
        for name in ("alice", "bob"):
            self.person(name)
        self.openid = KeycloakOpenID(
            server_url=f"{BASE}/", realm_name=self.realm, client_id="documents", client_secret_key="documents-secret")
        self.uma = KeycloakUMA(connection=KeycloakOpenIDConnection(
            server_url=f"{BASE}/", realm_name=self.realm, client_id="documents", client_secret_key="documents-secret"))

    def test_a_document_is_shared_and_taken_back(self):
        document = self.uma.resource_set_create({
            "name": "document 42", "resource_scopes": ["read"], "ownerManagedAccess": True, "owner": "alice"})
        self.assertEqual([document["_id"]], self.uma.resource_set_list_ids(name="document 42"))
        alice, bob = (self.openid.token(name, f"{name}-password")["access_token"] for name in ("alice", "bob"))
        asked = f"{document['_id']}#read"
        with self.assertRaises(KeycloakError):
            self.openid.uma_permissions(bob, permissions=asked)
        alices = KeycloakUMA(connection=KeycloakOpenIDConnection(
            server_url=f"{BASE}/", realm_name=self.realm, client_id="documents", client_secret_key="documents-secret",
            token={"access_token": alice, "expires_in": 300}))
        policy = alices.policy_resource_create(document["_id"], {"name": "for bob", "scopes": ["read"], "users": ["bob"]})
        granted = self.openid.uma_permissions(bob, permissions=asked)
        self.assertEqual(["read"], granted[0]["scopes"])
        self.assertTrue(self.openid.has_uma_access(bob, asked).is_authorized)
        alices.policy_delete(policy["id"])
        self.assertFalse(self.openid.has_uma_access(bob, asked).is_authorized)

    def test_tokens_are_asked_for_checked_refreshed_and_ended(self):
        tokens = self.openid.token("alice", "alice-password", scope="openid")
        self.assertEqual("alice", self.openid.userinfo(tokens["access_token"])["preferred_username"])
        self.assertTrue(self.openid.introspect(tokens["access_token"])["active"])
        self.assertEqual("alice", self.openid.decode_token(tokens["access_token"])["preferred_username"])
        again = self.openid.refresh_token(tokens["refresh_token"])
        self.openid.logout(again["refresh_token"])
        self.assertFalse(self.openid.introspect(again["access_token"])["active"])
        with self.assertRaises(KeycloakError):
            self.openid.refresh_token(again["refresh_token"])
