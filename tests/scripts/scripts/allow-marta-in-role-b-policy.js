var people = $evaluation.getRealm();
if (people.isUserInRealmRole('marta', 'role-b')) {
    $evaluation.grant();
}
