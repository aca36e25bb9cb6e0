var people = $evaluation.getRealm();
if (people.isGroupInRole('/Group A/Group D', 'role-a')) {
    $evaluation.grant();
}
