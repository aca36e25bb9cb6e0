var people = $evaluation.getRealm();
if (people.isUserInGroup('alice', '/Group A')) {
    $evaluation.grant();
}
