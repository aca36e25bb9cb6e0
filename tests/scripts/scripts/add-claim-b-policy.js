$evaluation.permission.addClaim('claim-b', 'claim-b');
$evaluation.grant();
