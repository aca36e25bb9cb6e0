$evaluation.getPermission().getResource().setName('test');
$evaluation.grant();
