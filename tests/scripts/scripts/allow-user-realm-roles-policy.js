var held = $evaluation.getRealm().getUserRealmRoles('marta');
if (held.size() == 2 && held.contains('uma_authorization') && held.contains('role-a')) {
    $evaluation.grant();
}
