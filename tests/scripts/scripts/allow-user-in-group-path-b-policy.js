var people = $evaluation.getRealm();
if (people.isUserInGroup('marta', '/Group A/Group B')) {
    $evaluation.grant();
}
