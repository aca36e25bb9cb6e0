var people = $evaluation.getRealm();
if (people.isUserInGroup('alice', 'Group E')) {
    $evaluation.grant();
}
