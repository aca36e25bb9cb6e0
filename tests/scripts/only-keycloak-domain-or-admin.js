var who = $evaluation.getContext().getIdentity();
var mail = who.getAttributes().getValue('email').asString(0);
if (who.hasRealmRole('admin') || mail.endsWith('@keycloak.org')) {
    $evaluation.grant();
}
