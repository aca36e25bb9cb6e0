var wanted = $evaluation.getPermission();
['claim-a', 'claim-a1'].forEach(function (value) { wanted.addClaim('claim-a', value); });
$evaluation.grant();
