var people = $evaluation.getRealm();
if (people.isUserInRealmRole('trinity', 'client-role-b')) {
    $evaluation.grant();
}
