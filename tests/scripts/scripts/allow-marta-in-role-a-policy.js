var people = $evaluation.getRealm();
if (people.isUserInRealmRole('marta', 'role-a')) {
    $evaluation.grant();
}
