var people = $evaluation.getRealm();
if (people.isUserInGroup('marta', 'Group A')) {
    $evaluation.grant();
}
