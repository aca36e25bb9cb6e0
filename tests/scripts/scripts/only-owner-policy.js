var album = $evaluation.getPermission().getResource();
var asking = $evaluation.getContext().getIdentity();
if (album && album.getOwner().equals(asking.getId())) {
    $evaluation.grant();
}
