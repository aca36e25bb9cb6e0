"""PyPI `Authlib`: code flow with PKCE, refresh, introspection, revocation, a service's own token."""

import requests
from authlib.integrations.requests_client import OAuth2Session

from world import CALLBACK, World, sign_in

SECRET = "documents-secret"


class Authlib(World):
    """`OAuth2Session`"""

    def setUp(self):
        super().setUp()
        self.resource_server("documents")
        self.person("alice")
        self.metadata = requests.get(f"{self.issuer}/.well-known/openid-configuration", timeout=30).json()

    def session(self, method):
        """A client that authenticates by this method."""
        return OAuth2Session(
            "documents", SECRET, scope="openid email", redirect_uri=CALLBACK,
            token_endpoint_auth_method=method, code_challenge_method="S256")

    def test_somebody_signs_in(self):
        session, verifier = self.session("client_secret_basic"), "v" * 64
        url, state = session.create_authorization_url(
            self.metadata["authorization_endpoint"], code_verifier=verifier, nonce="n-0S6")
        token = session.fetch_token(
            self.metadata["token_endpoint"], authorization_response=sign_in(url, "alice"), state=state,
            code_verifier=verifier)
        self.assertIn("id_token", token)
        info = session.get(self.metadata["userinfo_endpoint"]).json()
        self.assertEqual("alice@test.example", info["email"])
        before = session.introspect_token(self.metadata["introspection_endpoint"], token=token["access_token"]).json()
        self.assertTrue(before["active"])
        again = session.refresh_token(self.metadata["token_endpoint"], refresh_token=token["refresh_token"])
        session.revoke_token(self.metadata["revocation_endpoint"], token=again["refresh_token"])
        after = session.introspect_token(self.metadata["introspection_endpoint"], token=again["access_token"]).json()
        self.assertFalse(after["active"])

    def test_a_service_gets_its_own_token_by_secret_in_header_and_body(self):
        for method in ("client_secret_basic", "client_secret_post"):
            with self.subTest(method):
                token = self.session(method).fetch_token(
                    self.metadata["token_endpoint"], grant_type="client_credentials")
                self.assertEqual("Bearer", token["token_type"])

    def test_a_service_proves_its_secret_by_a_signature(self):
        from authlib.oauth2.rfc7523 import ClientSecretJWT

        client = self.admin.get_client_id("documents")
        self.admin.update_client(client, {"clientAuthenticatorType": "client-secret-jwt"})
        session = self.session("client_secret_jwt")
        # The audience of an assertion is the issuer (rfc7523bis §4).
        session.register_client_auth_method(ClientSecretJWT(self.issuer))
        token = session.fetch_token(self.metadata["token_endpoint"], grant_type="client_credentials")
        self.assertEqual("Bearer", token["token_type"])
