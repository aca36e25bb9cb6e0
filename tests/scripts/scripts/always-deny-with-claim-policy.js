$evaluation.getPermission().addClaim('deny-policy', 'deny-policy');
$evaluation.deny();
