if ($evaluation.permission.resource && $evaluation.permission.resource.owner.equals($evaluation.context.identity.id)) {
    $evaluation.grant();
}
