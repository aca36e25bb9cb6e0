var seen = $evaluation.getPermission().getResource();
if (seen) {
    var visibility = seen.getAttributes().get('visibility');
    if (visibility && 'private'.equals(visibility.get(0))) {
        $evaluation.deny();
    } else {
        $evaluation.grant();
    }
}
