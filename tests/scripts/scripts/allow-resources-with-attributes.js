var thing = $evaluation.getPermission().getResource();
var all = thing.getAttributes();
if (all.size() == 2 && all.containsKey('a1') && all.get('a1').size() == 2 && thing.getAttribute('a1').size() == 2
    && thing.getSingleAttribute('a2').equals('3')) {
    $evaluation.grant();
}
