var held = $evaluation.getRealm().getUserClientRoles('trinity', 'role-mapping-client');
if (held.size() == 1 && held.contains('client-role-a')) {
    $evaluation.grant();
}
