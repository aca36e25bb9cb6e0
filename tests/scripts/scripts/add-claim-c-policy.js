$evaluation.permission.addClaim('claim-c', 'claim-c');
$evaluation.grant();
