var known = $evaluation.getRealm().getUserAttributes('jdoe');
if (known.size() == 6 && known.get('a1').size() == 2 && known.get('a2').get(0).equals('3')) {
    $evaluation.grant();
}
