var within = $evaluation.getRealm().getUserGroups('jdoe');
if (within.size() == 2 && within.contains('/Group A/Group B') && within.contains('/Group A/Group D')) {
    $evaluation.grant();
}
