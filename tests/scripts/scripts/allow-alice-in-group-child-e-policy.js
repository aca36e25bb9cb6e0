var people = $evaluation.getRealm();
if (people.isUserInGroup('alice', '/Group A/Group B/Group E')) {
    $evaluation.grant();
}
