var people = $evaluation.getRealm();
if (people.isUserInClientRole('trinity', 'role-mapping-client', 'client-role-a')) {
    $evaluation.grant();
}
